"""What the board looks at in a bead, and what it says of one.

Facts are taken out of a bead once, when it is put: the graph walks them thousands of times, and comparing
two of them tells at once whether a change can concern anyone else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ringmaster_operator.board.ageing import Age
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadType, Desired, Phase

Key = tuple[str, str]
"""(namespace, name)."""


class Readiness(StrEnum):
    """Reasons of the Ready condition; only READY may be claimed."""

    READY = "Ready"
    RUNNING = "Running"
    FINISHED = "Finished"
    HELD = "Held"
    PARENT_HELD = "ParentHeld"
    CANCELLED = "Cancelled"
    DEFERRED = "Deferred"
    BACKOFF = "Backoff"
    DEPENDENCY_PENDING = "DependencyPending"
    DEPENDENCY_MISSING = "DependencyMissing"
    DEPENDENCY_FAILED = "DependencyFailed"
    DEPENDENCY_CYCLE = "DependencyCycle"
    PARENT_BLOCKED = "ParentBlocked"
    CHILDREN_PENDING = "ChildrenPending"
    NEEDS_DECISION = "NeedsDecision"
    AWAITING_EXCLUSIVE = "AwaitingExclusive"


@dataclass(frozen=True, slots=True)
class View:
    """What the board says of one bead."""

    readiness: Readiness
    message: str
    """The same for people, with what to do where something is to be done."""
    effective_priority: Priority
    inherited_from: str | None = None
    """The bead that lends its priority; None when its own is as urgent."""
    inherited_path: tuple[str, ...] = ()
    """The beads by which it does, nearest first; of a long way the first ten."""
    age: Age = field(default=Age(0), compare=False)
    """What waiting makes of its urgency. Not compared, so that time alone changes no view."""
    score: int = field(default=0, compare=False)
    """0 to 1000. Not compared: all scores move with every change."""
    blocked_by: tuple[str, ...] = ()
    """Names of what it waits for, at most 100."""
    wake_at: datetime | None = None
    """Earliest time at which time alone changes something: deferUntil, retryAfter, or the end of its TTL."""
    desired: Desired = Desired.RUN
    """Its own wish and that of all it belongs to: Cancel beats Hold beats Run."""
    awaited: bool = False
    """An unfinished bead still depends on it or belongs to it: its TTL must wait."""

    @property
    def ready(self) -> bool:
        return self.readiness is Readiness.READY


class Facts(NamedTuple):
    """The part of a bead that the graph and the readiness of others can depend on."""

    name: str
    type: BeadType
    priority: Priority
    depends_on: tuple[str, ...]
    parent: str | None
    standing: Phase | None
    """Succeeded, Failed or Cancelled; None while there is something to wait for."""
    desired: Desired
    exclusive: tuple[str, ...]
    claimed: bool
    estimate: int | None = None
    """Minutes."""
    max_wait: int | None = None
    """Seconds; its own word alone."""
    repository: str | None = None
    """Address; its own word alone."""

    @property
    def open(self) -> bool:
        return self.standing is None


def wants_retry(bead: Bead) -> bool:
    """A finished bead whose spec.retry asks for another go that was not yet given."""
    spec, status = bead.spec, bead.status
    return (
        status.phase in (Phase.FAILED, Phase.CANCELLED)
        and spec.retry is not None
        and spec.retry != status.last_retry
        and spec.desired is not Desired.CANCEL
    )


def wants_reopen(bead: Bead) -> bool:
    """A succeeded bead whose spec.reopen asks for more work that was not yet begun."""
    return _asked(bead.spec.reopen, bead.status.last_reopen) and bead.status.phase is Phase.SUCCEEDED


def _asked(wish: str | None, obeyed: str | None) -> bool:
    return wish is not None and wish != obeyed


def standing(bead: Bead) -> Phase | None:
    """The end that a bead has come to, by what is written and what its own spec already decides."""
    if bead.status.phase in FINISHED and not wants_retry(bead) and not wants_reopen(bead):
        return bead.status.phase
    if bead.spec.decision is not None and bead.spec.decision.answer is not None:
        return Phase.SUCCEEDED
    return None


def facts_of(bead: Bead) -> Facts:
    """Take the facts out of a bead; an edge to itself or named twice says nothing and is dropped."""
    name, spec = bead.metadata.name, bead.spec
    deleting = bead.metadata.deletion_timestamp is not None
    return Facts(
        name=name,
        type=spec.type,
        priority=spec.priority,
        depends_on=tuple(item for item in dict.fromkeys(spec.depends_on) if item != name),
        parent=spec.parent if spec.parent != name else None,
        standing=standing(bead),
        desired=Desired.CANCEL if deleting else spec.desired,
        exclusive=tuple(dict.fromkeys(spec.exclusive)),
        claimed=bead.status.claim is not None,
        estimate=spec.estimate_minutes,
        max_wait=spec.limits.max_wait_seconds,
        repository=spec.repository.url if spec.repository is not None else None,
    )


def shape(facts: Facts | None) -> tuple[object, ...] | None:
    """What of a bead concerns others in the graph."""
    if facts is None:
        return None
    return facts.type, facts.priority, facts.depends_on, facts.parent, facts.standing, facts.desired


def measures(facts: Facts | None) -> tuple[int | None, int | None]:
    """What of a bead weighs it and those below it, without changing who waits for whom."""
    return (facts.estimate, facts.max_wait) if facts is not None else (None, None)
