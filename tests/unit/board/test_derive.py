"""The status that a reconcile writes: once when something changed, never again when nothing did."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import claimed, derive, lost, released, reported
from ringmaster_operator.board.limits import EffectiveLimits
from ringmaster_operator.resources.base import Condition
from ringmaster_operator.resources.bead import Bead, Desired, OutcomeKind, Phase
from support.boards import BACKOFF, NOON, NS, bead, board_of, edited, ended, report, taken

LATER = NOON + timedelta(hours=1)


def settle(board: Board, name: str, now: object = NOON) -> Bead:
    """Reconcile one bead until its status says all there is to say."""
    item = board.get((NS, name))
    assert item is not None
    assert isinstance(now, type(NOON))
    board.refresh(now)
    item = item.model_copy(update={"status": derive(item, board.view(item.key), now)})
    board.put(item)
    board.refresh(now)
    assert derive(item, board.view(item.key), LATER) == item.status
    return item


def condition(item: Bead, kind: str) -> Condition:
    return {entry.type: entry for entry in item.status.conditions}[kind]


def test_a_fresh_bead_gets_all_that_people_look_for() -> None:
    board = board_of(bead("a", priority="P3"), bead("b", priority="P1", depends_on=["a"]))
    item = settle(board, "a")
    status = item.status
    assert (status.phase, status.effective_priority, status.inherited_from) == (Phase.READY, "P1", "b")
    assert (status.score, status.blocked_by, status.observed_generation) == (750, [], 1)
    assert [entry.type for entry in status.conditions] == ["Ready", "Claimed", "Succeeded", "Failed"]
    assert all(entry.observed_generation == 1 for entry in status.conditions)
    waiting = settle(board, "b")
    assert (waiting.status.phase, waiting.status.blocked_by) == (Phase.BLOCKED, ["a"])
    assert condition(waiting, "Ready").reason == "DependencyPending"


def test_transition_times_move_only_with_the_condition() -> None:
    board = board_of(bead("a", depends_on=["b"]))
    missing = settle(board, "a")
    board.put(bead("b"))
    pending = settle(board, "a", LATER)
    assert condition(missing, "Ready").reason == "DependencyMissing"
    assert condition(pending, "Ready").reason == "DependencyPending"
    assert condition(pending, "Ready").last_transition_time == NOON
    board.put(ended("b"))
    ready = settle(board, "a", LATER)
    assert condition(ready, "Ready").last_transition_time == LATER
    assert condition(ready, "Failed").last_transition_time == NOON


def test_an_idle_board_writes_nothing_however_much_time_goes_by() -> None:
    board = board_of(
        bead("a"), bead("b", depends_on=["a"]), bead("e", type="epic"), bead("c", parent="e"), ended("d")
    )
    for name in "abecd":
        settle(board, name)
    assert board.refresh(NOON + timedelta(days=30)) == set()


def test_an_edit_is_observed_even_when_nothing_else_follows_from_it() -> None:
    board = board_of(ended("a"))
    settle(board, "a")
    item = board.get((NS, "a"))
    assert item is not None
    board.put(edited(item, description="more"))
    assert settle(board, "a").status.observed_generation == 2


def test_an_answer_resolves_the_decision() -> None:
    answered = {"question": "Which?", "answer": "the left one"}
    item = settle(board_of(bead("q", type="decision", decision=answered)), "q")
    assert (item.status.phase, item.status.finished_at) == (Phase.SUCCEEDED, NOON)
    assert item.status.outcome is not None
    assert item.status.outcome.summary == "the left one"
    open_one = settle(board_of(bead("q", type="decision")), "q")
    assert open_one.status.phase is Phase.NEEDS_DECISION


def test_an_epic_is_done_when_its_last_child_is() -> None:
    board = board_of(bead("e", type="epic"), ended("c", parent="e"), bead("d", parent="e"))
    assert settle(board, "e").status.phase is Phase.PENDING
    board.put(ended("d", parent="e"))
    assert settle(board, "e").status.phase is Phase.SUCCEEDED


def test_a_cancelled_epic_cancels_what_is_not_claimed() -> None:
    running = taken(bead("r", parent="e"))
    board = board_of(bead("e", type="epic", desired="Cancel"), bead("c", parent="e"), running)
    assert settle(board, "c").status.phase is Phase.CANCELLED
    assert settle(board, "r").status.phase is Phase.RUNNING
    board.put(running.model_copy(update={"status": released(running, now=NOON, backoff=BACKOFF)}))
    assert settle(board, "r").status.phase is Phase.CANCELLED


def test_a_finished_bead_is_not_cancelled_afterwards() -> None:
    assert settle(board_of(ended("a", desired="Cancel")), "a").status.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
@pytest.mark.parametrize("desired", [Desired.RUN, Desired.HOLD])
def test_a_retry_starts_anew_and_is_echoed(phase: Phase, desired: Desired) -> None:
    status = {"phase": phase, "attempts": 3, "iteration": 5, "finished_at": NOON, "cost": {"usd": 2.0}}
    item = settle(board_of(bead("a", desired=desired, retry="again", status=status)), "a")
    assert item.status.phase is (Phase.READY if desired is Desired.RUN else Phase.HELD)
    assert (item.status.attempts, item.status.iteration, item.status.finished_at) == (0, 0, None)
    assert (item.status.last_retry, item.status.cost.usd) == ("again", 2.0)


def test_a_retry_of_a_cancelled_bead_waits_until_it_is_wanted() -> None:
    item = bead("a", desired="Cancel", retry="1", status={"phase": "Cancelled", "finished_at": NOON})
    board = board_of(item)
    kept = settle(board, "a")
    assert (kept.status.phase, kept.status.last_retry) == (Phase.CANCELLED, None)
    board.put(edited(kept, desired=Desired.RUN))
    assert settle(board, "a").status.phase is Phase.READY


def test_a_retry_under_a_cancelled_parent_waits_for_it() -> None:
    parent = bead("p", desired="Cancel")
    board = board_of(parent, ended("a", Phase.FAILED, parent="p", retry="1"))
    kept = settle(board, "a")
    assert (kept.status.phase, kept.status.last_retry) == (Phase.FAILED, None)
    board.put(edited(parent, desired=Desired.RUN))
    assert settle(board, "a").status.phase is Phase.READY


def test_a_retry_of_what_did_not_fail_is_only_echoed() -> None:
    for item in (bead("a", retry="1"), ended("a", retry="1"), taken(bead("a", retry="1"))):
        before = settle(board_of(item), "a").status
        assert before.last_retry == "1"
        assert before.phase is not None
        assert before.attempts == item.status.attempts
    assert settle(board_of(ended("a", Phase.SUCCEEDED, retry="1")), "a").status.phase is Phase.SUCCEEDED


def test_a_finished_bead_keeps_the_rank_that_it_was_worked_at() -> None:
    board = board_of(bead("a", priority="P3"), bead("b", priority="P0", depends_on=["a"]))
    item = taken(settle(board, "a"))
    done = reported(item, report(item, OutcomeKind.SUCCESS), EffectiveLimits(), NOON, backoff=BACKOFF)
    board.put(item.model_copy(update={"status": done.status}))
    assert settle(board, "a").status == done.status
    assert (done.status.effective_priority, done.status.inherited_from) == ("P0", "b")


def test_claims_and_reports_leave_nothing_for_the_reconcile_to_add() -> None:
    """Each is one write: status patches are what a busy control plane is made of."""
    board = board_of(bead("a"))
    item = settle(board, "a")
    view = board.view((NS, "a"))
    steps = [taken(item).status]
    running = item.model_copy(update={"status": steps[0]})
    for kind in (OutcomeKind.INCOMPLETE, OutcomeKind.FAILED, OutcomeKind.CANCELLED, OutcomeKind.SUCCESS):
        told = report(running, kind)
        steps.append(reported(running, told, EffectiveLimits(), NOON, backoff=BACKOFF).status)
    steps.append(lost(running, now=NOON, backoff=BACKOFF))
    for status in steps:
        moved = item.model_copy(update={"status": status})
        fresh = board_of(moved).view((NS, "a"))
        assert derive(moved, fresh, LATER if status.retry_after is None else NOON) == status
        stale = derive(moved, view, NOON)
        assert stale.claim == status.claim
        assert status.claim is None or stale.phase is Phase.RUNNING
        assert status.phase is not Phase.SUCCEEDED or stale == status


def test_what_a_report_made_of_a_bead_outlives_an_older_view() -> None:
    item = taken(bead("a"))
    view = board_of(item).view((NS, "a"))
    told = report(item, OutcomeKind.NEEDS_DECISION, question={"question": "Which?"})
    moved = reported(item, told, EffectiveLimits(), NOON, backoff=BACKOFF).status
    derived = derive(item.model_copy(update={"status": moved}), view, NOON)
    assert (derived.phase, derived.claim) == (Phase.NEEDS_DECISION, None)
    first = bead("b")
    ready = board_of(first).view((NS, "b"))
    status = claimed(first, claim_id="claim-0001", worker="w", session="w-0", now=NOON)
    derived = derive(first.model_copy(update={"status": status}), ready, NOON)
    assert (derived.phase, derived.effective_priority) == (Phase.RUNNING, "P2")
