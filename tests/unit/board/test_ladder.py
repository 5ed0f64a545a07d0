"""The ladder goes up, takes each step once, and ends, whatever the failures are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.asking import BUDGET, CANCEL, CREATE, DONE, RETRY, decided
from ringmaster_operator.board.ladder import CLASSES, Ladder, climbed, failed_again, model_of, profile_of
from ringmaster_operator.board.lifecycle import Transition, reported
from ringmaster_operator.board.limits import EffectiveLimits, resolve
from ringmaster_operator.board.reporting import UNCOUNTED
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadStatus, OutcomeKind, Phase, Reason
from ringmaster_operator.resources.ladder import LadderAction, LadderStep, PlanState
from ringmaster_operator.resources.proposal import Proposal
from ringmaster_operator.resources.protocol import Next
from support.boards import BACKOFF, NOON, bead, report, taken

MODEL = LadderStep(action=LadderAction.MODEL, model="strong")
PROFILE = LadderStep(action=LadderAction.PROFILE, profile="codex")
MORE = LadderStep(action=LadderAction.ITERATIONS, iterations=2)
SPLIT = LadderStep(action=LadderAction.DECOMPOSE)
PERSON = LadderStep(action=LadderAction.PERSON)
PLAN = Proposal.check({"beads": [{"name": "x", "title": "X"}]})
steps = st.lists(st.sampled_from([MODEL, PROFILE, MORE, SPLIT, PERSON]), max_size=10)
troubles = st.sampled_from(
    [
        (OutcomeKind.INCOMPLETE, None),
        *[(OutcomeKind.FAILED, reason) for reason in Reason if reason not in (*UNCOUNTED, Reason.CANCELLED)],
    ]
)


def tell(
    item: Bead, kind: OutcomeKind, reason: Reason | None, ladder: list[LadderStep], **more: Any
) -> Transition:
    own = item.model_copy(update={"spec": item.spec.model_copy(update={"escalation": ladder})})
    limits = resolve(own, [], None)
    iteration = max(1, item.status.iteration)
    told = report(item, kind, reason, iteration=iteration, **more)
    return reported(item, told, limits, NOON, backoff=BACKOFF)


def after(item: Bead, status: BeadStatus) -> Bead:
    return item.model_copy(update={"status": status})


def test_every_reason_has_a_class() -> None:
    assert set(CLASSES) == set(Reason)
    assert Reason.INFRASTRUCTURE in UNCOUNTED


@given(
    ladder=steps,
    lives=st.lists(troubles, min_size=1, max_size=80),
    answer=st.sampled_from([RETRY, BUDGET, None]),
)
def test_it_never_goes_down_takes_each_step_once_and_ends(
    ladder: list[LadderStep], lives: list[tuple[OutcomeKind, Reason | None]], answer: str | None
) -> None:
    item, places = bead("a", limits={"max_iterations": 2, "max_attempts": 2}), [0]
    for kind, reason in lives * 3:
        if item.status.claim is None:
            item = taken(item)
        planning = item.status.escalation is not None and item.status.escalation.plan is PlanState.WANTED
        if planning:
            moved = tell(item, OutcomeKind.SUCCESS, None, ladder, proposal=PLAN)
        else:
            moved = tell(item, kind, reason, ladder)
        before, now = item.status, moved.status
        assert now.escalation_level - before.escalation_level in (0, 1)
        if now.escalation is not None and now.escalation_level > before.escalation_level:
            places.append(now.escalation.step)
            assert now.phase not in FINISHED
            assert moved.reason.startswith(now.escalation.message[:20])
        item = Bead.read(after(item, now).body())  # as a restart finds it
        assert item.status == now
        if now.phase in FINISHED:
            break
        if now.escalation is not None and now.escalation.decision is not None:
            item = after(item, decided(item, answer, now=NOON))
    own = places[1:]
    splits = sum(1 for place, earlier in zip(own, places, strict=False) if place == earlier)
    assert sorted(own) == own
    assert splits <= 1, "only the split that a too large bead gets by itself has no place of its own"
    if len(lives) > 70:
        assert item.status.phase is Phase.FAILED, "every ladder ends"


@pytest.mark.parametrize("reason", sorted(UNCOUNTED))
def test_what_is_not_the_agents_fault_climbs_nothing(reason: Reason) -> None:
    item = bead("a")
    for _ in range(10):
        moved = tell(taken(item), OutcomeKind.FAILED, reason, [MODEL])
        assert (moved.counted, moved.status.escalation) == (False, None)
        item = after(item, moved.status)


def test_the_same_failure_again_climbs_though_attempts_are_left() -> None:
    first = tell(taken(bead("a")), OutcomeKind.FAILED, Reason.VERIFICATION_FAILED, [MODEL])
    assert (first.status.escalation, first.status.attempts) == (None, 1)
    other = tell(taken(after(bead("a"), first.status)), OutcomeKind.FAILED, Reason.TIMEOUT, [MODEL])
    assert other.status.escalation is None, "another class begins a row of its own"
    again = tell(
        taken(after(bead("a"), first.status)), OutcomeKind.FAILED, Reason.VERIFICATION_FAILED, [MODEL]
    )
    step = again.status.escalation
    assert step is not None
    assert (step.model, again.status.attempts, again.status.failures) == ("strong", 0, None)
    assert "failed 2 times in a row with VerificationFailed" in step.message


def test_more_iterations_keep_the_claim() -> None:
    item = taken(bead("a", limits={"max_iterations": 1}))
    moved = tell(item, OutcomeKind.INCOMPLETE, None, [MORE])
    assert (moved.next, moved.status.iteration, moved.status.claim) == (Next.ITERATE, 2, item.status.claim)
    assert resolve(after(item, moved.status), [], None).max_iterations == 3


def test_a_step_that_cannot_help_is_passed_over() -> None:
    moved = tell(taken(bead("a")), OutcomeKind.FAILED, Reason.REFUSED, [MORE, SPLIT, PROFILE])
    step = moved.status.escalation
    assert step is not None
    assert (step.action, step.step) == (LadderAction.PROFILE, 3)
    assert (profile_of(after(bead("a"), moved.status)), model_of(after(bead("a"), moved.status))) == (
        "codex",
        None,
    )


def test_only_a_person_helps_with_a_budget() -> None:
    row = {"position": "m1", "computed_usd": 2.0}
    item = taken(bead("a", limits={"cost_usd": 1.0}))
    moved = tell(item, OutcomeKind.INCOMPLETE, None, [MODEL, PERSON], usage={"requests": [row]})
    assert moved.question is not None
    assert [option.name for option in moved.question.options] == [BUDGET, DONE, CANCEL]
    granted = after(item, decided(after(item, moved.status), BUDGET, now=NOON))
    assert resolve(granted, [], None).cost_usd == 2.0


def test_without_a_ladder_a_bead_fails_as_before() -> None:
    assert climbed(BeadStatus(), Ladder(), Reason.STALLED, why="", iterations=5) is None
    limits = EffectiveLimits(max_attempts=1)
    item = taken(bead("a"))
    moved = reported(item, report(item, OutcomeKind.FAILED, Reason.STALLED), limits, NOON, backoff=BACKOFF)
    assert (moved.status.phase, moved.status.escalation_level) == (Phase.FAILED, 0)


def test_a_plan_waits_for_approval_and_is_made_once() -> None:
    large = tell(taken(bead("a")), OutcomeKind.FAILED, Reason.TOO_LARGE, [])
    planned = tell(taken(after(bead("a"), large.status)), OutcomeKind.SUCCESS, None, [], proposal=PLAN)
    assert planned.question is not None
    assert (planned.proposal, planned.status.phase) == (PLAN, Phase.NEEDS_DECISION)
    done = decided(after(bead("a"), planned.status), CREATE, now=NOON)
    assert done.escalation is not None
    assert (done.escalation.plan, done.escalation.decision) == (PlanState.DONE, None)
    again = tell(taken(after(bead("a"), done)), OutcomeKind.FAILED, Reason.TOO_LARGE, [])
    assert again.status.escalation_level == 1


def test_a_plan_of_nothing_counts_as_a_failure() -> None:
    large = tell(taken(bead("a")), OutcomeKind.FAILED, Reason.TOO_LARGE, [])
    moved = tell(taken(after(bead("a"), large.status)), OutcomeKind.SUCCESS, None, [])
    row = moved.status.failures
    assert row is not None
    assert (row.reason, row.count, failed_again(moved.status, Reason.AGENT_ERROR).count) == (
        Reason.AGENT_ERROR,
        1,
        2,
    )
