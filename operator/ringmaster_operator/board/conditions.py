"""Phase and conditions of a status: the same words whoever writes it, a claim, a report or a reconcile."""

from __future__ import annotations

from datetime import datetime

from ringmaster_operator.board import texts
from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.resources.base import Condition, ConditionStatus
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadStatus, Phase

_PHASES = {
    Readiness.READY: Phase.READY,
    Readiness.RUNNING: Phase.RUNNING,
    Readiness.HELD: Phase.HELD,
    Readiness.PARENT_HELD: Phase.HELD,
    Readiness.NEEDS_DECISION: Phase.NEEDS_DECISION,
    Readiness.DEPENDENCY_PENDING: Phase.BLOCKED,
    Readiness.DEPENDENCY_MISSING: Phase.BLOCKED,
    Readiness.DEPENDENCY_FAILED: Phase.BLOCKED,
    Readiness.DEPENDENCY_CYCLE: Phase.BLOCKED,
    Readiness.PARENT_BLOCKED: Phase.BLOCKED,
}
"""All other reasons are Pending: nothing is wrong, it is just not its turn."""
_WAITS_FOR_ROOM = frozenset({Readiness.READY, Readiness.AWAITING_EXCLUSIVE})
"""Nothing is missing but a session and what others hold just now: this is the waiting that ageing counts."""


ASSIGNABLE = "Assignable"
"""There, and False, while a bead is ready and nobody can take it."""


def dress(bead: Bead, status: BeadStatus, *, readiness: Readiness, message: str, now: datetime) -> BeadStatus:
    """The status with phase, conditions, observedGeneration and waitingSince that follow from the rest."""
    if status.phase in FINISHED:
        readiness, message = Readiness.FINISHED, texts.finished(status.phase)
        phase = status.phase
    else:
        phase = _PHASES.get(readiness, Phase.PENDING)
    facts = [
        ("Ready", readiness is Readiness.READY, str(readiness), message),
        ("Claimed", status.claim is not None, *_claimed(status)),
        ("Succeeded", phase is Phase.SUCCEEDED, *_succeeded(phase, status)),
        ("Failed", phase is Phase.FAILED, *_failed(phase, status)),
    ]
    if status.escalation is not None:
        facts.append(("Escalated", True, str(status.escalation.action), status.escalation.message))
    generation = bead.metadata.generation
    before = {item.type: item for item in status.conditions}
    conditions = [
        _condition(before.get(kind), kind, holds, reason=reason, message=text, generation=generation, now=now)
        for kind, holds, reason, text in facts
    ]
    others = [item for item in status.conditions if item.type not in {fact[0] for fact in facts}]
    if readiness is not Readiness.READY:
        others = [item for item in others if item.type != ASSIGNABLE]
    update = {
        "phase": phase,
        "observed_generation": generation,
        "conditions": [*conditions, *others],
        "waiting_since": (status.waiting_since or now) if readiness in _WAITS_FOR_ROOM else None,
    }
    return status.model_copy(update=update)


def assigned(bead: Bead, missing: tuple[str, str] | None, *, now: datetime) -> BeadStatus:
    """The status of a ready bead with reason and message why nobody can take it; None: somebody can."""
    before = {item.type: item for item in bead.status.conditions}
    told = before.pop(ASSIGNABLE, None)
    conditions = list(before.values())
    if missing is not None:
        reason, message = missing
        judged = bead.metadata.generation
        conditions.append(
            _condition(told, ASSIGNABLE, False, reason=reason, message=message, generation=judged, now=now)
        )
    return bead.status.model_copy(update={"conditions": conditions})


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
    if before is not None and (status, reason, message, generation) == _said(before):
        return before
    moved = before.last_transition_time if before is not None and before.status is status else now
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=moved,
        observed_generation=generation,
    )


def _said(told: Condition) -> tuple[ConditionStatus, str, str, int | None]:
    return told.status, told.reason, told.message, told.observed_generation


def _claimed(status: BeadStatus) -> tuple[str, str]:
    if status.claim is None:
        return "NotClaimed", ""
    return "Claimed", f"session {status.claim.session} of Worker {status.claim.worker}"


def _succeeded(phase: Phase, status: BeadStatus) -> tuple[str, str]:
    if phase is Phase.SUCCEEDED:
        return "Succeeded", status.outcome.summary if status.outcome is not None else ""
    return (str(phase) if phase in FINISHED else "NotFinished"), ""


def _failed(phase: Phase, status: BeadStatus) -> tuple[str, str]:
    outcome = status.outcome
    if phase is Phase.FAILED:
        reason = str(outcome.reason) if outcome is not None and outcome.reason is not None else "Failed"
        return reason, outcome.summary if outcome is not None else ""
    return (str(phase) if phase in FINISHED else "NotFinished"), ""
