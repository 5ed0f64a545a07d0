"""A bead's way, as pure functions of what is known: the one module that the rest of the operator asks.

Claims begin and end in attempts.py, reports are weighed in reporting.py; here is what the board, the spec and
time make of a status, and what the holder of a claim is told meanwhile.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ringmaster_operator.board import texts
from ringmaster_operator.board.answers import made
from ringmaster_operator.board.attempts import (
    Backoff,
    claimed,
    finished,
    holds,
    lost,
    released,
    settled,
)
from ringmaster_operator.board.conditions import dress
from ringmaster_operator.board.facts import Readiness, View, wants_retry
from ringmaster_operator.board.reporting import Transition, reported
from ringmaster_operator.resources.bead import (
    FINISHED,
    Bead,
    BeadStatus,
    BeadType,
    DecisionMade,
    Desired,
    Outcome,
    OutcomeKind,
    Phase,
    Reason,
)
from ringmaster_operator.resources.protocol import Order
from ringmaster_operator.resources.worker import SessionState, StopMode, Worker

__all__ = [
    "Backoff",
    "Transition",
    "claimed",
    "derive",
    "expired_ttl",
    "holds",
    "lost",
    "order_for",
    "released",
    "reported",
]


def derive(bead: Bead, view: View, now: datetime) -> BeadStatus:
    """The status that follows from the spec, the board and what was; an equal one when all is said.

    The view may be older than the status: what a claim or a report has just made of it stands.
    """
    # A retry under a cancelled parent waits until that is wanted again: obeyed now, it would be used up.
    waits = wants_retry(bead) and view.desired is Desired.CANCEL
    status = bead.status if waits else settled(bead)
    if status.phase not in FINISHED and status.claim is None:
        decision = made(bead, view.readiness, now)
        if decision is not None:
            status = status.model_copy(update={"decision": decision})
        end = _end(bead, view, decision)
        if end is not None:
            phase, outcome = end
            return finished(bead, status.model_copy(update={"outcome": outcome}), phase, now=now)
    if status.phase not in FINISHED:
        status = status.model_copy(
            update={
                "effective_priority": view.effective_priority,
                "inherited_from": view.inherited_from,
                "inherited_path": list(view.inherited_path),
            }
        )
    readiness, message, blocked_by = view.readiness, view.message, view.blocked_by
    if status.claim is not None:
        readiness, message, blocked_by = Readiness.RUNNING, texts.running(status.claim.session), ()
    elif status.phase in FINISHED:
        blocked_by = ()
    elif readiness is Readiness.RUNNING:
        return status
    told = status.model_copy(update={"blocked_by": list(blocked_by)})
    fresh = dress(bead, told, readiness=readiness, message=message, now=now)
    if fresh == bead.status or fresh.phase in FINISHED:
        return fresh  # every change moves all scores a little: alone, that is not worth a write
    return fresh.model_copy(update={"score": float(view.score)})


def expired_ttl(bead: Bead, now: datetime) -> bool:
    """Whether a finished bead is to be deleted; while View.awaited it must stay nevertheless."""
    seconds, end = bead.spec.ttl_seconds_after_finished, bead.status.finished_at
    if seconds is None or end is None or bead.status.phase not in FINISHED or wants_retry(bead):
        return False
    return end + timedelta(seconds=seconds) <= now


def order_for(
    bead: Bead | None, fence: int, *, desired: Desired | None, worker: Worker | None
) -> tuple[Order, str]:
    """What the holder of a claim is to do now, and why.

    desired is the board's (View.desired), which knows the parents' wishes; worker is None when it is gone.
    """
    if bead is None or bead.metadata.deletion_timestamp is not None:
        return Order.CANCEL, "the bead was deleted"
    if not holds(bead, fence=fence):
        return Order.CANCEL, "the claim has ended: another session may hold the bead"
    wish = desired or bead.spec.desired
    if wish is Desired.CANCEL:
        return Order.CANCEL, "the bead is cancelled"
    if worker is None:
        return Order.RELEASE, "the Worker is gone"
    if worker.spec.stop_mode is StopMode.NOW and _leaving(bead, worker):
        return Order.RELEASE, "the session is being stopped and stopMode is Now"
    if wish is Desired.HOLD:
        return Order.FINISH, "the bead is held: no further iteration"
    return Order.CONTINUE, ""


def _leaving(bead: Bead, worker: Worker) -> bool:
    if worker.metadata.deletion_timestamp is not None:
        return True
    session = bead.status.claim.session if bead.status.claim is not None else ""
    return any(
        item.name == session and item.state is SessionState.DRAINING for item in worker.status.sessions
    )


def _end(bead: Bead, view: View, decision: DecisionMade | None) -> tuple[Phase, Outcome] | None:
    """The end that an unfinished bead comes to without being worked."""
    if decision is not None:
        return Phase.SUCCEEDED, Outcome(kind=OutcomeKind.SUCCESS, summary=decision.answer)
    if bead.spec.type is BeadType.EPIC and view.readiness is Readiness.FINISHED:
        return Phase.SUCCEEDED, Outcome(kind=OutcomeKind.SUCCESS, summary=view.message)
    if view.desired is Desired.CANCEL:
        message = view.message if view.readiness is Readiness.CANCELLED else texts.cancelled(None)
        outcome = Outcome(kind=OutcomeKind.CANCELLED, summary=message, reason=Reason.CANCELLED)
        return Phase.CANCELLED, outcome
    return None
