"""What needs a person, from boards: which, why and in what order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.leases import RATE_SECONDS, Leases
from ringmaster_operator.claims.needs import RECENT, asking, of_beads, ranked
from ringmaster_operator.resources.bead import Bead, Phase
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.overview_api import Activity, Need, SessionInfo
from ringmaster_operator.resources.protocol import Progress
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, board_of, ended, taken, worker


def told(board: Board, now: datetime = NOON, **more: Any) -> list[Need]:
    parts: dict[str, Any] = {"workers": [], "sessions": [], "budgets": []} | more
    room = board.room(NS)
    return ranked(room, of_beads(room, room.beads, now), **parts)


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "last_transition_time": NOON,
    }


def found(*beads: Bead) -> list[tuple[str, str]]:
    return [(str(need.kind), need.name) for need in told(board_of(*beads))]


def test_a_quiet_board_needs_nobody() -> None:
    assert found(bead("a"), bead("b", depends_on=["a"]), ended("c"), taken(bead("d"))) == []
    assert found(bead("held", desired="Hold"), ended("given-up", Phase.CANCELLED)) == []


def test_decisions_come_by_urgency_then_by_what_waits_then_by_age() -> None:
    later = NOON + timedelta(minutes=1)
    board = board_of(
        bead("old", type="decision", priority="P2"),
        bead("young", type="decision", priority="P2", created=later),
        bead("much", type="decision", priority="P2", created=later),
        bead("x", priority="P2", depends_on=["much"]),
        bead("y", priority="P2", depends_on=["x"]),
        bead("urgent", type="decision", priority="P0", created=later),
        bead("not-yet", type="decision", priority="P2", depends_on=["y"]),
    )
    assert [(need.name, need.blocks) for need in told(board)] == [
        ("urgent", 0),
        ("much", 3),
        ("old", 0),
        ("young", 0),
    ]


def test_an_escalation_goes_before_a_decision_and_tells_what_may_be_answered() -> None:
    asked = {"question": "How?", "options": [{"name": "retry"}, {"name": "cancel"}]}
    step = {"action": "Person", "message": "stuck", "step": 1, "decision": "asked"}
    board = board_of(
        bead("plain", type="decision", priority="P0"),
        bead("task", status={"escalation": step}),
        bead("asked", type="decision", priority="P3", parent="task", decision=asked),
    )
    first, second = told(board)
    assert (first.kind, first.name, first.parent, first.options) == (
        "escalation",
        "asked",
        "task",
        ["retry", "cancel"],
    )
    assert (first.why, second.kind, second.name) == ("How?", "decision", "plain")
    assert asking([first, second]) == {"task"}


def test_a_failure_is_told_while_it_is_recent_or_holds_something_up() -> None:
    failed = ended("failed", Phase.FAILED)
    old = told(board_of(failed), now=NOON + RECENT + timedelta(seconds=1))
    assert (old, len(told(board_of(failed), now=NOON + RECENT))) == ([], 1)
    [need] = told(board_of(failed, bead("next", depends_on=["failed"])), now=NOON + 2 * RECENT)
    assert (need.kind, need.name, need.blocks) == ("failed", "failed", 1)


def test_what_only_a_change_lets_go_on_is_stuck() -> None:
    nobody = condition("Assignable", "False", "NoWorker", "no Worker can take it: create one")
    assert found(bead("a", depends_on=["b"]), bead("b", depends_on=["a"])) == [
        ("stuck", "a"),
        ("stuck", "b"),
    ]
    assert found(bead("a", depends_on=["nowhere"])) == [("stuck", "a")]
    assert found(bead("a", depends_on=["gone"]), ended("gone", Phase.CANCELLED)) == [("stuck", "a")]
    [need] = told(board_of(bead("a", status={"conditions": [nobody]})))
    assert (need.kind, need.why) == ("stuck", "no Worker can take it: create one")
    lost = {"retry_after": NOON + timedelta(hours=1), "outcome": {"kind": "failed"}}
    assert found(bead("twice", status={**lost, "interruptions": 2})) == []
    assert found(bead("often", status={**lost, "interruptions": 3})) == [("stuck", "often")]


def test_workers_that_do_not_come_up_limits_that_are_reached_and_sessions_that_stall() -> None:
    def fleet(name: str, *states: Any) -> Worker:
        return worker(name).model_copy(
            update={"status": worker().status.model_validate({"conditions": list(states)})}
        )

    workers = [
        fleet("broken", condition("Available", "False", "SecretMissing", "Secret key is not there")),
        fleet("half", condition("Available", "True", "CrashLoop", "half-1 crashed 5 times")),
        fleet("fine", condition("Available", "True", "SessionsRun")),
        fleet("empty", condition("Available", "True", "NoneWanted")),
        fleet("coming", condition("Available", "False", "Starting")),
        fleet("fresh"),
    ]
    day = {"per": "Day", "spent": {}, "reserved": {}, "left": {}, "usd": 5.0}
    budgets = [
        BudgetState.model_validate({"name": "the project", "reached": True, **day}),
        BudgetState.model_validate({"name": "another", "reached": False, **day}),
    ]
    shown = {"worker": "fine", "runtime": "Tmux", "state": "Working", "bead": "a", "progress_at": NOON}
    sessions = [
        SessionInfo.model_validate({"name": "fine-0", "activity": Activity.STALLED, **shown}),
        SessionInfo.model_validate({"name": "fine-1", "activity": Activity.WORKING, **shown}),
    ]
    board = board_of(taken(bead("a")))
    list_ = told(board, workers=workers, sessions=sessions, budgets=budgets)
    assert [(str(need.kind), need.name) for need in list_] == [
        ("worker", "broken"),
        ("worker", "half"),
        ("budget", "the project"),
        ("stalled", "fine-0"),
    ]
    assert list_[0].why == "SecretMissing: Secret key is not there"
    assert list_[2].why.startswith("$5.00 today are spent")


def test_tokens_per_minute_are_those_of_the_last_minutes_of_this_iteration() -> None:
    lease = Leases(30, ended=lambda _: None).hold(taken(bead("a")), 0.0)
    assert lease is not None
    lease.hear(Progress(tokens=100), 10.0)
    assert lease.tokens_per_minute() is None
    lease.hear(Progress(tokens=400), 40.0)
    assert lease.tokens_per_minute() == 600
    for number in range(1, 20):
        lease.hear(Progress(tokens=400), 40.0 + number * RATE_SECONDS / 10)
    assert lease.tokens_per_minute() == 0
    lease.next_iteration(2)
    assert (lease.tokens_per_minute(), lease.progress) == (None, Progress())
    lease.hear(Progress(tokens=900), 400.0)
    lease.hear(Progress(tokens=50), 430.0)  # another run of the agent counts anew
    lease.hear(Progress(tokens=110), 460.0)
    assert lease.tokens_per_minute() == 120
