"""What a report of an iteration does to its bead.

Failures of the surroundings never count against the agent; unfinished work goes round again with the same
claim until its iterations are used up; what can only be solved by a person says what that person can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ringmaster_operator.board import texts
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
from ringmaster_operator.board.limits import EffectiveLimits
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
from ringmaster_operator.resources.protocol import Next, Question, ReportRequest, Usage

UNCOUNTED = frozenset({Reason.INFRASTRUCTURE, Reason.PROVIDER, Reason.CREDENTIALS, Reason.REPOSITORY})
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
    if outcome.kind in _SUCCESS:
        return case.end(Phase.SUCCEEDED, outcome, "the bead is done")
    if case.desired is Desired.CANCEL:
        ended = outcome.model_copy(update={"kind": OutcomeKind.CANCELLED, "reason": Reason.CANCELLED})
        return case.end(Phase.CANCELLED, ended, "the bead is cancelled")
    if outcome.kind is OutcomeKind.CANCELLED:
        return _given_back(case)
    overspent = _overspent(case)
    if overspent:
        return case.fail(Reason.BUDGET, overspent)
    if outcome.reason in UNCOUNTED:
        return _interrupted(case)
    if outcome.kind is OutcomeKind.NEEDS_DECISION:
        return _asked(case)
    if outcome.kind is OutcomeKind.INCOMPLETE:
        return _unfinished(case)
    return _failed(case)


def _given_back(case: _Case) -> Transition:
    status = idle(case.bead, uncounted(case.status, case.report.outcome), now=case.now)
    return Transition(status, Next.STOP, "the bead is given back")


def _interrupted(case: _Case) -> Transition:
    status = interrupted(
        case.bead, case.status, outcome=case.report.outcome, backoff=case.backoff, now=case.now
    )
    reason = f"interrupted ({case.report.outcome.reason}): this attempt does not count"
    return Transition(status, Next.STOP, reason)


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
    return Transition(asking, Next.STOP, texts.ASKED, question)


def _unfinished(case: _Case) -> Transition:
    iteration, most = case.report.iteration, case.limits.max_iterations
    if iteration >= most:
        level = {"escalation_level": case.status.escalation_level + 1}
        stuck = replace(case, status=case.status.model_copy(update=level))
        return stuck.fail(
            Reason.ITERATIONS,
            f"unfinished after {iteration} iterations:"
            " raise spec.limits.maxIterations, then change spec.retry",
        )
    status = case.status.model_copy(update={"iteration": iteration + 1, "interruptions": 0})
    if case.desired is Desired.HOLD:
        held = idle(case.bead, uncounted(status, case.report.outcome), now=case.now)
        return Transition(held, Next.STOP, "the bead is held: it goes on when spec.desired is Run")
    return Transition(status, Next.ITERATE, f"iteration {iteration + 1} of {most}")


def _failed(case: _Case) -> Transition:
    attempts, most = case.status.attempts, case.limits.max_attempts
    if case.report.outcome.reason is Reason.BUDGET:
        return case.fail(Reason.BUDGET, "the budget is used up: raise spec.limits, then change spec.retry")
    if attempts >= most:
        reason = case.report.outcome.reason or Reason.AGENT_ERROR
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
