"""The loop with everything real but the operator and the model."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Any

import pytest

from support.desk import Desk
from support.loops import agents, at_work, said, started, until, working
from support.station import PROGRAM, Station, git, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
VERIFY = {"verify": ["grep -q yes made.txt"]}


def test_a_bead_from_pull_to_report(station: Station[Desk]) -> None:
    station.add(
        description=scenario(steps(WRITE, {"done": "made it"})),
        acceptance=VERIFY,
        effectivePriority="P0",
        inheritedFrom="release",
    )
    station.desk.stop_when_empty = True
    done = station.run("worker", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = station.desk.reports.values()
    assert report.outcome.kind == "success"
    assert report.pushed
    assert report.branch == "ringmaster/fix-it"
    assert report.changed_files == 1
    assert report.commit == git(station.origin, "rev-parse", "ringmaster/fix-it").strip()
    assert station.branch_file("fix-it", "made.txt") == "yes\n"
    assert sum(row.output_tokens for row in report.usage.requests) > 0
    assert [check.exit_code for check in report.verify] == [0]
    assert report.reflexion is None
    shown = done.stdout
    assert "bead fix-it (P0, inherited from release; attempt 1 of 3, iteration 1): Do fix-it" in shown
    assert "verify: 'grep -q yes made.txt' exited 0" in shown
    assert "outcome of fix-it: success" in shown
    assert "told to stop: no bead is ready" in shown
    assert not list((station.home / "worktrees").iterdir())
    assert not (station.state / "claim.json").exists()
    assert list((station.home / "transcripts").iterdir())


def test_unfinished_work_goes_round_with_what_was_learned(station: Station[Desk]) -> None:
    station.add(
        description=scenario(
            steps({"write": {"path": "made.txt", "text": "no\n"}}, {"done": "it is"}, iteration=1),
            steps(WRITE, {"done": "now it is"}, iteration=2, match="still exits 1"),
        ),
        acceptance=VERIFY,
    )
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = station.desk.reports.values()
    assert (first.outcome.kind, first.outcome.reason) == ("incomplete", "VerificationFailed")
    assert first.reflexion is not None
    assert first.reflexion.lesson == "`grep -q yes made.txt` still exits 1"
    assert (second.outcome.kind, second.iteration) == ("success", 2)
    assert station.desk.fence == 1
    assert git(station.origin, "rev-list", "--count", "main..ringmaster/fix-it").strip() == "2"


def test_a_question_to_a_person_is_no_success(station: Station[Desk]) -> None:
    ask = {"ask": {"question": "Red or blue?", "options": [{"name": "red"}, {"name": "blue"}]}}
    station.add(description=scenario(steps(WRITE, ask)), acceptance={"verify": ["true"]})
    assert station.run("worker", "run", "--once").returncode == 0
    (report,) = station.desk.reports.values()
    assert report.outcome.kind == "needs_decision"
    assert report.question is not None
    assert [option.name for option in report.question.options] == ["red", "blue"]


@pytest.mark.parametrize(
    ("agent", "bead", "reason", "words"),
    [
        ({}, {"repository": {"url": "/nowhere/at/all"}}, "Repository", "/nowhere/at/all"),
        ({"profile": "no-such-agent"}, {}, "Configuration", "unknown agent profile 'no-such-agent'; known"),
        ({"command": ["no-such-program"]}, {}, "Configuration", "no-such-program"),
        ({"setup": ["exit 7"]}, {}, "Configuration", "exit 7"),
    ],
)
def test_work_that_cannot_start_is_reported_as_such(
    station: Station[Desk], agent: dict[str, Any], bead: dict[str, Any], reason: str, words: str
) -> None:
    station.desk.agent = {**station.desk.agent, **agent}
    station.add(description=scenario(steps(WRITE)), **bead)
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", reason)
    assert words in report.outcome.summary
    assert "Traceback" not in done.stdout + done.stderr


def test_the_agent_knows_its_bead_and_not_our_token(station: Station[Desk]) -> None:
    station.desk.agent["env"] = [{"name": "FROM_WORKER", "value": "spec"}]
    station.add(description=scenario(steps({"run": "env > env.txt"}, {"done": "shown"})))
    assert station.run("worker", "run", "--once").returncode == 0
    env = dict(
        line.split("=", 1) for line in station.branch_file("fix-it", "env.txt").splitlines() if "=" in line
    )
    assert env["RINGMASTER_BEAD"] == "fix-it"
    assert (env["RINGMASTER_ATTEMPT"], env["RINGMASTER_ITERATION"]) == ("1", "1")
    assert env["FROM_WORKER"] == "spec"
    assert "RINGMASTER_TOKEN_FILE" not in env
    assert "RINGMASTER_URL" not in env


def test_a_token_limit_stops_the_agent(station: Station[Desk]) -> None:
    spend = {"tokens": {"input": 10, "cached": 0, "output": 700}}
    run = steps(spend, WRITE, {"say": "one"}, {"say": "two"}, {"sleep": 30}, {"done": "late"})
    station.add(description=scenario(run), tokens=1000, spentTokens=500)
    began = time.monotonic()
    assert station.run("worker", "run", "--once").returncode == 0
    assert time.monotonic() - began < 30
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", "Budget")


def test_a_cancelled_bead_ends_its_agent_and_keeps_its_cost(station: Station[Desk]) -> None:
    station.desk.lease_seconds = 0.6
    station.add(description=at_work(station))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        station.desk.order = ("cancel", "not wanted any more")
        words = said(process)
        assert process.returncode == 0, words
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.summary) == ("cancelled", "not wanted any more")
    assert report.usage.requests
    assert agents(station) == []


def test_a_bead_that_is_called_back_is_saved_counted_and_released(station: Station[Desk]) -> None:
    station.desk.lease_seconds = 0.6
    station.add(description=at_work(station))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        station.desk.order = ("release", "scaled down")
        assert process.wait(40) == 0
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("incomplete", "Infrastructure")
    assert report.usage.requests
    assert station.branch_file("fix-it", "made.txt") == "yes\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_worker_saves_the_work_and_gives_the_bead_back(station: Station[Desk], number: int) -> None:
    station.add(description=at_work(station))
    with started(station, "worker", "run") as process:
        until(lambda: working(station))
        process.send_signal(number)
        words = said(process)
        assert process.returncode == 0, words
    assert "asked to stop" in words
    assert all(grant.ended for grant in station.desk.grants.values())
    assert station.branch_file("fix-it", "made.txt") == "yes\n"
    assert agents(station) == []


def test_a_waiting_worker_stops_at_once(station: Station[Desk]) -> None:
    with started(station, "worker", "run") as process:
        until(lambda: station.desk.calls)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        words = said(process)
        assert process.returncode == 0, words
        assert time.monotonic() - began < 20
    assert "stopping: asked to stop (SIGTERM)" in words
    assert station.desk.calls == ["POST /api/v1/claims"]


def test_nothing_to_do_says_so_once_and_does_not_ask_again_soon(station: Station[Desk]) -> None:
    station.desk.fault = lambda method, path: (200, {"none": {"verdict": "nothing", "reason": "none"}})
    with started(station, "worker", "run") as process:
        until(lambda: len(station.desk.calls) >= 3)
        assert len(station.desk.calls) < 6
        process.send_signal(signal.SIGTERM)
        words = said(process)
    assert words.count("waiting for work: none") == 1


def test_json_is_one_object_a_line(station: Station[Desk]) -> None:
    import json

    station.desk.stop_when_empty = True
    done = subprocess.run(
        [*PROGRAM, "worker", "run", "--json"], env=station.env, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(line) == {"time", "message"} for line in lines)
