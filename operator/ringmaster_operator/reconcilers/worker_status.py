"""What a Worker's status says of its sessions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ringmaster_operator.events import Note
from ringmaster_operator.reconcilers.session_plan import looping
from ringmaster_operator.resources.base import Condition, ConditionStatus
from ringmaster_operator.resources.worker import Session, SessionState, Spent, Worker, WorkerStatus
from ringmaster_operator.runtimes.pod.manifest import WORKER_LABEL

RUNNING = frozenset({SessionState.STARTING, SessionState.IDLE, SessionState.WORKING, SessionState.DRAINING})


@dataclass(frozen=True)
class Obstacle:
    """Why no session can be started: a CamelCase word and a sentence."""

    reason: str
    message: str


def worker_status(
    worker: Worker,
    *,
    sessions: Sequence[Session],
    wanted: int,
    spent: Spent,
    over_budget: str,
    obstacle: Obstacle | None,
    now: datetime,
) -> WorkerStatus:
    """The whole status. over_budget says what limit is reached; empty when none is."""
    up = [item for item in sessions if item.state in RUNNING]
    before = {item.type: item for item in worker.status.conditions}
    facts = (
        ("Available", *_available(sessions, up, wanted, obstacle)),
        ("Progressing", *_progressing(worker, sessions, up, wanted)),
        ("WithinBudget", not over_budget, "BudgetSpent" if over_budget else "WithinBudget", over_budget),
    )
    conditions = [
        _condition(
            before.get(kind), kind, holds, reason=reason, message=message,
            generation=worker.metadata.generation, now=now,
        )
        for kind, holds, reason, message in facts
    ]  # fmt: skip
    return WorkerStatus(
        observed_generation=worker.metadata.generation,
        conditions=conditions,
        replicas=len(sessions),
        ready_replicas=sum(item.state is not SessionState.STARTING for item in up),
        busy_replicas=sum(item.bead is not None for item in sessions),
        desired_replicas=wanted,
        selector=f"{WORKER_LABEL}={worker.metadata.name}",
        sessions=list(sessions),
        cost_today=spent,
        capabilities=worker.status.capabilities,  # another reconciler's: carried along
    )


def stuck(before: Sequence[Session], after: Sequence[Session]) -> list[Note]:
    """What newly keeps sessions from starting, once for all of them."""
    told = {item.reason for item in before if item.state is SessionState.STARTING}
    found = {
        item.reason: Note(item.reason, f"{item.name}: {item.message}", warning=True)
        for item in reversed(after)
        if item.state is SessionState.STARTING and item.reason and item.reason not in told
    }
    return list(found.values())


def _available(
    sessions: Sequence[Session], up: Sequence[Session], wanted: int, obstacle: Obstacle | None
) -> tuple[bool, str, str]:
    loops = looping(sessions)
    ready = any(item.state is not SessionState.STARTING for item in up)
    held = next((item for item in up if item.state is SessionState.STARTING and item.reason), None)
    if obstacle is not None and len(up) < wanted:
        return bool(up), obstacle.reason, obstacle.message
    if loops:
        first = loops[0]
        text = f"{first.name} crashed {first.restarts} times in a row: {first.message}"
        return bool(up), "CrashLoop", text
    if held is not None:
        return ready, held.reason, f"{held.name}: {held.message}"
    if ready or not wanted:
        return True, "SessionsRun" if ready else "NoneWanted", ""
    crashed = next((item for item in sessions if item.state is SessionState.CRASHED), None)
    if crashed is not None:
        return False, crashed.reason or "SessionCrashed", f"{crashed.name}: {crashed.message}"
    return False, "Starting", "no session runs yet"


def _progressing(
    worker: Worker, sessions: Sequence[Session], up: Sequence[Session], wanted: int
) -> tuple[bool, str, str]:
    draining = [item.name for item in sessions if item.state is SessionState.DRAINING]
    if worker.metadata.deletion_timestamp is not None:
        return True, "Stopping", f"{len(sessions)} sessions still end"
    if draining:
        return True, "Draining", f"finish their bead first: {', '.join(draining[:10])}"
    if len(up) != wanted:
        return True, "Scaling", f"{len(up)} of {wanted} sessions run"
    if worker.spec.suspend:
        return False, "Suspended", "spec.suspend: no new bead is taken"
    return False, "Settled", ""


def _condition(
    before: Condition | None,
    kind: str,
    holds: bool,
    *,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Condition:
    status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    moved = before.last_transition_time if before is not None and before.status is status else now
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:4096],
        last_transition_time=moved,
        observed_generation=generation,
    )
