"""What a report does: done, round again, another attempt, a question, or the end with advice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.board.lifecycle import Transition, reported
from ringmaster_operator.board.limits import EffectiveLimits
from ringmaster_operator.resources.bead import Bead, Cost, Desired, OutcomeKind, Phase, Reason
from ringmaster_operator.resources.protocol import Next
from support.boards import BACKOFF, NOON, bead, edited, report, taken

LIMITS = EffectiveLimits(max_iterations=3, max_attempts=2)
UNFINISHED = [
    OutcomeKind.INCOMPLETE,
    OutcomeKind.FAILED,
    OutcomeKind.LIKELY_FAILED,
    OutcomeKind.NEEDS_DECISION,
]


def tell(
    item: Bead,
    kind: OutcomeKind,
    reason: Reason | None = None,
    *,
    limits: EffectiveLimits = LIMITS,
    desired: Desired | None = None,
    **more: Any,
) -> Transition:
    return reported(item, report(item, kind, reason, **more), limits, NOON, backoff=BACKOFF, desired=desired)


def after(item: Bead, moved: Transition) -> Bead:
    return item.model_copy(update={"status": moved.status})


def running(**status: Any) -> Bead:
    item = taken(bead("a"))
    return item.model_copy(update={"status": item.status.model_copy(update=status)})


def usage(usd: float | None, tokens: int = 10) -> dict[str, Any]:
    row = {"position": "m1", "input_tokens": tokens, "cache_read_tokens": 4, "output_tokens": 1}
    return {"requests": [{**row, "computed_usd": usd}]}


@pytest.mark.parametrize("kind", [OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS])
def test_success_ends_the_bead(kind: OutcomeKind) -> None:
    moved = tell(running(), kind, summary="all green", branch="ringmaster/a", commit="c0ffee")
    status = moved.status
    assert moved.next is Next.DONE
    assert (status.phase, status.claim, status.finished_at) == (Phase.SUCCEEDED, None, NOON)
    assert (status.branch, status.commit, status.attempts) == ("ringmaster/a", "c0ffee", 1)
    assert {item.type: item.status.value for item in status.conditions} == {
        "Ready": "False",
        "Claimed": "False",
        "Succeeded": "True",
        "Failed": "False",
    }


@pytest.mark.parametrize("desired", [Desired.HOLD, Desired.CANCEL])
def test_success_counts_even_when_it_was_not_wanted_any_more(desired: Desired) -> None:
    assert tell(running(), OutcomeKind.SUCCESS, desired=desired).status.phase is Phase.SUCCEEDED


def test_unfinished_work_goes_round_with_the_same_claim() -> None:
    item = running()
    for iteration in (2, 3):
        moved = tell(item, OutcomeKind.INCOMPLETE, commit=f"c{iteration}")
        assert (moved.next, moved.reason) == (Next.ITERATE, f"iteration {iteration} of 3")
        assert (moved.status.claim, moved.status.iteration) == (item.status.claim, iteration)
        assert (moved.status.attempts, moved.status.commit) == (1, f"c{iteration}")
        item = after(item, moved)
    moved = tell(item, OutcomeKind.INCOMPLETE, summary="nearly")
    status = moved.status
    assert (moved.next, status.phase, status.escalation_level) == (Next.DONE, Phase.FAILED, 0)
    assert status.outcome is not None
    assert status.outcome.reason is Reason.ITERATIONS
    assert "raise spec.limits.maxIterations, then change spec.retry" in status.outcome.summary
    assert "nearly" in status.outcome.summary


def test_a_raised_limit_counts_at_once() -> None:
    item = running(iteration=3)
    moved = tell(item, OutcomeKind.INCOMPLETE, limits=EffectiveLimits(max_iterations=4))
    assert moved.next is Next.ITERATE


@pytest.mark.parametrize("kind", [OutcomeKind.FAILED, OutcomeKind.LIKELY_FAILED])
def test_failures_are_tried_again_as_often_as_the_limit_says(kind: OutcomeKind) -> None:
    """The origin counted each attempt twice: five allowed were three made."""
    item, waits = bead("a"), []
    limits = EffectiveLimits(max_attempts=5)
    for attempt in range(1, 5):
        item = taken(item)
        assert (item.status.attempts, item.status.iteration) == (attempt, 1)
        moved = tell(item, kind, Reason.AGENT_ERROR, limits=limits)
        assert (moved.next, moved.status.phase) == (Next.STOP, Phase.PENDING)
        assert moved.status.retry_after is not None
        waits.append(moved.status.retry_after - NOON)
        item = after(item, moved)
    assert waits == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 240)]
    item = taken(item)
    moved = tell(item, kind, Reason.AGENT_ERROR, limits=limits, summary="no luck")
    assert (moved.next, moved.status.phase, moved.status.attempts) == (Next.DONE, Phase.FAILED, 5)
    assert moved.status.outcome is not None
    assert moved.status.outcome.reason is Reason.AGENT_ERROR
    assert "failed in 5 of 5 attempts" in moved.status.outcome.summary
    assert "no luck" in moved.status.outcome.summary


def test_a_fresh_attempt_begins_at_its_first_iteration() -> None:
    item = running(iteration=3)
    item = after(item, tell(item, OutcomeKind.FAILED))
    assert taken(item).status.iteration == 1


@pytest.mark.parametrize(
    "reason", [Reason.INFRASTRUCTURE, Reason.PROVIDER, Reason.CREDENTIALS, Reason.REPOSITORY]
)
@pytest.mark.parametrize("kind", UNFINISHED)
def test_what_the_surroundings_did_never_counts_against_the_agent(kind: OutcomeKind, reason: Reason) -> None:
    item = running(attempts=2, iteration=3, interruptions=1)
    moved = tell(item, kind, reason)
    status = moved.status
    assert (moved.next, status.claim, status.attempts, status.interruptions) == (Next.STOP, None, 1, 2)
    assert status.retry_after == NOON + timedelta(seconds=60)
    again = taken(after(item, moved)).status
    assert (again.attempts, again.iteration) == (2, 3)


def test_a_real_failure_ends_a_row_of_interruptions() -> None:
    item = running(interruptions=5)
    assert tell(item, OutcomeKind.FAILED).status.interruptions == 0
    assert tell(item, OutcomeKind.INCOMPLETE).status.interruptions == 0


def test_a_question_waits_for_a_person_and_is_no_attempt() -> None:
    """In the origin an agent that asked and exited 0 was done, and its dependents ran."""
    item = running(iteration=2)
    moved = tell(item, OutcomeKind.NEEDS_DECISION, question={"question": "Left or right?"})
    status = moved.status
    assert moved.next is Next.STOP
    assert moved.question is not None
    assert moved.question.question == "Left or right?"
    assert (status.phase, status.claim, status.attempts) == (Phase.NEEDS_DECISION, None, 0)
    again = taken(after(item, moved)).status
    assert (again.attempts, again.iteration) == (1, 2)


def test_a_question_without_words_takes_the_summary() -> None:
    moved = tell(running(), OutcomeKind.NEEDS_DECISION, summary="Which database?")
    assert moved.question is not None
    assert moved.question.question == "Which database?"
    moved = tell(running(), OutcomeKind.NEEDS_DECISION)
    assert moved.question is not None
    assert "did not say which" in moved.question.question


def test_a_held_bead_stops_between_iterations_and_goes_on_there() -> None:
    item = running()
    moved = tell(item, OutcomeKind.INCOMPLETE, desired=Desired.HOLD)
    assert (moved.next, moved.status.claim, moved.status.attempts) == (Next.STOP, None, 0)
    again = taken(after(item, moved)).status
    assert (again.attempts, again.iteration) == (1, 2)
    own = edited(item, desired=Desired.HOLD)
    assert tell(own, OutcomeKind.INCOMPLETE).status.phase is Phase.HELD


@pytest.mark.parametrize("kind", [*UNFINISHED, OutcomeKind.CANCELLED])
def test_a_cancelled_bead_is_cancelled_whatever_else_is_reported(kind: OutcomeKind) -> None:
    moved = tell(running(), kind, desired=Desired.CANCEL, question={"question": "?"})
    assert (moved.next, moved.status.phase, moved.question) == (Next.DONE, Phase.CANCELLED, None)


def test_cancelled_work_on_a_wanted_bead_is_given_back() -> None:
    moved = tell(running(), OutcomeKind.CANCELLED)
    assert (moved.next, moved.status.phase, moved.status.attempts) == (Next.STOP, Phase.READY, 0)


@pytest.mark.parametrize("kind", UNFINISHED)
def test_an_unfinished_bead_stops_at_its_cost_limit(kind: OutcomeKind) -> None:
    item = running(cost=Cost(usd=0.75))
    limits = EffectiveLimits(cost_usd=1.0)
    moved = tell(item, kind, limits=limits, usage=usage(0.25))
    assert (moved.next, moved.status.phase) == (Next.DONE, Phase.FAILED)
    assert moved.status.outcome is not None
    assert moved.status.outcome.reason is Reason.BUDGET
    assert "$1.00 of $1.00 spent: raise spec.limits.costUSD" in moved.status.outcome.summary
    assert tell(item, OutcomeKind.SUCCESS, limits=limits, usage=usage(9.0)).status.phase is Phase.SUCCEEDED
    under = tell(item, OutcomeKind.INCOMPLETE, limits=limits, usage=usage(0.24))
    assert under.next is Next.ITERATE


def test_an_unfinished_bead_stops_at_its_token_limit() -> None:
    moved = tell(running(), OutcomeKind.INCOMPLETE, limits=EffectiveLimits(tokens=11), usage=usage(0.0))
    assert moved.status.outcome is not None
    assert "11 of 11 tokens used: raise spec.limits.tokens" in moved.status.outcome.summary


def test_a_budget_that_the_worker_found_used_up_ends_the_bead_at_once() -> None:
    moved = tell(running(), OutcomeKind.FAILED, Reason.BUDGET)
    assert (moved.status.phase, moved.status.attempts) == (Phase.FAILED, 1)


def test_costs_add_up_and_the_unpriced_is_never_nothing() -> None:
    item = running(cost=Cost(usd=1.0, input_tokens=5, cached_input_tokens=1, output_tokens=2))
    rows = [
        {
            "position": "a",
            "input_tokens": 10,
            "cache_read_tokens": 6,
            "output_tokens": 3,
            "computed_usd": 0.5,
        },
        {"position": "b", "input_tokens": 1, "computed_usd": 0.25, "reported_usd": 9.0},
        {"position": "c", "output_tokens": 1, "reported_usd": 0.125},
        {"position": "d", "input_tokens": 100, "requests": 3},
    ]
    cost = tell(item, OutcomeKind.SUCCESS, usage={"requests": rows}).status.cost
    assert cost == Cost(
        usd=1.875, input_tokens=116, cached_input_tokens=7, output_tokens=6, unpriced_requests=3
    )


def test_the_agents_own_total_stands_in_for_missing_prices() -> None:
    rows = [{"position": "a", "computed_usd": 0.5}, {"position": "b", "input_tokens": 9}]
    cost = tell(running(), OutcomeKind.SUCCESS, usage={"requests": rows, "reported_usd": 2.0}).status.cost
    assert (cost.usd, cost.unpriced_requests) == (2.0, 0)
    cost = tell(running(), OutcomeKind.SUCCESS, usage={"reported_usd": 0.75}).status.cost
    assert cost.usd == 0.75
    priced = {"requests": rows[:1], "reported_usd": 2.0}
    assert tell(running(), OutcomeKind.SUCCESS, usage=priced).status.cost.usd == 0.5


def test_a_report_with_an_old_fence_is_refused() -> None:
    old = running()
    late = report(old, OutcomeKind.SUCCESS)
    newer = taken(after(old, tell(old, OutcomeKind.CANCELLED)))
    with pytest.raises(ValueError, match="not held with fence 1"):
        reported(newer, late, LIMITS, NOON, backoff=BACKOFF)
    with pytest.raises(ValueError, match="not held"):
        reported(bead("a", status={"fence": 1}), late, LIMITS, NOON, backoff=BACKOFF)


def test_a_report_ahead_of_the_written_status_is_weighed_by_its_own_iteration() -> None:
    """While the API server is away reports are acknowledged before the one before reached the status."""
    item = running(iteration=1)
    ahead = report(item, OutcomeKind.INCOMPLETE).model_copy(update={"iteration": 2})
    moved = reported(item, ahead, LIMITS, NOON, backoff=BACKOFF)
    assert (moved.next, moved.status.iteration) == (Next.ITERATE, 3)
