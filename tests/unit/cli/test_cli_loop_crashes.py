"""The worker loop when claims, workers or the operator are lost in the middle of the work."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ringmaster_operator.resources.protocol import ClaimAnswer, ClaimRequest
from support.desk import Desk
from support.loops import agents, at_work, said, started, until, working
from support.served import Refusal
from support.station import Station, git, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
VERIFY = {"verify": ["grep -q yes made.txt"]}


def test_a_lost_claim_ends_the_agent_and_publishes_nothing(station: Station[Desk]) -> None:
    station.desk.lease_seconds = 0.6
    station.add(description=at_work(station))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        station.desk.take_away()
        words = said(process)
        assert process.returncode == 5, words
    assert "bead fix-it is not ours any more" in words
    assert station.desk.reports == {}
    assert git(station.origin, "branch", "--list", "ringmaster/*") == ""
    assert agents(station) == []
    assert not (station.state / "claim.json").exists()


def test_a_claim_lost_while_the_agent_ended_publishes_nothing(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=VERIFY)

    def lose(method: str, path: str) -> None:
        # The last question before publishing is the second one: the first is asked before the start.
        if "/work" in path and len([call for call in station.desk.calls if call.endswith("/work")]) == 2:
            station.desk.take_away()

    station.desk.fault = lose
    done = station.run("worker", "run", "--once")
    assert done.returncode == 5, done.stdout + done.stderr
    assert git(station.origin, "branch", "--list", "ringmaster/*") == ""
    assert station.desk.reports == {}
    # Its report still reaches the operator, which refuses and records it.
    station.desk.stop_when_empty = True
    assert station.run("worker", "run").returncode == 0
    assert [late.outcome.kind for late in station.desk.refused] == ["success"]


def test_the_operator_restarts_while_the_result_is_reported(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=VERIFY)
    down: list[str] = []

    def fall(method: str, path: str) -> str | None:
        if not path.endswith("/reports"):
            return None
        down.append(path)
        return "act" if len(down) == 1 else "drop"  # committed, but its answer is lost in the crash

    station.desk.fault = fall
    with started(station, "worker", "run", "--once") as process:
        until(lambda: len(down) > 1)
        station.desk.stop()
        time.sleep(1.0)
        station.desk.fault = lambda method, path: None
        station.desk.start()
        words = said(process)
        assert process.returncode == 0, words
    assert [report.outcome.kind for report in station.desk.reports.values()] == ["success"]
    assert "waiting for the operator" in words


def test_a_finished_result_survives_the_death_of_the_worker(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=VERIFY)
    station.desk.fault = lambda method, path: "drop" if path.endswith("/reports") else None
    with started(station, "worker", "run", "--once") as process:
        until(lambda: any(call.endswith("/reports") for call in station.desk.calls))
        process.kill()
    assert station.desk.reports == {}
    station.desk.fault = lambda method, path: None
    station.desk.stop_when_empty = True
    again = station.run("worker", "run")
    assert again.returncode == 0, again.stdout + again.stderr
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.pushed) == ("success", True)
    assert station.desk.fence == 1


def test_the_worktree_of_a_result_that_came_late_goes_before_the_next_bead(station: Station[Desk]) -> None:
    """The next bead's worktree would be the one that is remembered."""
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    station.desk.fault = lambda method, path: "drop" if path.endswith("/reports") else None
    with started(station, "worker", "run", "--once") as process:
        until(lambda: any(call.endswith("/reports") for call in station.desk.calls))
        process.kill()
        process.wait()
    assert len(list((station.home / "worktrees").iterdir())) == 1
    station.desk.fault = lambda method, path: None
    station.add("next-one", description=scenario(steps(WRITE, {"done": "made it"})))
    station.desk.stop_when_empty = True
    again = station.run("worker", "run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(station.desk.reports) == 2
    assert list((station.home / "worktrees").iterdir()) == []


def test_work_that_was_being_pushed_when_the_worker_died_is_published_before_it_is_reported(
    station: Station[Desk],
) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=VERIFY)
    pushing, go = station.folder / "pushing", station.folder / "go"
    hook = station.origin / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\ntouch {pushing}\nwhile [ ! -e {go} ]; do sleep 0.05; done\nexit 1\n")
    hook.chmod(0o755)
    with started(station, "worker", "run", "--once") as process:
        until(pushing.exists)
        process.kill()
        process.wait()
    hook.unlink()
    go.touch()
    assert station.desk.reports == {}
    station.desk.stop_when_empty = True
    again = station.run("worker", "run")
    assert again.returncode == 0, again.stdout + again.stderr
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.pushed) == ("success", True)
    assert report.commit == git(station.origin, "rev-parse", "ringmaster/fix-it").strip()
    assert list((station.home / "worktrees").iterdir()) == []


def test_a_worktree_that_was_not_removed_in_time_goes_at_the_next_start(station: Station[Desk]) -> None:
    station.add(description=at_work(station))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        process.kill()
        process.wait()
    assert len(list((station.home / "worktrees").iterdir())) == 1
    # As if it had been killed between the end of its claim and the removal of the worktree.
    for pid in agents(station):
        os.kill(pid, signal.SIGKILL)
    (station.state / "claim.json").unlink()
    station.desk.stop_when_empty = True
    again = station.run("worker", "run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert list((station.home / "worktrees").iterdir()) == []


def test_a_killed_worker_leaves_no_agent_and_its_bead_goes_on(station: Station[Desk]) -> None:
    station.add(description=at_work(station), acceptance=VERIFY)
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        process.kill()
        process.wait()
    assert agents(station)
    # The person changes the bead meanwhile: what runs next is what the operator says now.
    (grant,) = station.desk.grants.values()
    quick = scenario(steps(WRITE, {"done": "made it"}))
    changed = grant.claim.bead.model_copy(update={"description": quick})
    grant.claim = grant.claim.model_copy(update={"bead": changed})
    with started(station, "worker", "run", "--once") as process:
        words = said(process)
        assert process.returncode == 0, words
    assert "going on with bead fix-it" in words
    assert agents(station) == []
    assert station.desk.fence == 1


def test_a_bead_that_keeps_ending_its_worker_goes_back(station: Station[Desk]) -> None:
    station.add(description=at_work(station))
    for _ in range(2):
        (station.folder / "working").unlink(missing_ok=True)
        with started(station, "worker", "run", "--once") as process:
            until(lambda: working(station))
            process.kill()
            process.wait()
    station.desk.stop_when_empty = True
    done = station.run("worker", "run")
    assert done.returncode == 0
    assert station.desk.released == [("fix-it", "iteration 1 ended the worker 2 times")]
    assert agents(station) == []


def test_a_fault_of_ours_gives_the_bead_back_and_shows_one_line(station: Station[Desk], desk: Desk) -> None:
    station.add(description=scenario(steps(WRITE)))
    desk.fault = lambda method, path: (200, {"order": "continue", "reason": ""}) if "/work" in path else None
    done = station.run("worker", "run", "--once")
    assert done.returncode == 1
    assert done.stderr.startswith("ringmaster: internal fault: ")
    assert len(done.stderr.splitlines()) == 1
    assert [name for name, _ in desk.released] == ["fix-it"]


def test_claims_that_nobody_knows_of_are_asked_for_anew(
    station: Station[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server answers no patch for a while: each claim ends before it is granted."""
    granted, ended = station.desk.claim, list[str]()

    def claim(request: ClaimRequest) -> ClaimAnswer:
        if len(ended) < 3:
            ended.append(request.claim_id)
            raise Refusal(409, "claim_ended", "this claim has ended; claim with a fresh id")
        return granted(request)

    monkeypatch.setattr(station.desk, "claim", claim)
    station.add(description=scenario(steps(WRITE)))
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(ended)) == 3
    assert len(station.desk.reports) == 1
