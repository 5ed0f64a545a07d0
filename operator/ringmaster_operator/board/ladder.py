"""The escalation ladder: what is tried next with a bead that gets stuck. Pure; its state is in the status.

The ladder is gone through once, from its first step to its last, passing over steps that cannot help with
the class of failure at hand. What a step changes (model, profile, iterations) stays until a later one changes
it again. A bead whose ladder has ended fails, as one without a ladder does at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringmaster_operator.resources.bead import Bead, BeadStatus, Reason
from ringmaster_operator.resources.bead_status import Failures
from ringmaster_operator.resources.ladder import Escalation, LadderAction, LadderStep, PlanState

_ITERATIONS = frozenset({LadderAction.ITERATIONS})
_AGENT = frozenset({LadderAction.MODEL, LadderAction.PROFILE})
_SMALLER = frozenset({LadderAction.DECOMPOSE})
_PERSON = frozenset({LadderAction.PERSON})


@dataclass(frozen=True)
class FailureClass:
    """What a class of failures means."""

    counts: bool = True
    """Whether it says anything of the agent's work; what does not is tried again, without end."""
    patience: int = 2
    """Failed attempts in a row for this reason after which the ladder acts, even if attempts are left."""
    helps: frozenset[LadderAction] = _AGENT | _SMALLER | _PERSON
    """Steps that may make a difference."""


CLASSES: Mapping[Reason, FailureClass] = {
    Reason.AGENT_ERROR: FailureClass(),
    Reason.VERIFICATION_FAILED: FailureClass(),
    Reason.EMPTY_SUCCESS: FailureClass(helps=_AGENT | _PERSON),
    Reason.REFUSED: FailureClass(patience=1, helps=_AGENT | _PERSON),
    Reason.STALLED: FailureClass(patience=1),
    Reason.TIMEOUT: FailureClass(),
    Reason.ITERATIONS: FailureClass(patience=1, helps=_ITERATIONS | _AGENT | _SMALLER | _PERSON),
    Reason.TOO_LARGE: FailureClass(patience=1, helps=_SMALLER | _PERSON),
    Reason.BUDGET: FailureClass(patience=1, helps=_PERSON),
    Reason.MERGE_CONFLICT: FailureClass(patience=1, helps=_PERSON),
    Reason.CONFIGURATION: FailureClass(patience=1, helps=frozenset({LadderAction.PROFILE}) | _PERSON),
    Reason.REPOSITORY: FailureClass(counts=False),
    Reason.PROVIDER: FailureClass(counts=False),
    Reason.CREDENTIALS: FailureClass(counts=False),
    Reason.INFRASTRUCTURE: FailureClass(counts=False),
    Reason.CANCELLED: FailureClass(counts=False),
}

SPLIT_FIRST = LadderStep(action=LadderAction.DECOMPOSE, approval=True)
"""What is done with a bead that its agent calls too large, where the ladder has no step for it."""


@dataclass(frozen=True)
class Ladder:
    """The steps that hold for a bead, and whose they are: a Worker's name, or None for the bead's own."""

    steps: tuple[LadderStep, ...] = ()
    worker: str | None = None


NO_LADDER = Ladder()


def failed_again(status: BeadStatus, reason: Reason) -> Failures:
    """The row of failed attempts with one more for this reason."""
    row = status.failures
    return Failures(reason=reason, count=row.count + 1 if row is not None and row.reason is reason else 1)


def climbed(
    status: BeadStatus, ladder: Ladder, reason: Reason, *, why: str, iterations: int
) -> tuple[BeadStatus, LadderStep] | None:
    """The status on the ladder's next step that can help, and the step; None when there is none left.

    `iterations` is what the bead may have now; attempts and iterations begin anew, except on a step that only
    adds iterations.
    """
    before = status.escalation
    found = _next(before, ladder.steps, reason)
    if found is None:
        return None
    place, step = found
    now = before or Escalation(action=step.action, message="", step=0)
    changes: dict[str, object] = {
        "action": step.action,
        "step": place,
        "worker": ladder.worker,
        "message": f"{why}: {describe(step, iterations)}",
        "decision": None,
    }
    match step.action:
        case LadderAction.ITERATIONS:
            changes["iterations"] = now.iterations + (step.iterations or iterations)
        case LadderAction.MODEL:
            changes["model"] = step.model
        case LadderAction.PROFILE:
            changes |= {"profile": step.profile, "model": step.model}
        case LadderAction.DECOMPOSE:
            changes |= {"plan": PlanState.WANTED, "approval": step.approval}
        case LadderAction.PERSON:
            pass
    update: dict[str, object] = {
        "escalation": now.model_copy(update=changes),
        "escalation_level": status.escalation_level + 1,
        "failures": None,
    }
    if step.action is not LadderAction.ITERATIONS:
        update |= {"attempts": 0, "iteration": 0, "interruptions": 0, "retry_after": None}
    return status.model_copy(update=update), step


def describe(step: LadderStep, iterations: int) -> str:
    """What a step does, in words."""
    match step.action:
        case LadderAction.ITERATIONS:
            return f"{step.iterations or iterations} more iterations"
        case LadderAction.MODEL:
            return f"goes on with model {step.model}"
        case LadderAction.PROFILE:
            return f"goes on with profile {step.profile}" + (f", model {step.model}" if step.model else "")
        case LadderAction.DECOMPOSE:
            return "is to be split into smaller beads"
        case LadderAction.PERSON:
            return "a person decides how it goes on"


def model_of(bead: Bead) -> str | None:
    """The model that the bead asks for: an escalation's beats its own wish; None: the Worker's."""
    step = bead.status.escalation
    if step is not None and (step.model is not None or step.profile is not None):
        return step.model
    return bead.spec.routing.model


def profile_of(bead: Bead) -> str | None:
    """The only profile that may work it; None: any."""
    return bead.status.escalation.profile if bead.status.escalation is not None else None


def wants_plan(status: BeadStatus) -> bool:
    """Whether the next run plans the bead's children instead of doing its work."""
    return status.escalation is not None and status.escalation.plan is PlanState.WANTED


def _next(
    before: Escalation | None, steps: Sequence[LadderStep], reason: Reason
) -> tuple[int, LadderStep] | None:
    """The next step, with its place from 1."""
    done = before.step if before is not None else 0
    split = before is not None and before.plan is not None
    helps = CLASSES[reason].helps - (_SMALLER if split else frozenset())
    for place, step in enumerate(steps[done:], start=done + 1):
        if step.action in helps:
            return place, step
    if reason is Reason.TOO_LARGE and not split:
        return done, SPLIT_FIRST
    return None
