"""The board's sentences for people: what a bead waits for and what to do about it.

In one place, because a status that a claim or report writes must read the same as the one that the next
reconcile derives: otherwise every claim would be followed by a second write that only changes words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ringmaster_operator.resources.bead import BeadStatus, Phase

SHOWN = 5
READY = "may be claimed"
HELD = "spec.desired is Hold; set it to Run to go on"
ASKS = "waits for a person: answer it by setting spec.decision.answer"
ASKED = "waits for a person's answer to its question"
NO_CHILDREN = "has no children yet: an epic is done when the beads that name it as their parent are"
CHILDREN_DONE = "all children have succeeded"
PARENT_LOOP = "a parent above it is its own parent: change spec.parent of one of them"
_AGAIN = "each runs again when its spec.retry is changed"


def asks_until(deadline: datetime, default: str) -> str:
    short = default if len(default) <= 80 else f"{default[:79]}…"
    return f"{ASKS}; from {stamp(deadline)} on the answer is: {short}"


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def finished(phase: Phase) -> str:
    return "has been cancelled" if phase is Phase.CANCELLED else f"has {str(phase).lower()}"


def running(session: str) -> str:
    return f"session {session} works on it"


def cancelled(by: str | None) -> str:
    return "is cancelled" if by is None else f"belongs to {by}, which is cancelled"


def parent_held(parent: str) -> str:
    return f"belongs to {parent}, whose spec.desired is Hold"


def missing(names: Sequence[str]) -> str:
    return f"depends on {listed(names)}, which does not exist: create it, or remove it from spec.dependsOn"


def parent_missing(parent: str) -> str:
    return f"its parent {parent} does not exist: create it, or remove spec.parent"


def failed(beads: Sequence[tuple[str, Phase]]) -> str:
    return f"depends on {_ended(beads)}; {_AGAIN}"


def children_failed(beads: Sequence[tuple[str, Phase]]) -> str:
    return f"its children: {_ended(beads)}; {_AGAIN}"


def _ended(beads: Sequence[tuple[str, Phase]]) -> str:
    return listed([f"{name} ({phase.lower()})" for name, phase in beads])


def pending(names: Sequence[str]) -> str:
    return f"waits for {listed(names)}"


def parent_blocked(parent: str, why: str) -> str:
    return f"belongs to {parent}, which {why}"


def children(names: Sequence[str]) -> str:
    return f"waits for its children {listed(names)}"


def decisions(names: Sequence[str]) -> str:
    return f"waits for a person's answer to {listed(names)}"


def answered(name: str) -> str:
    return f"the answer to {name} is taking effect"


def deferred(until: datetime) -> str:
    return f"spec.deferUntil is {stamp(until)}"


def backoff(status: BeadStatus) -> str:
    """Why the last attempt ended, and when the next may begin."""
    reason = status.outcome.reason if status.outcome else None
    when = stamp(status.retry_after) if status.retry_after else "now"
    return f"the last attempt ended with {reason or 'failure'}; the next may start at {when}"


def exclusive(key: str, holder: str) -> str:
    return f"shares the exclusive key {key} with {holder}, which is being worked on"


def concurrency(limit: int) -> str:
    return f"the project's limit of {limit} running {'bead is' if limit == 1 else 'beads is'} reached"


def crowded(repository: str, limit: int) -> str:
    return f"the project's limit of {limit} running beads in {repository} is reached"
