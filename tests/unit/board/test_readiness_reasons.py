"""Every reason of the Ready condition, by an example, with the words that a person reads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ringmaster_operator.board.board import Board, Readiness, View
from ringmaster_operator.resources.bead import Bead, Desired, Phase
from ringmaster_operator.resources.project import Project
from support.boards import NOON, NS, bead, board_of, ended, taken, worker

HOUR = timedelta(hours=1)


def view_of(name: str, *beads: Bead, project: Project | None = None) -> View:
    return board_of(*beads, project=project).view((NS, name))


def test_a_bead_that_waits_for_nothing_is_ready() -> None:
    view = view_of("a", bead("a"))
    assert (view.readiness, view.ready, view.blocked_by) == (Readiness.READY, True, ())


def test_a_claimed_bead_is_running_and_names_its_session() -> None:
    view = view_of("a", taken(bead("a"), session="w-3"))
    assert view.readiness is Readiness.RUNNING
    assert "session w-3" in view.message


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED])
def test_a_finished_bead_says_so(phase: Phase) -> None:
    view = view_of("a", ended("a", phase))
    assert view.readiness is Readiness.FINISHED
    assert phase.lower() in view.message


def test_a_held_bead_and_its_children_are_held() -> None:
    board = board_of(bead("e", type="epic", desired="Hold"), bead("c", parent="e"), bead("d", parent="c"))
    assert board.view((NS, "e")).readiness is Readiness.HELD
    for name in ("c", "d"):
        view = board.view((NS, name))
        assert (view.readiness, view.desired) == (Readiness.PARENT_HELD, Desired.HOLD)
        assert board.desired((NS, name)) is Desired.HOLD
        assert "belongs to e" in view.message


def test_a_cancelled_bead_takes_its_children_along() -> None:
    board = board_of(bead("e", type="epic", desired="Cancel"), bead("c", parent="e"))
    assert board.view((NS, "e")).readiness is Readiness.CANCELLED
    view = board.view((NS, "c"))
    assert (view.readiness, view.desired) == (Readiness.CANCELLED, Desired.CANCEL)
    assert "belongs to e" in view.message


def test_cancel_beats_hold() -> None:
    view = view_of("c", bead("e", type="epic", desired="Cancel"), bead("c", parent="e", desired="Hold"))
    assert view.readiness is Readiness.CANCELLED


def test_a_deferred_bead_wakes_by_time_alone() -> None:
    board = board_of(bead("a", defer_until=NOON + HOUR))
    view = board.view((NS, "a"))
    assert (view.readiness, view.wake_at) == (Readiness.DEFERRED, NOON + HOUR)
    assert "2026-01-15T13:00:00Z" in view.message
    assert board.refresh(NOON + HOUR - timedelta(seconds=1)) == set()
    assert board.refresh(NOON + HOUR) == {(NS, "a")}
    assert board.view((NS, "a")).ready


def test_backoff_ends_to_the_second_and_not_the_next_day() -> None:
    """The origin compared times as text and retried no earlier than the next day."""
    outcome = {"kind": "failed", "reason": "VerificationFailed"}
    again = NOON + timedelta(seconds=30)
    board = board_of(bead("a", status={"retry_after": again, "attempts": 1, "outcome": outcome}))
    view = board.view((NS, "a"))
    assert (view.readiness, view.wake_at) == (Readiness.BACKOFF, again)
    assert "VerificationFailed" in view.message
    assert board.pick(worker(), again - timedelta(seconds=1)) is None
    picked = board.pick(worker(), again)
    assert picked is not None
    assert picked.metadata.name == "a"


def test_a_backoff_that_a_wrong_clock_set_is_over_when_the_clock_is_right() -> None:
    """An hour is no backoff where ten seconds are the longest; an operator of other settings waits for it."""
    again = NOON + HOUR + timedelta(seconds=1)
    for longest, ready in ((timedelta(seconds=10), True), (HOUR * 2, False)):
        board = Board(longest)
        board.put(bead("a", status={"retry_after": again, "attempts": 1}))
        board.refresh(NOON + HOUR)
        assert not board.view((NS, "a")).ready, "by the clock that set it"
        board.refresh(NOON)
        assert board.view((NS, "a")).ready == ready


def test_a_dependency_that_is_not_done_is_named() -> None:
    view = view_of("a", bead("a", depends_on=["b", "c"]), bead("b"), ended("c"))
    assert (view.readiness, view.blocked_by) == (Readiness.DEPENDENCY_PENDING, ("b",))
    assert view.message == "waits for b"


def test_a_missing_dependency_is_named_until_it_is_created() -> None:
    board = board_of(bead("a", depends_on=["b"]))
    view = board.view((NS, "a"))
    assert (view.readiness, view.blocked_by) == (Readiness.DEPENDENCY_MISSING, ("b",))
    assert "does not exist" in view.message
    board.put(ended("b"))
    assert board.refresh(NOON) == {(NS, "a"), (NS, "b")}
    assert board.view((NS, "a")).ready


def test_a_missing_parent_is_named() -> None:
    view = view_of("a", bead("a", parent="e"))
    assert view.readiness is Readiness.DEPENDENCY_MISSING
    assert "its parent e does not exist" in view.message


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
def test_a_failed_dependency_blocks_until_it_is_retried_and_succeeds(phase: Phase) -> None:
    """In the origin a failed one left its dependents waiting for ever, and nobody was told."""
    board = board_of(bead("a", depends_on=["b"]), ended("b", phase))
    view = board.view((NS, "a"))
    assert (view.readiness, view.blocked_by) == (Readiness.DEPENDENCY_FAILED, ("b",))
    assert f"b ({phase.lower()})" in view.message
    board.put(ended("b", phase, retry="1"))
    board.refresh(NOON)
    assert board.view((NS, "a")).readiness is Readiness.DEPENDENCY_PENDING
    board.put(ended("b"))
    board.refresh(NOON)
    assert board.view((NS, "a")).ready


def test_a_retry_that_is_not_wanted_yet_is_no_hope() -> None:
    cancelled = ended("b", Phase.CANCELLED, desired="Cancel", retry="1")
    assert view_of("a", bead("a", depends_on=["b"]), cancelled).readiness is Readiness.DEPENDENCY_FAILED


def test_a_cycle_is_spelled_to_every_member_and_the_rest_goes_on() -> None:
    ring = [bead("a", depends_on=["b"]), bead("b", depends_on=["c"]), bead("c", depends_on=["a"])]
    board = board_of(*ring, bead("x"), bead("y", depends_on=["a"]))
    spelled = {name: board.view((NS, name)) for name in "abc"}
    assert {view.readiness for view in spelled.values()} == {Readiness.DEPENDENCY_CYCLE}
    assert "a → b → c → a" in spelled["a"].message
    assert "b → c → a → b" in spelled["b"].message
    assert spelled["b"].blocked_by == ("c",)
    assert board.view((NS, "x")).ready
    assert board.view((NS, "y")).readiness is Readiness.DEPENDENCY_PENDING
    board.put(bead("c"))
    board.refresh(NOON)
    assert board.view((NS, "c")).ready
    assert board.view((NS, "a")).readiness is Readiness.DEPENDENCY_PENDING


def test_a_ring_of_parents_is_a_cycle_and_blocks_those_below() -> None:
    board = board_of(bead("a", parent="b"), bead("b", parent="a"), bead("c", parent="a"))
    assert "a → b → a" in board.view((NS, "a")).message
    view = board.view((NS, "c"))
    assert view.readiness is Readiness.PARENT_BLOCKED
    assert "is its own parent" in view.message


def test_a_grandchild_that_depends_on_the_epic_does_not_stop_the_others() -> None:
    knot = [bead("m", parent="e"), bead("x", parent="m", depends_on=["e"])]
    board = board_of(bead("e", type="epic"), *knot, bead("c", parent="e"))
    assert "e → m → x → e" in board.view((NS, "e")).message
    assert board.view((NS, "c")).ready


def test_what_a_parent_waits_for_blocks_its_children() -> None:
    epics = [bead("top", type="epic", depends_on=["d"]), bead("sub", type="epic", parent="top")]
    board = board_of(*epics, bead("c", parent="sub"), bead("d"))
    view = board.view((NS, "c"))
    assert (view.readiness, view.blocked_by) == (Readiness.PARENT_BLOCKED, ("d",))
    assert view.message == "belongs to top, which waits for d"
    board.put(ended("d"))
    board.refresh(NOON)
    assert board.view((NS, "c")).ready


def test_a_late_child_of_a_finished_parent_still_waits_with_the_whole_epic() -> None:
    done = ended("sub", type="epic", parent="top")
    late = bead("c", parent="sub", priority="P0")
    board = board_of(bead("top", type="epic", depends_on=["d"]), done, late, bead("d", priority="P4"))
    assert board.view((NS, "c")).blocked_by == ("d",)
    assert board.view((NS, "d")).inherited_from == "c"


def test_an_epic_that_depends_on_its_own_children_does_not_block_them() -> None:
    board = board_of(
        bead("e", type="epic", depends_on=["a", "b"]), bead("a", parent="e"), bead("b", parent="e")
    )
    for name in ("a", "b"):
        view = board.view((NS, name))
        assert view.ready


def test_a_parent_waits_for_its_children_and_is_then_worked() -> None:
    """In the origin a task handed back in parts was ready again at once, beside its own subtasks."""
    board = board_of(bead("p"), bead("c", parent="p"), bead("d", parent="p"))
    view = board.view((NS, "p"))
    assert (view.readiness, view.blocked_by) == (Readiness.CHILDREN_PENDING, ("c", "d"))
    board.put(ended("c", parent="p"))
    board.put(ended("d", parent="p"))
    board.refresh(NOON)
    assert board.view((NS, "p")).ready


def test_an_epic_is_never_worked_but_done_with_its_children() -> None:
    board = board_of(bead("e", type="epic"))
    assert board.view((NS, "e")).readiness is Readiness.CHILDREN_PENDING
    assert "no children yet" in board.view((NS, "e")).message
    board.put(ended("c", parent="e"))
    board.refresh(NOON)
    assert board.view((NS, "e")).readiness is Readiness.FINISHED
    assert board.pick(worker(), NOON) is None


def test_a_failed_child_is_named_to_its_parent() -> None:
    view = view_of("e", bead("e", type="epic"), ended("c", Phase.FAILED, parent="e"), bead("d", parent="e"))
    assert (view.readiness, view.blocked_by) == (Readiness.DEPENDENCY_FAILED, ("c", "d"))
    assert "c (failed)" in view.message


def test_a_decision_waits_for_a_person_and_so_does_who_asked() -> None:
    asked = bead("a-q1", type="decision", parent="a")
    board = board_of(bead("a"), asked)
    assert board.view((NS, "a-q1")).readiness is Readiness.NEEDS_DECISION
    view = board.view((NS, "a"))
    assert (view.readiness, view.blocked_by) == (Readiness.NEEDS_DECISION, ("a-q1",))
    board.put(bead("a-q1", type="decision", parent="a", decision={"question": "Which?", "answer": "this"}))
    board.refresh(NOON)
    assert board.view((NS, "a")).ready


def test_a_decision_is_asked_only_when_what_it_depends_on_is_done() -> None:
    board = board_of(bead("p"), bead("q", type="decision", parent="p", depends_on=["d"]), bead("d"))
    assert board.view((NS, "q")).readiness is Readiness.DEPENDENCY_PENDING
    assert board.view((NS, "p")).readiness is Readiness.CHILDREN_PENDING
    board.put(ended("d"))
    board.refresh(NOON)
    assert board.view((NS, "p")).readiness is Readiness.NEEDS_DECISION


def test_an_exclusive_key_in_use_names_its_holder() -> None:
    board = board_of(taken(bead("a", exclusive=["db", "ui"])), bead("b", exclusive=["ui"]), bead("c"))
    view = board.view((NS, "b"))
    assert (view.readiness, view.blocked_by) == (Readiness.AWAITING_EXCLUSIVE, ("a",))
    assert "exclusive key ui with a" in view.message
    assert board.view((NS, "c")).ready
    board.put(ended("a", exclusive=["db", "ui"]))
    board.refresh(NOON)
    assert board.view((NS, "b")).ready


def test_the_projects_limit_of_running_beads() -> None:
    project = Project(concurrency=1)
    board = board_of(taken(bead("a")), bead("b"), project=project)
    assert board.pick(worker(), NOON) is None
    assert "limit of 1 running bead" in board.why_not(worker(), "b")
    assert "limit of 1 running bead" in board.nothing(worker())
    assert (board.view((NS, "b")).ready, board.claimable_count(worker())) == (True, 0)
    board.put(ended("a"))
    assert board.pick(worker(), NOON) is not None
    board.put(taken(bead("a")))
    board.set_project(NS, Project(concurrency=2))
    assert board.pick(worker(), NOON) is not None
    assert board.claimable_count(worker()) == 1


def test_a_finished_bead_wakes_for_its_ttl_and_waits_for_who_needs_it() -> None:
    done = bead("a", ttl_seconds_after_finished=60, status={"phase": "Succeeded", "finished_at": NOON})
    board = board_of(done, bead("b", depends_on=["a"]))
    view = board.view((NS, "a"))
    assert (view.wake_at, view.awaited) == (NOON + timedelta(seconds=60), True)
    board.put(ended("b", depends_on=["a"]))
    board.refresh(NOON)
    assert not board.view((NS, "a")).awaited


def test_long_lists_are_shortened_in_words_and_bounded_in_names() -> None:
    many = [f"d{number:03}" for number in range(150)]
    view = view_of("p", bead("p"), *(bead(name, parent="p") for name in many))
    assert view.blocked_by == tuple(many[:100])
    assert view.message == "waits for its children d000, d001, d002, d003, d004 and 145 more"


def test_a_view_of_nothing_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Board().view((NS, "a"))
