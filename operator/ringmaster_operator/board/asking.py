"""What the ladder asks of people, and what their answers do to the bead. Pure."""

from __future__ import annotations

from datetime import datetime

from ringmaster_operator.board.attempts import finished, idle
from ringmaster_operator.resources.bead import (
    Bead,
    BeadStatus,
    DecisionOption,
    Outcome,
    OutcomeKind,
    Phase,
    Reason,
)
from ringmaster_operator.resources.ladder import Escalation, PlanState
from ringmaster_operator.resources.proposal import Proposal
from ringmaster_operator.resources.protocol import Question

RETRY, BUDGET, DONE, CANCEL = "retry", "more budget", "done", "cancel"
CREATE, AS_IT_IS = "create", "work on as it is"


def help_from(bead: Bead, reason: Reason, why: str, outcome: Outcome) -> Question:
    """The question when a person decides how it goes on."""
    options = {
        RETRY: "it is tried again, with all attempts and iterations",
        DONE: "you took it over and have done it: it counts as succeeded",
        CANCEL: "it is cancelled, and what waits for it stays blocked",
    }
    if reason is Reason.BUDGET:
        options = {BUDGET: "its limits of cost and tokens are granted once more", **options}
        del options[RETRY]
    said = f"\n\nLast: {outcome.summary}" if outcome.summary else ""
    branch = f"\n\nThe work so far is on branch {bead.status.branch}." if bead.status.branch else ""
    return Question(
        question=f"How should {bead.metadata.name} ({bead.spec.title}) go on? It {why}.{said}{branch}",
        options=_options(options),
    )


def approval_of(bead: Bead, plan: Proposal) -> Question:
    """The question whether the proposed children are created."""
    names = ", ".join(item.name for item in plan.beads)
    options = {
        CREATE: "the beads are created, and this one is finished after them",
        AS_IT_IS: "nothing is created",
        CANCEL: "it is cancelled, and what waits for it stays blocked",
    }
    question = f"Should {bead.metadata.name} be split into {len(plan.beads)} beads? {names}"
    return Question(question=question, options=_options(options), recommendation=CREATE)


def _options(texts: dict[str, str]) -> list[DecisionOption]:
    return [DecisionOption(name=name, consequence=text) for name, text in texts.items()]


def decided(bead: Bead, answer: str | None, *, now: datetime) -> BeadStatus:
    """The status once the escalation's decision is answered; None: the decision is gone, which is a retry."""
    step = bead.status.escalation
    if step is None or step.decision is None:
        return bead.status
    after: dict[str, object] = {"decision": None}
    if step.plan is PlanState.PROPOSED:
        after["plan"] = PlanState.DONE
    if answer == BUDGET:
        after["budgets"] = step.budgets + 1
    status = bead.status.model_copy(update={"escalation": step.model_copy(update=after)})
    if answer == DONE:
        outcome = Outcome(kind=OutcomeKind.SUCCESS, summary="done by a person")
        return _ended(bead, status, Phase.SUCCEEDED, outcome, now)
    if answer == CANCEL:
        outcome = Outcome(
            kind=OutcomeKind.CANCELLED, summary="a person cancelled it", reason=Reason.CANCELLED
        )
        return _ended(bead, status, Phase.CANCELLED, outcome, now)
    return idle(bead, status, now=now)


def creates(step: Escalation, answer: str | None) -> bool:
    """Whether the answer approves the proposed children."""
    return step.plan is PlanState.PROPOSED and answer == CREATE


def _ended(bead: Bead, status: BeadStatus, phase: Phase, outcome: Outcome, now: datetime) -> BeadStatus:
    return finished(bead, status.model_copy(update={"outcome": outcome}), phase, now=now)
