"""rank, blocked, tracks and what-if: what each computes, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from ringmaster_cli.exits import UsageError
from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.board.graph import GATE
from ringmaster_operator.board.ranking import PRIORITIES
from ringmaster_operator.insight import reasons
from ringmaster_operator.insight.scene import Scene
from ringmaster_operator.insight.show import span
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, Desired, Phase
from ringmaster_operator.resources.project import DEFAULT_ESTIMATE_MINUTES

Row = dict[str, Any]


def rank(scene: Scene, limit: int | None = None) -> list[Row]:
    """What may be claimed, best first; so many of it, if given."""
    return [
        {
            "rank": place,
            "name": name,
            "priority": str(PRIORITIES[scene.view(name).age.rank]),
            "score": scene.view(name).score,
            "waiting": span(reasons.idle(scene, name) or timedelta()),
            "workers": scene.takers(name)[0],
            "why": _why(scene, name),
            "title": scene.beads[name].spec.title,
        }
        for place, name in enumerate(scene.ranked()[:limit], start=1)
    ]


def _why(scene: Scene, name: str) -> str:
    words = [reasons.urgency(scene, name)]
    waiting = scene.waiting.count(name)
    if waiting:
        words.append(f"{waiting} {'bead waits' if waiting == 1 else 'beads wait'} for it")
    if turn := reasons.turn(scene, name):
        words.append(turn)
    return "; ".join(words)


def blocked(scene: Scene) -> tuple[list[Row], list[Row]]:
    """Open beads that may not be claimed and do not run; and what has to happen first for most of them."""
    waits = {
        name: view
        for name in scene.open()
        if not (view := scene.view(name)).ready and view.readiness is not Readiness.RUNNING
    }
    rows = [
        {
            "name": name,
            "reason": str(view.readiness),
            "waitingInAll": scene.waiting.count(name),
            "waitsFor": list(view.blocked_by),
            "message": view.message,
        }
        for name, view in waits.items()
    ]
    holds = {name: scene.waiting.count(name, waits) for name in scene.open() if _is_end(scene, name)}
    holds |= Counter(
        other for view in waits.values() for other in view.blocked_by if other not in scene.beads
    )
    order = sorted((name for name in holds if holds[name]), key=lambda name: (-holds[name], name))
    rows.sort(key=lambda row: (-scene.waiting.count(str(row["name"])), row["name"]))
    return rows, [{"name": name, "holdsBack": holds[name], "state": _state(scene, name)} for name in order]


def _is_end(scene: Scene, name: str) -> bool:
    """Whether it waits for no other open bead."""
    return not any(step or other.startswith(GATE) for other, step in scene.room.graph.below(name))


def _state(scene: Scene, name: str) -> str:
    if name not in scene.beads:
        return "does not exist"
    view = scene.view(name)
    return f"{view.readiness}: {view.message}"


def tracks(scene: Scene) -> list[Row]:
    """Groups of open beads that have nothing to do with each other, each in waves of what may go together."""
    links = _links(scene)
    neighbours: dict[str, set[str]] = {name: set(others) for name, others in links.items()}
    for name, others in links.items():
        for other in others:
            neighbours[other].add(name)
    seen: set[str] = set()
    found = []
    for name in links:
        if name not in seen:
            group = _component(name, neighbours)
            seen |= group
            found.append(_track(scene, group, links))
    return sorted(found, key=lambda track: (-track["ready"], -len(track["beads"]), track["beads"][0]))


def _links(scene: Scene) -> dict[str, set[str]]:
    """What each open bead waits for, gates passed through."""
    graph, found = scene.room.graph, {}
    for name in scene.open():
        links, stack, seen = set(), [name], {name}
        while stack:
            for other, _ in graph.below(stack.pop()):
                if other in seen:
                    continue
                seen.add(other)
                if other.startswith(GATE):
                    stack.append(other)
                else:
                    links.add(other)
        found[name] = links
    return found


def _component(start: str, neighbours: dict[str, set[str]]) -> set[str]:
    found, stack = set[str](), [start]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(neighbours[name])
    return found


def _track(scene: Scene, group: set[str], links: dict[str, set[str]]) -> Row:
    waves: list[list[str]] = []
    left, minutes = set(group), 0
    while wave := sorted(name for name in left if not links[name] & left):
        waves.append(wave)
        left -= set(wave)
        minutes += max(scene.beads[name].spec.estimate_minutes or DEFAULT_ESTIMATE_MINUTES for name in wave)
    return {
        "beads": sorted(group),
        "ready": sum(scene.view(name).ready for name in group),
        "running": sum(scene.view(name).readiness is Readiness.RUNNING for name in group),
        "minutes": minutes,
        "waves": waves,
        "inCycles": sorted(left),
        "oneAtATime": {key: names for key, names in _shared(scene, group).items() if len(names) > 1},
    }


def _shared(scene: Scene, group: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(group):
        for key in scene.beads[name].spec.exclusive:
            found.setdefault(key, []).append(name)
    return found


def changed(scene: Scene, *, close: list[str], priority: list[str], hold: list[str], run: list[str]) -> Scene:
    """The scene that would be; raises UsageError for what cannot be meant."""
    beads = dict(scene.beads)
    for name in close:
        bead = scene.named(name)
        ended = {"phase": Phase.SUCCEEDED, "claim": None, "finished_at": scene.now}
        beads[name] = bead.model_copy(update={"status": bead.status.model_copy(update=ended)})
    for wish in priority:
        name, _, value = wish.partition("=")
        if value not in {str(item) for item in Priority}:
            raise UsageError(f"--priority {wish}: write BEAD=P0, up to P4")
        scene.named(name)
        beads[name] = _with_spec(beads[name], priority=Priority(value))
    for names, desired in ((hold, Desired.HOLD), (run, Desired.RUN)):
        for name in names:
            scene.named(name)
            beads[name] = _with_spec(beads[name], desired=desired)
    return scene.with_beads(beads)


def _with_spec(bead: Bead, **update: Any) -> Bead:
    return bead.model_copy(update={"spec": bead.spec.model_copy(update=update)})


def what_if(before: Scene, after: Scene) -> list[Row]:
    """The order that would follow, beside the one that is."""
    old, new = before.ranked(), after.ranked()
    places = {name: place for place, name in enumerate(old, start=1)}
    rows = [
        {
            "rank": place,
            "before": places.get(name),
            "name": name,
            "priority": str(PRIORITIES[after.view(name).age.rank]),
            "score": after.view(name).score,
            "why": reasons.urgency(after, name),
        }
        for place, name in enumerate(new, start=1)
    ]
    gone = [
        {"rank": None, "before": places[name], "name": name, "why": _state(after, name)}
        for name in old
        if name not in new
    ]
    return [*rows, *gone]
