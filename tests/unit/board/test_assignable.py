"""A bead that nobody can take says what is missing, from the Worker that comes nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.assignable import Team
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.conditions import ASSIGNABLE, assigned
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import ConfidenceRules, Project
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, board_of, taken, worker

RUST = {"name": "rust"}
NEVER = Project(confidence=ConfidenceRules(explore_share=0))


def missing(board: Board, fleet: Sequence[Worker]) -> dict[str, str]:
    """By bead: reason and message."""
    team = Team([(item, board.fits(item, NOON)) for item in fleet], board.rules(NS))
    found = {
        item.metadata.name: team.lacks(item, wanted, priority) for item, wanted, priority in board.waiting(NS)
    }
    return {name: ": ".join(told) for name, told in found.items() if told is not None}


def told(item: Bead) -> list[Any]:
    return [found for found in item.status.conditions if found.type == ASSIGNABLE]


def test_the_nearest_worker_and_what_it_lacks_are_named() -> None:
    board = board_of(bead("a", capabilities=["rust", "ui"]), bead("b"), project=NEVER)
    assert set(missing(board, [])) == {"a", "b"}
    assert missing(board, [])["b"].startswith("NoWorker: no Worker can take it")
    low = worker("low", capabilities=[RUST, {"name": "ui", "confidence": 0.3}])
    lower = worker("lower", capabilities=[RUST, {"name": "ui", "confidence": 0.2}])
    other = worker("other", labels={"x": "y"}, capabilities=[RUST])
    text = missing(board, [lower, other, low])["a"]
    assert text.startswith("ConfidenceTooLow")
    assert "Worker low can do ui with a confidence of 0.30 (as declared) where 0.70 is asked for" in text
    assert "minConfidence" in text
    assert missing(board, [other])["a"].startswith("CapabilityMissing")
    able = worker("able", capabilities=[RUST, {"name": "ui"}])
    assert missing(board, [lower, able]) == {}


def test_labels_of_both_sides_and_a_suspended_worker_are_named() -> None:
    choosy = bead("choosy", routing={"worker_selector": {"gpu": "yes"}})
    board = board_of(choosy, bead("plain"), bead("core", labels={"team": "core", "other": "1"}))
    fleet = [worker("core-only", bead_selector={"team": "core"})]
    found = missing(board, fleet)
    assert found["choosy"].startswith("WorkerSelector")
    assert "team=core" in found["plain"]
    assert "core" not in found
    suspended = [worker("w", suspend=True)]
    assert "Worker w is suspended" in missing(board, suspended)["plain"]
    assert missing(board, [*suspended, worker("awake")]).keys() == {"choosy"}


def test_what_an_unknown_worker_may_take_by_lot_can_be_taken() -> None:
    beads = [bead(f"b{number}", capabilities=["rust"]) for number in range(200)]
    board = board_of(*beads, bead("urgent", priority="P0", capabilities=["rust"]))
    unknown = worker(capabilities=[{"name": "rust", "confidence": 0.5}])
    found = missing(board, [unknown])
    assert "urgent" in found
    assert len(found) == 201 - board.claimable_count(unknown)
    assert 150 < len(found) < 201


def test_the_condition_comes_and_goes_and_a_claim_takes_it_away() -> None:
    item = board_of(bead("a")).get((NS, "a"))
    assert item is not None
    unhappy = item.model_copy(update={"status": assigned(item, ("NoWorker", "nobody"), now=NOON)})
    assert [(found.status, found.reason) for found in told(unhappy)] == [("False", "NoWorker")]
    board = board_of(unhappy)
    derived = lifecycle.derive(unhappy, board.view((NS, "a")), NOON)
    assert told(unhappy.model_copy(update={"status": derived}))
    assert told(taken(unhappy)) == []
    assert assigned(unhappy, None, now=NOON).conditions == []


def test_a_bead_that_was_removed_waits_no_more_even_before_the_board_is_refreshed() -> None:
    board = board_of(bead("a"), bead("b"))
    board.remove((NS, "a"))
    assert [item.metadata.name for item, _, _ in board.waiting(NS)] == ["b"]
