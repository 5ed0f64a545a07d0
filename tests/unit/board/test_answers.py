"""Decisions: whose answer holds, and when the default becomes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ringmaster_operator.board.board import Board, Readiness
from ringmaster_operator.board.lifecycle import derive
from ringmaster_operator.resources.bead import Bead, BeadStatus, Phase
from support.boards import NOON, NS, bead, board_of, edited, ended

LATER = NOON + timedelta(hours=1)


def decision(name: str = "d", *, status: dict[str, Any] | None = None, **more: Any) -> Bead:
    question = {"question": "Which?", "options": [{"name": "a"}, {"name": "b"}]}
    asked = question | more.pop("decision", {})
    return bead(name, type="decision", decision=asked, status=status, **more)


def due(**more: Any) -> Bead:
    return decision(decision={"deadline": LATER, "default": "b"}, **more)


def after(item: Bead, board: Board, *, now: Any = NOON) -> BeadStatus:
    board.refresh(now)
    return derive(item, board.view((NS, item.metadata.name)), now)


def test_a_persons_answer_holds_at_once_and_says_whose_it_is() -> None:
    item = decision(decision={"answer": "a", "answered_by": "alice"})
    status = after(item, board_of(item))
    assert status.phase is Phase.SUCCEEDED
    assert status.decision is not None
    assert (status.decision.answer, status.decision.by, status.decision.at) == ("a", "alice", NOON)
    unnamed = decision(decision={"answer": "a"})
    made = after(unnamed, board_of(unnamed)).decision
    assert made is not None
    assert made.by == "a person"


def test_the_default_holds_from_its_deadline_on() -> None:
    item = due()
    board = board_of(item)
    status = after(item, board)
    assert (status.phase, status.decision) == (Phase.NEEDS_DECISION, None)
    assert board.view((NS, "d")).wake_at == LATER
    assert "from 2026-01-15T13:00:00Z on the answer is: b" in status.conditions[0].message
    status = after(item, board, now=LATER)
    assert status.phase is Phase.SUCCEEDED
    assert status.decision is not None
    assert (status.decision.answer, status.decision.by) == ("b", "deadline")
    assert status.outcome is not None
    assert status.outcome.summary == "b"


def test_a_person_who_is_faster_decides_and_one_who_is_later_does_not() -> None:
    board = board_of(due())
    early = edited(due(), decision=due().spec.decision.model_copy(update={"answer": "a"}))  # type: ignore[union-attr]
    board.put(early)
    made = after(early, board, now=LATER).decision
    assert made is not None
    assert made.answer == "a"
    settled = ended("d", Phase.SUCCEEDED, type="decision", decision={"question": "Which?", "answer": "late"})
    told = {"answer": "b", "by": "deadline", "at": LATER}
    late = settled.model_copy(
        update={"status": BeadStatus.model_validate({"phase": "Succeeded", "decision": told})}
    )
    board.put(late)
    kept = after(late, board, now=LATER).decision
    assert kept is not None
    assert kept.answer == "b"


def test_no_deadline_passes_for_a_question_that_is_not_ripe() -> None:
    held = due(desired="Hold")
    assert after(held, board_of(held), now=LATER).phase is Phase.HELD
    waits = due(depends_on=["other"])
    board = board_of(waits, bead("other"))
    assert after(waits, board, now=LATER).phase is Phase.BLOCKED
    board.put(ended("other"))
    assert after(waits, board, now=LATER).phase is Phase.SUCCEEDED


def test_whoever_waits_for_it_runs_on_the_default() -> None:
    item, waiting = due(), bead("w", depends_on=["d"])
    board = board_of(item, waiting)
    assert board.view((NS, "w")).readiness is Readiness.DEPENDENCY_PENDING
    board.put(item.model_copy(update={"status": after(item, board, now=LATER)}))
    board.refresh(LATER)
    assert board.view((NS, "w")).readiness is Readiness.READY


def test_reopening_a_decision_asks_again() -> None:
    told = {"answer": "b", "by": "deadline", "at": NOON}
    item = decision(status={"phase": "Succeeded", "finished_at": NOON, "decision": told}, reopen="1")
    status = after(item, board_of(item))
    assert (status.phase, status.decision, status.last_reopen) == (Phase.NEEDS_DECISION, None, "1")


def test_reopening_is_for_succeeded_beads_and_is_obeyed_once() -> None:
    done = ended("x", reopen="1")
    board = board_of(done)
    status = after(done, board)
    assert (status.phase, status.attempts, status.last_reopen) == (Phase.READY, 0, "1")
    again = done.model_copy(update={"status": BeadStatus(phase=Phase.SUCCEEDED, last_reopen="1")})
    board.put(again)
    assert after(again, board).phase is Phase.SUCCEEDED
    failed = ended("x", Phase.FAILED, reopen="1")
    board.put(failed)
    status = after(failed, board)
    assert (status.phase, status.last_reopen) == (Phase.FAILED, "1")


def test_a_retry_from_scratch_lets_go_of_the_work() -> None:
    status = {
        "phase": "Failed",
        "fence": 4,
        "branch": "ringmaster/x",
        "commit": "c0ffee",
        "finished_at": NOON,
    }
    kept = bead("x", status=status, retry="1")
    assert after(kept, board_of(kept)).branch == "ringmaster/x"
    fresh = bead("x", status=status, retry="1", retry_from="Scratch")
    after_it = after(fresh, board_of(fresh))
    assert (after_it.phase, after_it.branch, after_it.commit, after_it.fresh_from) == (
        Phase.READY,
        None,
        None,
        4,
    )
