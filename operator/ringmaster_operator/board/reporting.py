"""What a report of an iteration does to its bead.

Failures of the surroundings never count against the agent; unfinished work goes round again with the same
claim until its iterations are used up; what can only be solved by a person says what that person can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ringmaster_operator.board import texts
from ringmaster_operator.board.asking import approval_of, help_from
from ringmaster_operator.board.attempts import (
    Backoff,
    finished,
    holds,
    idle,
    interrupted,
    uncounted,
)
from ringmaster_operator.board.conditions import dress
from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.board.ladder import CLASSES, climbed, failed_again, wants_plan
from ringmaster_operator.board.limits import EffectiveLimits
from ringmaster_operator.board.names import decision_name
from ringmaster_operator.resources.bead import (
    Bead,
    BeadStatus,
    Cost,
    Desired,
    Outcome,
    OutcomeKind,
    Phase,
    Reason,
)
from ringmaster_operator.resources.costs import bill
from ringmaster_operator.resources.ladder import LadderAction, PlanState
from ringmaster_operator.resources.proposal import MOST_CHILDREN, Proposal
from ringmaster_operator.resources.protocol import Next, Question, ReportRequest, Usage

UNCOUNTED = frozenset(reason for reason, known in CLASSES.items() if not known.counts) - {Reason.CANCELLED}
"""Reasons that say nothing of the agent's work."""

_SUCCESS = frozenset({OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS})


@dataclass(frozen=True)
class Transition:
    """What a report leads to."""

    status: BeadStatus
    next: Next
    reason: str
    """For people."""
    question: Question | None = None
    """To be made a decision bead, a child of this one, before the status is written."""
    proposal: Proposal | None = None
    """With a question: what is to be approved. Without: its beads are to be created, likewise before."""
    counted: bool = True
    """Whether the attempt counts."""


@dataclass(frozen=True)
class _Case:
    """One report on one bead; status is the bead's with cost and commit of the report taken in."""

    bead: Bead
    status: BeadStatus
    report: ReportRequest
    limits: EffectiveLimits
    backoff: Backoff
    desired: Desired
    now: datetime

    def end(self, phase: Phase, outcome: Outcome, reason: str) -> Transition:
        status = self.status.model_copy(update={"outcome": outcome})
        return Transition(finished(self.bead, status, phase, now=self.now), Next.DONE, reason)

    def fail(self, reason: Reason, advice: str) -> Transition:
        """End as Failed with what a person can do, then what was reported."""
        said = self.report.outcome.summary
        outcome = Outcome(
            kind=self.report.outcome.kind,
            confidence=self.report.outcome.confidence,
            summary=f"{advice}. Last: {said}" if said else advice,
            reason=reason,
        )
        return self.end(Phase.FAILED, outcome, advice)


def reported(
    bead: Bead,
    report: ReportRequest,
    limits: EffectiveLimits,
    now: datetime,
    *,
    backoff: Backoff,
    desired: Desired | None = None,
) -> Transition:
    """Take in a report by the holder of the claim; raises ValueError for any other (ask `holds` first).

    `desired` is the board's wish for the bead (View.desired), which knows its parents' too.
    """
    if not holds(bead, fence=report.fence):
        raise ValueError(f"bead {bead.metadata.name} is not held with fence {report.fence}")
    case = _Case(
        bead=bead,
        status=_taken_in(bead.status, report),
        report=report,
        limits=limits,
        backoff=backoff,
        desired=desired or bead.spec.desired,
        now=now,
    )
    outcome = report.outcome
    if outcome.kind in _SUCCESS and wants_plan(bead.status):
        return _planned(case)
    if outcome.kind in _SUCCESS:
        return case.end(Phase.SUCCEEDED, outcome, "the bead is done")
    if case.desired is Desired.CANCEL:
        ended = outcome.model_copy(update={"kind": OutcomeKind.CANCELLED, "reason": Reason.CANCELLED})
        return case.end(Phase.CANCELLED, ended, "the bead is cancelled")
    if outcome.kind is OutcomeKind.CANCELLED:
        return _given_back(case)
    overspent = _overspent(case)
    if overspent:
        return _stuck(case, Reason.BUDGET, overspent) or case.fail(Reason.BUDGET, overspent)
    if outcome.reason in UNCOUNTED:
        return _interrupted(case)
    if outcome.kind is OutcomeKind.NEEDS_DECISION:
        return _asked(case)
    if outcome.kind is OutcomeKind.INCOMPLETE and outcome.reason is not Reason.TOO_LARGE:
        return _unfinished(case)
    return _failed(case)


def _given_back(case: _Case) -> Transition:
    status = idle(case.bead, uncounted(case.status, case.report.outcome), now=case.now)
    return Transition(status, Next.STOP, "the bead is given back", counted=False)


def _interrupted(case: _Case) -> Transition:
    status = interrupted(
        case.bead, case.status, outcome=case.report.outcome, backoff=case.backoff, now=case.now
    )
    reason = f"interrupted ({case.report.outcome.reason}): this attempt does not count"
    return Transition(status, Next.STOP, reason, counted=False)


def _asked(case: _Case) -> Transition:
    outcome = case.report.outcome
    question = case.report.question or Question(
        question=outcome.summary or "The agent asks for a decision but did not say which; see its last words."
    )
    asking = dress(
        case.bead,
        uncounted(case.status, outcome),
        readiness=Readiness.NEEDS_DECISION,
        message=texts.ASKED,
        now=case.now,
    )
    return Transition(asking, Next.STOP, texts.ASKED, question, counted=False)


def _planned(case: _Case) -> Transition:
    """A planning run has ended: its beads are created, or shown to a person first."""
    plan, step = case.report.proposal, case.status.escalation
    if plan is None or step is None or len(plan.beads) > MOST_CHILDREN or plan.outside():
        fault = "the planning run proposed no usable beads"
        if plan is not None:
            fault = f"the proposal has more than {MOST_CHILDREN} beads, or names beads that are not in it"
        wrong = Outcome(kind=OutcomeKind.FAILED, summary=fault, reason=Reason.AGENT_ERROR)
        return _failed(replace(case, report=case.report.model_copy(update={"outcome": wrong})))
    update: dict[str, object] = {"attempts": 0, "iteration": 0, "interruptions": 0, "failures": None}
    name = decision_name(case.bead.metadata.name, case.report.fence, case.report.iteration)
    state = PlanState.PROPOSED if step.approval else PlanState.DONE
    done = {"plan": state, "decision": name if step.approval else None}
    update |= {"escalation": step.model_copy(update=done), "outcome": case.report.outcome, "claim": None}
    status = case.status.model_copy(update=update)
    if not step.approval:
        words = f"split into {len(plan.beads)} beads"
        return Transition(idle(case.bead, status, now=case.now), Next.STOP, words, proposal=plan)
    return replace(
        _wait(case, status, f"{len(plan.beads)} beads are proposed", approval_of(case.bead, plan)),
        proposal=plan,
    )


def _wait(case: _Case, status: BeadStatus, words: str, question: Question) -> Transition:
    waiting = dress(case.bead, status, readiness=Readiness.NEEDS_DECISION, message=texts.ASKED, now=case.now)
    return Transition(waiting, Next.STOP, f"{words}: {texts.ASKED}", question)


def _stuck(case: _Case, reason: Reason, why: str) -> Transition | None:
    """The next step of the ladder; None when there is none, and the bead fails."""
    most = case.limits.max_iterations
    found = climbed(case.status, case.limits.ladder, reason, why=why, iterations=most)
    if found is None:
        return None
    status, step = found
    outcome = case.report.outcome
    status = status.model_copy(update={"outcome": outcome.model_copy(update={"reason": reason})})
    words = status.escalation.message if status.escalation is not None else why
    if step.action is LadderAction.ITERATIONS:
        added = step.iterations or most
        raised = replace(case.limits, max_iterations=most + added)
        return _go_on(replace(case, status=status, limits=raised), words)
    if step.action is LadderAction.PERSON:
        name = decision_name(case.bead.metadata.name, case.report.fence, case.report.iteration)
        waits = status.escalation and status.escalation.model_copy(update={"decision": name})
        status = status.model_copy(update={"escalation": waits, "claim": None})
        return _wait(case, status, words, help_from(case.bead, reason, why, outcome))
    return Transition(
        idle(case.bead, status.model_copy(update={"claim": None}), now=case.now), Next.STOP, words
    )


def _unfinished(case: _Case) -> Transition:
    iteration, most = case.report.iteration, case.limits.max_iterations
    if iteration >= most:
        why = f"unfinished after {iteration} iterations"
        advice = f"{why}: raise spec.limits.maxIterations, then change spec.retry"
        return _stuck(case, Reason.ITERATIONS, why) or case.fail(Reason.ITERATIONS, advice)
    return _go_on(case, "")


def _go_on(case: _Case, words: str) -> Transition:
    iteration, most = case.report.iteration, case.limits.max_iterations
    status = case.status.model_copy(update={"iteration": iteration + 1, "interruptions": 0})
    if case.desired is Desired.HOLD:
        held = idle(case.bead, uncounted(status, case.report.outcome), now=case.now)
        words = "the bead is held: it goes on when spec.desired is Run"
        return Transition(held, Next.STOP, words, counted=False)
    return Transition(status, Next.ITERATE, words or f"iteration {iteration + 1} of {most}")


def _failed(case: _Case) -> Transition:
    attempts, most = case.status.attempts, case.limits.max_attempts
    reason = case.report.outcome.reason or Reason.AGENT_ERROR
    row = failed_again(case.status, reason)
    case = replace(case, status=case.status.model_copy(update={"failures": row}))
    if row.count >= CLASSES[reason].patience or attempts >= most:
        times = f" {row.count} times in a row" if row.count > 1 else ""
        said = case.report.outcome.summary[:300]
        step = _stuck(case, reason, f"failed{times} with {reason}{f' ({said})' if said else ''}")
        if step is not None:
            return step
    if reason is Reason.BUDGET:
        return case.fail(reason, "the budget is used up: raise spec.limits, then change spec.retry")
    if attempts >= most:
        advice = f"failed in {attempts} of {most} attempts: change the bead, or spec.retry to try again"
        return case.fail(reason, advice)
    update = {
        "claim": None,
        "iteration": 0,
        "interruptions": 0,
        "outcome": case.report.outcome,
        "retry_after": case.backoff.until(case.now, attempts),
    }
    status = idle(case.bead, case.status.model_copy(update=update), now=case.now)
    return Transition(status, Next.STOP, f"attempt {attempts} of {most} failed")


def _overspent(case: _Case) -> str:
    """What limit the unfinished bead has reached, and what to do; empty when none."""
    cost, limits = case.status.cost, case.limits
    tokens = cost.input_tokens + cost.output_tokens
    if limits.cost_usd is not None and cost.usd >= limits.cost_usd:
        spent = f"${cost.usd:.2f} of ${limits.cost_usd:.2f} spent: raise spec.limits.costUSD"
    elif limits.tokens is not None and tokens >= limits.tokens:
        spent = f"{tokens} of {limits.tokens} tokens used: raise spec.limits.tokens"
    else:
        return ""
    return f"{spent}, then change spec.retry"


def _taken_in(status: BeadStatus, report: ReportRequest) -> BeadStatus:
    update: dict[str, object] = {"cost": add(status.cost, report.usage)}
    if report.branch is not None:
        update["branch"] = report.branch
    if report.commit is not None:
        update["commit"] = report.commit
    return status.model_copy(update=update)


def add(cost: Cost, usage: Usage) -> Cost:
    """Cost with an iteration's usage: our price where known, else the agent's, else counted as unpriced."""
    total = bill(usage)
    return Cost(
        usd=round(cost.usd + total.usd, 6),
        input_tokens=cost.input_tokens + total.input_tokens,
        cached_input_tokens=cost.cached_input_tokens + total.cached_input_tokens,
        output_tokens=cost.output_tokens + total.output_tokens,
        unpriced_requests=cost.unpriced_requests + total.unpriced,
    )
