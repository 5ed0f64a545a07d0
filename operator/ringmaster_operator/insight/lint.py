"""What is wrong with a namespace: mistakes that keep work from being done, and what is likely one."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from ringmaster_cli.agents.profiles import ProfileError, parse_profile
from ringmaster_operator.board.assignable import nearest
from ringmaster_operator.board.cycles import rings, spell
from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.board.matching import NEVER_WORKED
from ringmaster_operator.board.texts import listed
from ringmaster_operator.insight.scene import Scene
from ringmaster_operator.resources.bead import Bead, BeadType

_STUCK = (Readiness.DEPENDENCY_MISSING, Readiness.DEPENDENCY_FAILED, Readiness.DEPENDENCY_CYCLE)


class Severity(StrEnum):
    """Errors keep something from being done; warnings may be meant so."""

    ERROR = "error"
    WARNING = "warning"


class Fault(NamedTuple):
    """One thing that is wrong."""

    severity: Severity
    rule: str
    where: str
    message: str


def lint(scene: Scene) -> list[Fault]:
    """All faults, errors first."""
    found = [
        *(_fault("unreadable", where, message) for where, message in scene.unreadable),
        *_profiles(scene),
        *_rings(scene),
        *(fault for name in scene.open() for fault in _bead(scene, name)),
        *_unreachable(scene),
        *_workers(scene),
    ]
    return sorted(found, key=lambda fault: (fault.severity, fault.rule, fault.where))


def _fault(rule: str, where: str, message: str) -> Fault:
    return Fault(Severity.ERROR, rule, where, message)


def _doubt(rule: str, where: str, message: str) -> Fault:
    return Fault(Severity.WARNING, rule, where, message)


def _profiles(scene: Scene) -> Iterator[Fault]:
    for body in scene.profiles:
        where = f"ConfigMap {body['metadata']['name']}"
        for key, text in (body.get("data") or {}).items():
            try:
                parse_profile(text, name=key.removesuffix(".toml"), source=where)
            except ProfileError as fault:
                yield _fault("profile", where, str(fault))


def _rings(scene: Scene) -> Iterator[Fault]:
    seen: set[tuple[str, ...]] = set()
    graph = scene.room.graph
    for name, ring in sorted(rings(graph, graph.reach(scene.open())).items()):
        if ring not in seen:
            seen.add(ring)
            yield _fault("cycle", f"Bead {name}", spell(name, ring))


def _unreachable(scene: Scene) -> Iterator[Fault]:
    """What waits, at any distance, for a bead that cannot be worked."""
    graph = scene.room.graph
    stuck = [name for name in scene.open() if scene.view(name).readiness in _STUCK]
    causes = {name: name for name in stuck}
    stack = list(reversed(stuck))
    while stack:
        node = stack.pop()
        for other, _ in graph.above(node):
            if other not in causes:
                causes[other] = causes[node]
                stack.append(other)
    for name in sorted(causes.keys() & graph.facts.keys() - set(stuck)):
        yield _fault(
            "unreachable", f"Bead {name}", f"waits for {causes[name]}, which cannot be worked as it is"
        )


def _bead(scene: Scene, name: str) -> Iterator[Fault]:
    bead, view, where = scene.beads[name], scene.view(name), f"Bead {name}"
    if view.readiness is Readiness.DEPENDENCY_MISSING:
        yield _fault("unknown-name", where, view.message)
    elif view.readiness is Readiness.DEPENDENCY_FAILED:
        yield _fault("unreachable", where, f"cannot be worked as things are: {view.message}")
    if bead.spec.type is BeadType.EPIC and not scene.room.graph.children(name):
        yield _doubt("empty-epic", where, "an epic without children never ends")
    if bead.spec.type in (BeadType.TASK, BeadType.SUBTASK) and _unjudged(bead):
        yield _doubt(
            "no-acceptance", where, "has no criteria and no verify commands: nothing tells whether it is done"
        )
    if bead.spec.type not in NEVER_WORKED and scene.workers:
        yield from _untakable(scene, name)


def _unjudged(bead: Bead) -> bool:
    return not bead.spec.acceptance.criteria and not bead.spec.acceptance.verify


def _untakable(scene: Scene, name: str) -> Iterator[Fault]:
    wanted = scene.room.needs[name]
    declared = {item.name for worker in scene.workers for item in worker.spec.capabilities}
    unknown = sorted(wanted.capabilities - declared)
    if unknown:
        yield _fault("capability", f"Bead {name}", f"no Worker declares {listed(unknown)}")
    elif not scene.takers(name)[0]:
        fleet = [scene.board.fits(worker, scene.now) for worker in scene.workers]
        lacks = "; ".join(lack.message for lack in nearest(fleet, wanted))
        yield _fault("no-worker", f"Bead {name}", f"no Worker can take it; the nearest: {lacks}")


def _workers(scene: Scene) -> Iterator[Fault]:
    if not scene.workers and any(scene.beads[name].spec.type not in NEVER_WORKED for name in scene.open()):
        yield _doubt("no-worker", f"namespace {scene.namespace}", "there are no Workers to do the work")
    known = set(scene.project.capabilities) if scene.project is not None else set()
    for worker in scene.workers:
        odd = sorted(item.name for item in worker.spec.capabilities if item.name not in known)
        if known and odd:
            message = f"declares {listed(odd)}, which the project's capabilities do not describe"
            yield _doubt("capability", f"Worker {worker.metadata.name}", message)
