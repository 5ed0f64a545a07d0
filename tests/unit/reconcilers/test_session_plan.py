"""Plans for a Worker's sessions, by example."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.reconcilers.session_memory import LONGEST_RESTART, Memory, after_crash
from ringmaster_operator.reconcilers.session_plan import (
    IDLE_PAUSE,
    QUIET,
    Stop,
    plan_sessions,
)
from ringmaster_operator.reconcilers.worker_status import worker_status
from ringmaster_operator.resources.base import ConditionStatus
from ringmaster_operator.resources.worker import SessionState, Spent
from ringmaster_operator.runtimes.protocol import SessionState as Found
from support.plans import BUSY, NOW, facts, found, shown, states, worker


def test_starts_what_is_missing() -> None:
    plan = plan_sessions(worker(replicas=3), facts(found("w-1")))
    assert plan.start == ["w-0", "w-2"]
    assert states(plan) == {
        "w-0": SessionState.STARTING,
        "w-1": SessionState.IDLE,
        "w-2": SessionState.STARTING,
    }


def test_one_session_when_nothing_is_said() -> None:
    assert plan_sessions(worker(), facts()).start == ["w-0"]


def test_suspended_sessions_stay() -> None:
    plan = plan_sessions(worker(replicas=1, suspend=True), facts(found("w-0")))
    assert (plan.start, plan.stop, states(plan)) == ([], [], {"w-0": SessionState.IDLE})


def test_an_idle_surplus_session_is_shown_draining_first_and_stopped_then() -> None:
    infos = facts(found("w-0"), found("w-1"))
    first = plan_sessions(worker(replicas=1), infos)
    assert first.stop == []
    assert states(first) == {"w-0": SessionState.IDLE, "w-1": SessionState.DRAINING}
    assert first.wake_at == NOW
    then = plan_sessions(worker(*first.sessions, replicas=1), infos)
    assert then.stop == [Stop(name="w-1", abandon=True)]


def test_busy_sessions_stay_before_idle_ones_and_low_numbers_before_high() -> None:
    infos = facts(found("w-0"), found("w-1"), found("w-2"), found("w-10"), busy={"w-2": BUSY})
    plan = plan_sessions(worker(replicas=2), infos)
    assert states(plan) == {
        "w-0": SessionState.IDLE,
        "w-1": SessionState.DRAINING,
        "w-2": SessionState.WORKING,
        "w-10": SessionState.DRAINING,
    }


def test_a_busy_surplus_session_finishes_unless_now() -> None:
    infos = facts(found("w-0"), busy={"w-0": BUSY})
    draining = shown("w-0", SessionState.DRAINING)
    assert plan_sessions(worker(draining, replicas=0), infos).stop == []
    now = plan_sessions(worker(draining, replicas=0, stopMode="Now"), infos)
    assert now.stop == [Stop(name="w-0", abandon=True)]


def test_scaled_up_again_a_draining_session_goes_on() -> None:
    plan = plan_sessions(
        worker(shown("w-0", SessionState.DRAINING), replicas=1), facts(found("w-0"), busy={"w-0": BUSY})
    )
    assert states(plan) == {"w-0": SessionState.WORKING}


def test_other_settings_replace_a_session_once_it_is_idle() -> None:
    old = found("w-0", fingerprint="old")
    busy = plan_sessions(worker(replicas=1), facts(old, busy={"w-0": BUSY}))
    assert (busy.stop, states(busy)) == ([], {"w-0": SessionState.DRAINING})
    idle = plan_sessions(worker(*busy.sessions, replicas=1), facts(old))
    assert [order.name for order in idle.stop] == ["w-0"]


def test_while_nothing_can_be_started_what_runs_goes_on() -> None:
    plan = plan_sessions(
        worker(replicas=2), facts(found("w-0", fingerprint="old"), startable=False, fingerprint="")
    )
    assert (plan.start, plan.stop, states(plan)) == ([], [], {"w-0": SessionState.IDLE})


@pytest.mark.parametrize("state", [Found.EXITED, Found.LOST])
def test_a_crash_is_remembered_and_soon_started_again(state: Found) -> None:
    info = found("w-0", state, exit_code=1, message="exit code 1")
    plan = plan_sessions(worker(replicas=1), facts(info, busy={"w-0": BUSY}))
    memory = plan.memories["w-0"]
    assert memory == Memory(
        restarts=1, next_start_at=NOW + timedelta(seconds=1), last_error="exit code 1", fingerprint="f"
    )
    assert plan.crashed == {"w-0": memory}
    assert plan.stop == [Stop(name="w-0", abandon=False)]
    waiting = plan_sessions(worker(*plan.sessions, replicas=1), facts(memories={"w-0": memory}))
    assert (waiting.start, states(waiting), waiting.wake_at) == (
        [],
        {"w-0": SessionState.CRASHED},
        NOW + timedelta(seconds=1),
    )
    due = facts(memories={"w-0": memory}, now=NOW + timedelta(seconds=1))
    assert plan_sessions(worker(*plan.sessions, replicas=1), due).start == ["w-0"]


def test_a_bead_is_given_away_when_the_pause_is_long() -> None:
    info = found("w-0", Found.EXITED, exit_code=1, message="exit code 1")
    plan = plan_sessions(worker(replicas=1), facts(info, memories={"w-0": Memory(restarts=6)}))
    assert plan.stop == [Stop(name="w-0", abandon=True, why="session w-0 ended: exit code 1")]


def test_a_session_that_cannot_resume_gives_its_bead_away_at_once_and_says_why() -> None:
    info = found("w-0", Found.LOST, reason="Drained", message="the node is emptied")
    plan = plan_sessions(worker(replicas=1), facts(info, resumable=False))
    why = "session w-0 ended: Drained: the node is emptied"
    assert plan.stop == [Stop(name="w-0", abandon=True, why=why)]
    assert (plan.sessions[0].state, plan.sessions[0].reason) == (SessionState.CRASHED, "Drained")


def test_a_session_that_cannot_start_says_why_and_is_left_to_try() -> None:
    info = found("w-0", Found.STARTING, reason="ImagePullFailed", message="no such image")
    plan = plan_sessions(worker(replicas=1), facts(info))
    assert (plan.start, plan.stop) == ([], [])
    told = plan.sessions[0]
    assert (told.state, told.reason, told.message) == (
        SessionState.STARTING,
        "ImagePullFailed",
        "no such image",
    )
    status = worker_status(
        worker(replicas=1), sessions=plan.sessions, wanted=1, spent=Spent(), over_budget="", obstacle=None,
        now=NOW,
    )  # fmt: skip
    available = next(item for item in status.conditions if item.type == "Available")
    assert (available.status, available.reason) == (ConditionStatus.FALSE, "ImagePullFailed")
    assert available.message == "w-0: no such image"


def test_pauses_double_up_to_ten_minutes() -> None:
    memory: Memory | None = None
    pauses = []
    for _ in range(12):
        memory = after_crash(memory, "x", fingerprint="f", now=NOW)
        assert memory.next_start_at is not None
        pauses.append((memory.next_start_at - NOW).total_seconds())
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    hopeless = after_crash(None, "no program", fingerprint="f", now=NOW, hopeless=True)
    assert hopeless.next_start_at == NOW + timedelta(seconds=30)
    endless = after_crash(Memory(restarts=10**6), "x", fingerprint="f", now=NOW)
    assert endless.next_start_at == NOW + LONGEST_RESTART


def test_a_program_that_is_missing_is_tried_again_later() -> None:
    info = found("w-0", Found.UNSTARTABLE, exit_code=127, message="program not found: x")
    plan = plan_sessions(worker(replicas=1), facts(info))
    assert plan.wake_at == NOW + timedelta(seconds=30)
    assert plan.sessions[0].message == "program not found: x"


def test_with_other_settings_a_crashed_session_is_tried_at_once() -> None:
    memory = after_crash(Memory(restarts=8), "x", fingerprint="old", now=NOW)
    plan = plan_sessions(worker(replicas=1), facts(memories={"w-0": memory}))
    assert (plan.start, plan.memories) == (["w-0"], {"w-0": None})


def test_a_quiet_time_forgives() -> None:
    memory = Memory(restarts=4, last_error="x")
    young = plan_sessions(worker(replicas=1), facts(found("w-0"), memories={"w-0": memory}))
    assert (young.memories, young.sessions[0].restarts) == ({}, 4)
    assert young.wake_at == NOW - timedelta(seconds=30) + QUIET
    old = found("w-0", started_at=NOW - QUIET)
    plan = plan_sessions(worker(replicas=1), facts(old, memories={"w-0": memory}))
    assert (plan.memories, plan.sessions[0].restarts) == ({"w-0": None}, 0)


def test_an_end_on_request_is_no_crash() -> None:
    info = found("w-0", Found.EXITED, exit_code=0)
    told = plan_sessions(worker(shown("w-0", SessionState.DRAINING), replicas=1), facts(info))
    assert (told.crashed, told.memories) == ({}, {"w-0": None})
    by_itself = plan_sessions(worker(shown("w-0", SessionState.IDLE), replicas=1), facts(info))
    assert list(by_itself.crashed) == ["w-0"]


def test_once_starts_a_session_for_a_bead() -> None:
    once: dict[str, Any] = {"replicas": 3, "mode": "Once"}
    assert plan_sessions(worker(**once), facts()).start == []
    assert plan_sessions(worker(**once), facts(claimable=2)).start == ["w-0", "w-1"]
    assert plan_sessions(worker(**once), facts(claimable=9)).start == ["w-0", "w-1", "w-2"]
    done = plan_sessions(worker(**once), facts(found("w-0", Found.EXITED, exit_code=0), claimable=1))
    assert (done.crashed, done.memories) == ({}, {"w-0": None})
    nothing = plan_sessions(worker(**once), facts(found("w-0", Found.EXITED, exit_code=3), claimable=1))
    assert nothing.memories == {"w-0": Memory(next_start_at=NOW + IDLE_PAUSE)}


def test_autoscale_follows_the_beads_and_lets_idle_sessions_linger() -> None:
    scale: dict[str, Any] = {"autoscale": {"min": 1, "max": 4, "idleSeconds": 60}}
    assert plan_sessions(worker(**scale), facts()).start == ["w-0"]
    assert plan_sessions(worker(**scale), facts(claimable=9)).wanted == 4
    assert plan_sessions(worker(**scale), facts(found("w-0"), claimable=2, busy={"w-0": BUSY})).wanted == 3
    idle = shown("w-1", SessionState.IDLE, last_progress_at=NOW - timedelta(seconds=59))
    lingers = plan_sessions(worker(idle, **scale), facts(found("w-0"), found("w-1")))
    assert states(lingers)["w-1"] is SessionState.IDLE
    assert lingers.wake_at == NOW + timedelta(seconds=1)
    done = plan_sessions(
        worker(shown("w-1", SessionState.WORKING), **scale), facts(found("w-0"), found("w-1"))
    )
    assert states(done)["w-1"] is SessionState.IDLE
    assert done.wake_at == NOW + timedelta(seconds=60)
    idle = shown("w-1", SessionState.IDLE, last_progress_at=NOW - timedelta(seconds=60))
    goes = plan_sessions(worker(idle, **scale), facts(found("w-0"), found("w-1")))
    assert states(goes)["w-1"] is SessionState.DRAINING


def test_a_session_that_is_just_given_a_bead_is_not_idle() -> None:
    infos = (found("w-0"), found("w-1"))
    asks = facts(*infos, claimable=1, claiming=frozenset({"w-1"}))
    scale: dict[str, Any] = {"autoscale": {"min": 0, "max": 4, "idleSeconds": 0}}
    assert plan_sessions(worker(**scale), asks).wanted == 2
    draining = shown("w-1", SessionState.DRAINING)
    assert plan_sessions(worker(draining, replicas=0), asks).stop == []
    assert plan_sessions(worker(draining, replicas=0, deleting=True), asks).stop == [
        Stop(name="w-0", abandon=True)
    ]


def test_deleting_ends_idle_sessions_at_once_and_busy_ones_when_they_are_done() -> None:
    infos = facts(
        found("w-0"),
        found("w-1"),
        found("w-2", Found.EXITED, exit_code=1),
        busy={"w-1": BUSY},
        memories={"w-3": Memory(restarts=1, next_start_at=NOW)},
    )
    plan = plan_sessions(worker(replicas=4, deleting=True), infos)
    assert sorted(order.name for order in plan.stop) == ["w-0", "w-2", "w-3"]
    assert (plan.start, plan.memories, states(plan)) == ([], {"w-3": None}, {"w-1": SessionState.DRAINING})
    now = plan_sessions(worker(replicas=4, deleting=True, stopMode="Now"), infos)
    assert sorted(order.name for order in now.stop) == ["w-0", "w-1", "w-2", "w-3"]


def test_progress_moves_only_with_the_state() -> None:
    before = shown("w-0", SessionState.IDLE)
    same = plan_sessions(worker(before, replicas=1), facts(found("w-0")))
    assert same.sessions[0].last_progress_at == before.last_progress_at
    other = plan_sessions(worker(before, replicas=1), facts(found("w-0"), busy={"w-0": BUSY}))
    assert other.sessions[0].last_progress_at == NOW
