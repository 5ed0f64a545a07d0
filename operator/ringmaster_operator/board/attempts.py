"""Claims begin and end: pure transitions of a bead's status.

Each takes the bead as it was read and returns the whole new status, so that one patch on that version either
does all of it or nothing. The claim lives through all iterations of an attempt; how an iteration's report
moves it is in reporting.py.

The `iteration` of an unfinished bead without a claim is where its next claim begins: 0 for a fresh attempt;
what interrupted it otherwise (a question, a hold, a lost session) costs it no progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ringmaster_operator.board import texts
from ringmaster_operator.board.conditions import dress
from ringmaster_operator.board.facts import Readiness, wants_reopen, wants_retry
from ringmaster_operator.resources.bead import (
    FINISHED,
    Bead,
    BeadStatus,
    Claim,
    Desired,
    Outcome,
    OutcomeKind,
    Phase,
    Reason,
    RetryFrom,
)


@dataclass(frozen=True)
class Backoff:
    """How long to wait before another try, in seconds: doubling from base up to limit."""

    base_seconds: float = 30.0
    limit_seconds: float = 3600.0

    def until(self, now: datetime, failures: int) -> datetime | None:
        """When the next try may begin after so many failures in a row; None: at once."""
        if failures < 1 or self.base_seconds <= 0:
            return None
        seconds = min(self.limit_seconds, self.base_seconds * 2.0 ** min(failures - 1, 30))
        return now + timedelta(seconds=seconds)


MAX_REASON = 1024
_ANEW: dict[str, object] = {
    "phase": None,
    "attempts": 0,
    "interruptions": 0,
    "iteration": 0,
    "retry_after": None,
    "finished_at": None,
}


def settled(bead: Bead) -> BeadStatus:
    """The status with a wanted retry or reopening obeyed: attempts start anew, what was is kept.

    A retry from scratch does not build on the work so far: neither on its branch nor on its history.
    """
    status, spec = bead.status, bead.spec
    if wants_retry(bead):
        update = {**_ANEW, "last_retry": spec.retry}
        if spec.retry_from is RetryFrom.SCRATCH:
            update |= {"branch": None, "commit": None, "fresh_from": status.fence}
        return status.model_copy(update=update)
    if wants_reopen(bead):
        return status.model_copy(update={**_ANEW, "last_reopen": spec.reopen, "decision": None})
    if spec.reopen is not None and spec.reopen != status.last_reopen and status.phase is not Phase.SUCCEEDED:
        status = status.model_copy(update={"last_reopen": spec.reopen})
    waits_for_run = status.phase in (Phase.FAILED, Phase.CANCELLED)
    if spec.retry is not None and spec.retry != status.last_retry and not waits_for_run:
        return status.model_copy(update={"last_retry": spec.retry})
    return status


def holds(bead: Bead, *, fence: int, iteration: int | None = None) -> bool:
    """Whether this fencing token is the valid one (and, for a report, this iteration the running one)."""
    claim = bead.status.claim
    if claim is None or claim.fence != fence:
        return False
    return iteration is None or iteration == bead.status.iteration


def claimed(
    bead: Bead, *, claim_id: str, worker: str, session: str, reason: str = "", now: datetime
) -> BeadStatus:
    """A session takes the bead, for a reason if there is one; ValueError when it is claimed or finished."""
    status = settled(bead)
    if status.claim is not None or status.phase in FINISHED:
        raise ValueError(f"bead {bead.metadata.name} cannot be claimed: {status.phase}")
    fence = status.fence + 1
    update = {
        "fence": fence,
        "claim": Claim(
            id=claim_id, worker=worker, session=session, fence=fence, since=now, reason=reason[:MAX_REASON]
        ),
        "attempts": status.attempts + 1,
        "iteration": max(1, status.iteration),
        "started_at": status.started_at or now,
        "retry_after": None,
        "blocked_by": [],
    }
    running = status.model_copy(update=update)
    return dress(bead, running, readiness=Readiness.RUNNING, message=texts.running(session), now=now)


def released(
    bead: Bead, *, reason: Reason | None = None, message: str = "", now: datetime, backoff: Backoff
) -> BeadStatus:
    """The session gives the bead back without a verdict on the agent's work: the attempt does not count.

    With a reason (Infrastructure, Provider ...) it is an interruption, and later ones wait longer.
    """
    summary = message or "given back by the session"
    if reason is not None:
        outcome = Outcome(kind=OutcomeKind.FAILED, summary=summary, reason=reason)
        return interrupted(bead, bead.status, outcome=outcome, backoff=backoff, now=now)
    outcome = Outcome(kind=OutcomeKind.CANCELLED, summary=summary)
    return idle(bead, uncounted(bead.status, outcome), now=now)


def lost(bead: Bead, *, message: str = "", now: datetime, backoff: Backoff) -> BeadStatus:
    """The lease ran out: someone else may go on. At once the first time, for it says nothing of the bead."""
    session = bead.status.claim.session if bead.status.claim is not None else "its session"
    summary = message or f"no sign of life from {session}: its lease has ended"
    outcome = Outcome(kind=OutcomeKind.FAILED, summary=summary, reason=Reason.INFRASTRUCTURE)
    return interrupted(bead, bead.status, outcome=outcome, backoff=backoff, now=now, free=1)


def uncounted(status: BeadStatus, outcome: Outcome) -> BeadStatus:
    """End the claim as if the attempt had not been; its iteration is where the next one goes on."""
    update = {"claim": None, "attempts": max(0, status.attempts - 1), "outcome": outcome}
    return status.model_copy(update=update)


def interrupted(
    bead: Bead, status: BeadStatus, *, outcome: Outcome, backoff: Backoff, now: datetime, free: int = 0
) -> BeadStatus:
    """End the claim for a reason that is not the agent's; `free` interruptions in a row cost no waiting."""
    interruptions = status.interruptions + 1
    update = {"interruptions": interruptions, "retry_after": backoff.until(now, interruptions - free)}
    return idle(bead, uncounted(status, outcome).model_copy(update=update), now=now)


def finished(bead: Bead, status: BeadStatus, phase: Phase, *, now: datetime) -> BeadStatus:
    """The bead has come to an end."""
    update: dict[str, object] = {
        "phase": phase,
        "claim": None,
        "finished_at": now,
        "retry_after": None,
        "blocked_by": [],
    }
    ended = status.model_copy(update=update)
    return dress(bead, ended, readiness=Readiness.FINISHED, message=texts.finished(phase), now=now)


def idle(bead: Bead, status: BeadStatus, *, now: datetime) -> BeadStatus:
    """Without a claim again: as far as the bead alone tells; the next reconcile adds what the board knows."""
    readiness, message = Readiness.READY, texts.READY
    if status.retry_after is not None and status.retry_after > now:
        readiness, message = Readiness.BACKOFF, texts.backoff(status)
    if bead.spec.desired is Desired.HOLD:
        readiness, message = Readiness.HELD, texts.HELD
    return dress(
        bead, status.model_copy(update={"phase": None}), readiness=readiness, message=message, now=now
    )
