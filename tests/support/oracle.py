"""The board's rules once more, as slowly and plainly as possible: what random tests compare it with."""

from __future__ import annotations

from datetime import datetime

from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, BeadType, Desired, Phase

Beads = dict[str, Bead]
_ENDS = (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


def end_of(bead: Bead) -> Phase | None:
    spec, status = bead.spec, bead.status
    retried = spec.retry not in (None, status.last_retry) and spec.desired is not Desired.CANCEL
    if status.phase in _ENDS and not (retried and status.phase is not Phase.SUCCEEDED):
        return status.phase
    return Phase.SUCCEEDED if spec.decision is not None and spec.decision.answer is not None else None


def lineage(beads: Beads, name: str) -> list[str]:
    """The bead and its existing ancestors."""
    found: list[str] = []
    step: str | None = name
    while step in beads and step not in found:
        assert step is not None
        found.append(step)
        step = beads[step].spec.parent
    return found


def looped(beads: Beads, name: str) -> bool:
    """Whether the way up never ends."""
    up = lineage(beads, name)
    top = beads[up[-1]].spec.parent
    return top in up and top != up[-1]


def wishes(beads: Beads, name: str) -> set[Desired]:
    return {beads[item].spec.desired for item in lineage(beads, name)}


def waits(beads: Beads, name: str) -> bool:
    return end_of(beads[name]) is None and Desired.CANCEL not in wishes(beads, name)


def children(beads: Beads, name: str) -> list[str]:
    return [other for other, bead in beads.items() if bead.spec.parent == name != other]


def gates(beads: Beads, name: str) -> list[str]:
    """What the bead's ancestors depend on, apart from an ancestor's own children."""
    return [
        other
        for ancestor in lineage(beads, name)[1:]
        if end_of(beads[ancestor]) is None
        for other in beads[ancestor].spec.depends_on
        if other != ancestor and other not in children(beads, ancestor)
    ]


def direct(beads: Beads, name: str) -> set[str]:
    """The unfinished beads that this one waits for, one step away."""
    if not waits(beads, name):
        return set()
    own = [other for other in beads[name].spec.depends_on if other != name]
    named = {*own, *children(beads, name), *gates(beads, name)}
    return {other for other in named if other in beads and end_of(beads[other]) is None}


def distances(beads: Beads, name: str) -> dict[str, int]:
    """Steps to all that a bead waits for; itself only if it is in a ring."""
    found: dict[str, int] = {}
    edge, steps = {name}, 0
    while edge:
        steps += 1
        edge = {other for item in edge for other in direct(beads, item)} - found.keys()
        found.update(dict.fromkeys(edge, steps))
    return found


def ways(beads: Beads, start: str, end: str, steps: int) -> list[tuple[str, ...]]:
    """All ways of so many steps from who waits to what it waits for, the first step of the end first."""
    if not steps:
        return [()] if start == end else []
    return [
        (other, *way)
        for other in beads
        if end in direct(beads, other)
        for way in ways(beads, start, other, steps - 1)
    ]


def priorities(beads: Beads) -> dict[str, tuple[Priority, str | None, tuple[str, ...]]]:
    """Effective priority, lender and way of each bead."""
    found: dict[str, tuple[Priority, str | None, tuple[str, ...]]] = {}
    reach = {name: distances(beads, name) for name in beads}
    for name, bead in beads.items():
        lenders = [
            (beads[other].spec.priority, reach[other][name], other)
            for other in beads
            if name in reach[other] and end_of(beads[other]) is None and wishes(beads, other) == {Desired.RUN}
        ]
        priority, steps, lender = min([(bead.spec.priority, 0, name), *lenders])
        if priority < bead.spec.priority:
            found[name] = (priority, lender, min(ways(beads, lender, name, steps)))
        else:
            found[name] = (priority, None, ())
    return found


def rings(beads: Beads) -> set[str]:
    return {name for name in beads if name in distances(beads, name)}


def ready(beads: Beads, now: datetime, *, reserved: set[str]) -> set[str]:
    """The beads that may be claimed, the project's limits apart."""
    busy = {name for name, bead in beads.items() if bead.status.claim is not None} | reserved
    in_rings = rings(beads)

    def done(names: list[str]) -> bool:
        return all(other in beads and end_of(beads[other]) is Phase.SUCCEEDED for other in names)

    def may(name: str, bead: Bead) -> bool:
        spec = bead.spec
        shared = {key for other in busy - {name} for key in beads[other].spec.exclusive}
        return (
            end_of(bead) is None
            and bead.status.claim is None
            and name not in reserved
            and spec.type not in (BeadType.EPIC, BeadType.DECISION)
            and wishes(beads, name) == {Desired.RUN}
            and name not in in_rings
            and not looped(beads, name)
            and (spec.parent is None or spec.parent == name or spec.parent in beads)
            and done([other for other in spec.depends_on if other != name])
            and done(gates(beads, name))
            and done(children(beads, name))
            and (spec.defer_until is None or spec.defer_until <= now)
            and (bead.status.retry_after is None or bead.status.retry_after <= now)
            and not shared.intersection(spec.exclusive)
        )

    return {name for name, bead in beads.items() if may(name, bead)}
