"""What a Worker is given: whose urgency counts, what matches, in what order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Desired
from ringmaster_operator.resources.project import Project
from support.boards import NOON, NS, bead, board_of, edited, ended, taken, worker

LONG = 5000


def picked(board: Board, **more: Any) -> str | None:
    found = board.pick(worker(), NOON, **more)
    return found.metadata.name if found is not None else None


def test_a_bead_inherits_from_the_most_urgent_that_waits_for_it_however_far() -> None:
    """In the origin inheritance never fired for dependencies: the P0 waited behind every other P0."""
    chain = [bead("deep", priority="P4"), bead("mid", priority="P3", depends_on=["deep"])]
    board = board_of(*chain, bead("top", priority="P0", depends_on=["mid"]), bead("other", priority="P1"))
    view = board.view((NS, "deep"))
    assert (view.effective_priority, view.inherited_from) == (Priority.P0, "top")
    assert picked(board) == "deep"
    board.put(bead("top", priority="P2", depends_on=["mid"]))
    assert board.refresh(NOON) >= {(NS, "deep"), (NS, "mid")}
    assert board.view((NS, "deep")).effective_priority is Priority.P2
    assert picked(board) == "other"


def test_the_lender_is_the_nearest_of_the_most_urgent_then_the_first_by_name() -> None:
    beads = [
        bead("a", priority="P0", depends_on=["mid"]),
        bead("mid", depends_on=["deep"]),
        bead("c", priority="P0", depends_on=["deep"]),
        bead("b", priority="P0", depends_on=["deep"]),
    ]
    assert board_of(*beads, bead("deep")).view((NS, "deep")).inherited_from == "b"


def test_a_parent_lends_to_its_children_and_they_to_what_it_waits_for() -> None:
    board = board_of(
        bead("e", type="epic", priority="P1", depends_on=["d"]),
        bead("c", parent="e", priority="P0"),
        bead("sibling", parent="e", priority="P3"),
        bead("d", priority="P4"),
    )
    assert board.view((NS, "sibling")).inherited_from == "e"
    assert board.view((NS, "d")).inherited_from == "c"


@pytest.mark.parametrize("desired", [Desired.HOLD, Desired.CANCEL])
def test_a_held_or_cancelled_bead_lends_nothing(desired: Desired) -> None:
    top = bead("top", priority="P0", depends_on=["deep"])
    board = board_of(bead("deep", priority="P4"), top)
    board.put(edited(top, desired=desired))
    board.refresh(NOON)
    assert board.view((NS, "deep")).effective_priority is Priority.P4


def test_what_waits_behind_a_held_bead_still_waits() -> None:
    held = bead("mid", priority="P1", desired="Hold", depends_on=["deep"])
    board = board_of(bead("deep", priority="P4"), held, bead("top", priority="P0", depends_on=["mid"]))
    assert board.view((NS, "deep")).inherited_from == "top"


def test_order_is_priority_then_who_waits_then_age_then_name() -> None:
    older = NOON - timedelta(days=1)
    beads = [
        bead("z-old", created=older),
        bead("y-needed"),
        bead("waits", depends_on=["y-needed"]),
        bead("waits-too", depends_on=["y-needed"]),
        bead("b"),
        bead("a"),
        bead("urgent", priority="P1"),
    ]
    board, order = board_of(*beads), []
    while (name := picked(board)) is not None:
        order.append(name)
        board.reserve((NS, name))
    assert order == ["urgent", "y-needed", "z-old", "a", "b"]


def test_capabilities_need_enough_confidence() -> None:
    board = board_of(bead("a", capabilities=["rust", "ui"]))
    sure, unsure = {"name": "rust", "confidence": 0.7}, {"name": "ui", "confidence": 0.69}
    assert board.pick(worker(capabilities=[sure]), NOON) is None
    assert "does not declare ui" in board.why_not(worker(capabilities=[sure]), "a")
    weak = worker(capabilities=[sure, unsure])
    assert board.pick(weak, NOON) is None
    assert "ui with a confidence of 0.69 (as declared)" in board.why_not(weak, "a")
    able = worker(capabilities=[sure, {"name": "ui"}])
    assert board.pick(able, NOON) is not None
    assert (board.why_not(able, "a"), board.claimable_count(able)) == ("", 1)


def test_selectors_of_both_sides_must_match() -> None:
    board = board_of(
        bead("plain"),
        bead("labelled", labels={"team": "core", "x": "y"}),
        bead("choosy", priority="P0", routing={"worker_selector": {"gpu": "yes"}}),
    )
    assert picked(board) == "plain" or picked(board) == "labelled"
    assert "gpu=yes" in board.why_not(worker(), "choosy")
    core = worker(bead_selector={"team": "core"})
    assert board.claimable_count(core) == 1
    assert "team=core" in board.why_not(core, "plain")
    found = board.pick(worker(labels={"gpu": "yes", "a": "b"}), NOON)
    assert found is not None
    assert found.metadata.name == "choosy"


def test_a_suspended_or_leaving_worker_gets_nothing() -> None:
    board = board_of(bead("a"))
    suspended = worker(suspend=True)
    assert (board.pick(suspended, NOON), board.claimable_count(suspended)) == (None, 0)
    assert "suspended" in board.why_not(suspended, "a")
    leaving = worker()
    leaving = leaving.model_copy(
        update={"metadata": leaving.metadata.model_copy(update={"deletion_timestamp": NOON})}
    )
    assert board.pick(leaving, NOON) is None


def test_a_worker_serves_only_its_own_namespace() -> None:
    item = bead("a")
    elsewhere = item.model_copy(update={"metadata": item.metadata.model_copy(update={"namespace": "else"})})
    board = board_of(elsewhere)
    assert picked(board) is None
    assert "there is no bead a" in board.why_not(worker(), "a")


def test_a_named_bead_is_given_only_when_it_may_be_claimed() -> None:
    board = board_of(bead("a"), bead("b"), bead("c", depends_on=["b"]), bead("e", type="epic"))
    assert picked(board, bead="b") == "b"
    assert picked(board, bead="c") is None
    assert board.why_not(worker(), "c") == "c: waits for b"
    assert "is never worked" in board.why_not(worker(), "e")


def test_a_reserved_bead_is_given_to_nobody_else() -> None:
    """Eight racers of the origin all were told that they had won."""
    board = board_of(bead("a", exclusive=["db"]), bead("b", exclusive=["db"]))
    board.reserve((NS, "a"), worker="w", session="w-0")
    assert board.claiming((NS, "w")) == {"w-0"}
    assert board.claiming((NS, "v")) == set()
    assert picked(board) is None
    assert "just being claimed" in board.why_not(worker(), "a")
    assert "exclusive key db with a" in board.why_not(worker(), "b")
    board.unreserve((NS, "a"))
    assert picked(board) == "a"


def test_reservations_count_against_the_projects_limit() -> None:
    board = board_of(bead("a"), bead("b"), bead("c"), project=Project(concurrency=2))
    for name in ("a", "b"):
        assert picked(board) == name
        board.reserve((NS, name))
    assert picked(board) is None
    assert board.view((NS, "a")).ready
    board.put(taken(bead("a")))
    board.unreserve((NS, "a"))
    assert picked(board) is None
    board.put(ended("a"))
    assert picked(board) == "c"


def test_claiming_changes_no_one_elses_view() -> None:
    board = board_of(*(bead(f"b{number}") for number in range(20)))
    board.reserve((NS, "b3"))
    board.put(taken(bead("b3")))
    board.unreserve((NS, "b3"))
    assert board.refresh(NOON) == {(NS, "b3")}
    assert board.refresh(NOON) == set()


def test_a_chain_of_thousands() -> None:
    """The origin ended in RecursionError at 1,200."""
    tail = [bead(f"b{n}", priority="P3", depends_on=[f"b{n + 1}"]) for n in range(1, LONG - 1)]
    board = board_of(bead("b0", priority="P0", depends_on=["b1"]), *tail, bead(f"b{LONG - 1}", priority="P3"))
    view = board.view((NS, f"b{LONG - 1}"))
    assert (view.effective_priority, view.inherited_from) == (Priority.P0, "b0")
    assert picked(board) == f"b{LONG - 1}"


def test_a_ring_of_thousands() -> None:
    board = board_of(*(bead(f"b{n}", depends_on=[f"b{(n + 1) % LONG}"]) for n in range(LONG)), bead("free"))
    view = board.view((NS, "b7"))
    assert view.message.startswith("waits for itself: b7 → b8 → ")
    assert "(4988 more) → b7" in view.message
    assert picked(board) == "free"


def test_parents_thousands_deep() -> None:
    board = board_of(
        bead("b0", depends_on=["d"]), *(bead(f"b{n}", parent=f"b{n - 1}") for n in range(1, LONG)), bead("d")
    )
    assert board.view((NS, f"b{LONG - 1}")).message == "belongs to b0, which waits for d"
    board.put(edited(bead("b0", depends_on=["d"]), desired=Desired.HOLD))
    board.refresh(NOON)
    assert board.view((NS, f"b{LONG - 1}")).message == "belongs to b0, whose spec.desired is Hold"
