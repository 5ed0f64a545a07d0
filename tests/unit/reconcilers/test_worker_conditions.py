"""What a Worker's conditions say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ringmaster_operator.reconcilers.worker_status import Obstacle, worker_status
from ringmaster_operator.resources.base import ConditionStatus
from ringmaster_operator.resources.worker import Session, SessionState, Spent, Worker
from support.plans import NOW, shown, worker


def conditions(made: Worker, sessions: list[Session], **more: Any) -> dict[str, tuple[bool, str]]:
    given: dict[str, Any] = {
        "wanted": len(sessions),
        "spent": Spent(),
        "over_budget": "",
        "obstacle": None,
        "now": NOW,
        **more,
    }
    status = worker_status(made, sessions=sessions, **given)
    return {item.type: (item.status is ConditionStatus.TRUE, item.reason) for item in status.conditions}


def test_conditions_say_why() -> None:
    idle = shown("w-0", SessionState.IDLE)
    crashed = shown("w-1", SessionState.CRASHED, restarts=5, message="exit code 1")
    assert conditions(worker(), [idle]) == {
        "Available": (True, "SessionsRun"),
        "Progressing": (False, "Settled"),
        "WithinBudget": (True, "WithinBudget"),
    }
    assert conditions(worker(), [])["Available"] == (True, "NoneWanted")
    assert conditions(worker(), [], wanted=1)["Available"] == (False, "Starting")
    assert conditions(worker(), [crashed])["Available"] == (False, "CrashLoop")
    assert conditions(worker(), [idle, crashed])["Available"] == (True, "CrashLoop")
    first = crashed.model_copy(update={"restarts": 1})
    assert conditions(worker(), [first])["Available"] == (False, "SessionCrashed")
    missing = Obstacle("SecretMissing", "create it")
    assert conditions(worker(), [], wanted=1, obstacle=missing)["Available"] == (False, "SecretMissing")
    assert conditions(worker(suspend=True), [idle])["Progressing"] == (False, "Suspended")
    assert conditions(worker(), [idle], wanted=2)["Progressing"] == (True, "Scaling")
    assert conditions(worker(), [shown("w-0", SessionState.DRAINING)])["Progressing"] == (True, "Draining")
    assert conditions(worker(), [idle], over_budget="all spent")["WithinBudget"] == (False, "BudgetSpent")


def test_transition_times_move_only_with_the_status() -> None:
    made = worker()
    first = worker_status(made, sessions=[], wanted=0, spent=Spent(), over_budget="", obstacle=None, now=NOW)
    made = made.model_copy(update={"status": first})
    later = worker_status(
        made,
        sessions=[],
        wanted=0,
        spent=Spent(),
        over_budget="all spent",
        obstacle=None,
        now=NOW + timedelta(hours=1),
    )
    moved = {item.type: item.last_transition_time for item in later.conditions}
    assert (moved["Available"], moved["WithinBudget"]) == (NOW, NOW + timedelta(hours=1))
