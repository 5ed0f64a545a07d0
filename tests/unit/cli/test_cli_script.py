"""The shell script of the loop does what `worker run` does: same calls, same reports, same branches."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from support.desk import Desk
from support.station import Station, git, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
WRONG = {"write": {"path": "made.txt", "text": "no\n"}}
KEPT = (
    "outcome",
    "iteration",
    "attempt",
    "branch",
    "pushed",
    "changedFiles",
    "exitCode",
    "finalText",
    "fence",
)


def backlog(station: Station[Desk]) -> None:
    """A bead done at once, one of two iterations, one that cannot start, one with a question."""
    verify = {"verify": ["grep -q yes made.txt"]}
    station.add("plain", description=scenario(steps(WRITE, {"done": "made it"})), acceptance=verify)
    twice = scenario(steps(WRONG, {"done": "so"}, iteration=1), steps(WRITE, {"done": "now"}, iteration=2))
    station.add("twice", description=twice, acceptance=verify)
    station.add("nowhere", repository={"url": "/nowhere/at/all"})
    ask = {"ask": {"question": "Which?", "options": [{"name": "a", "consequence": "b"}]}}
    station.add("asks", description=scenario(steps(ask)))
    station.desk.stop_when_empty = True


def reports(station: Station[Desk]) -> list[dict[str, Any]]:
    bodies = [report.body() for report in station.desk.reports.values()]
    return [{name: body.get(name) for name in KEPT} for body in bodies]


def calls(station: Station[Desk]) -> list[str]:
    """What was asked of the operator, without heartbeats, checks and ids: those depend on the time taken."""
    verbs = [call.rsplit("/", 1)[-1] for call in station.desk.calls]
    return [verb for verb in verbs if verb in ("claims", "reports", "release")]


def files(station: Station[Desk]) -> list[str]:
    names = git(station.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/ringmaster").split()
    return [f"{name}: {git(station.origin, 'show', f'{name}:made.txt')}" for name in names]


def script(station: Station[Desk], *args: str) -> subprocess.Popen[str]:
    path = station.folder / "work.sh"
    assert station.run("worker", "script", "--agent", "claude-code", "-o", str(path)).returncode == 0
    return subprocess.Popen(
        [str(path), *args],
        env=station.env,
        cwd=station.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_the_script_does_what_the_loop_does(station: Station[Desk], tmp_path: Path) -> None:
    backlog(station)
    done = station.run("worker", "run", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = reports(station), calls(station), files(station)
    assert [item["outcome"]["kind"] for item in expected[0]] == [
        "success",
        "incomplete",
        "success",
        "failed",
        "needs_decision",
    ]

    for name in git(station.origin, "for-each-ref", "--format=%(refname)", "refs/heads/ringmaster").split():
        git(station.origin, "update-ref", "-d", name)
    desk = station.desk
    for kept in (desk.reports, desk.answers, desk.grants, desk.attempts, desk.calls, desk.released):
        kept.clear()
    desk.fence = 0
    other = Station(desk=desk, folder=tmp_path / "other", origin=station.origin)
    other.folder.mkdir()
    other.token_file.write_text(desk.token)
    backlog(other)
    process = script(other)
    words = process.communicate(timeout=120)[0]
    assert process.returncode == 0, words
    assert (reports(other), calls(other), files(other)) == expected


@pytest.mark.parametrize("beads", [0, 1])
def test_once_is_once(station: Station[Desk], beads: int) -> None:
    for number in range(beads + 1 if beads else 0):
        station.add(f"bead-{number}", description=scenario(steps(WRITE, {"done": "made it"})))
    process = script(station, "--once")
    words = process.communicate(timeout=60)[0]
    assert process.returncode == (0 if beads else 3), words
    assert len(station.desk.reports) == beads


def test_a_stopped_script_saves_the_work_and_gives_the_bead_back(station: Station[Desk]) -> None:
    touch = {"run": f"touch {station.folder}/working"}
    station.add(description=scenario(steps(WRITE, touch, {"sleep": 60}, {"done": "late"})))
    process = script(station)
    try:
        end = time.monotonic() + 40
        while not (station.folder / "working").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        words = process.communicate(timeout=40)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, words
    assert all(grant.ended for grant in station.desk.grants.values())
    assert station.branch_file("fix-it", "made.txt") == "yes\n"


def test_the_script_outlives_an_operator_that_is_away(station: Station[Desk]) -> None:
    storm = iter([(503, {"title": "away"})] * 2)
    station.desk.fault = lambda method, path: next(storm, None)
    station.desk.stop_when_empty = True
    process = script(station)
    words = process.communicate(timeout=60)[0]
    assert process.returncode == 0, words
    assert "waiting for the operator: away (HTTP 503)" in words
