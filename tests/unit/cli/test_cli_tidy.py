"""Clearing up after a session that was killed and does not come back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from support.desk import Desk
from support.loops import said, started, until
from support.station import Station, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}


def killed_when(station: Station[Desk], met: Callable[[], object]) -> None:
    """Start a session, and kill it with all its programs once `met` is true."""
    process: subprocess.Popen[str] = station.start("worker", "run", "--once")
    try:
        deadline = time.monotonic() + 40
        while not met():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_claim_is_given_back_and_the_worktree_goes(station: Station[Desk]) -> None:
    mark = station.folder / "working"
    station.add(description=scenario(steps(WRITE, {"run": f"touch {mark}"}, {"sleep": 60}, {"done": "late"})))
    killed_when(station, mark.exists)
    assert list((station.home / "worktrees").iterdir()) != []
    done = station.run("worker", "tidy")
    assert done.returncode == 0, done.stderr
    assert station.desk.released == [("fix-it", "its session is gone")]
    assert list((station.home / "worktrees").iterdir()) == []
    assert not station.state.exists()
    assert station.run("worker", "tidy").returncode == 0


def test_a_finished_result_is_delivered_first(station: Station[Desk]) -> None:
    station.add(
        description=scenario(steps(WRITE, {"done": "made it"})),
        acceptance={"verify": ["grep -q yes made.txt"]},
    )
    station.desk.fault = lambda method, path: "drop" if path.endswith("/reports") else None
    killed_when(station, lambda: any(call.endswith("/reports") for call in station.desk.calls))
    station.desk.fault = lambda method, path: None
    done = station.run("worker", "tidy")
    assert done.returncode == 0, done.stderr
    assert [report.outcome.kind for report in station.desk.reports.values()] == ["success"]
    assert station.desk.released == []
    assert list((station.home / "worktrees").iterdir()) == []
    assert not station.state.exists()


def test_what_the_operator_cannot_take_now_stays(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    station.desk.fault = lambda method, path: "drop" if path.endswith("/reports") else None
    killed_when(station, lambda: any(call.endswith("/reports") for call in station.desk.calls))
    station.desk.stop()
    done = station.run("worker", "tidy")
    assert done.returncode == 6, done.stderr
    assert len(list((station.state / "spool").iterdir())) == 1
    station.desk.fault = lambda method, path: None
    station.desk.start()
    assert station.run("worker", "tidy").returncode == 0
    assert len(station.desk.reports) == 1


def slow_git(station: Station[Desk], word: str) -> None:
    """A git whose worktree commands last longer than a stop goes unnoticed; says when `word` is under way."""
    programs = station.folder / "programs"
    programs.mkdir()
    begun = f'case " $* " in *" worktree {word} "*) touch {station.folder}/begun ;; esac'
    git = f'{shutil.which("git")} "$@" || exit $?'
    (programs / "git").write_text(
        f'#!/bin/sh\ncase " $* " in\n*" worktree add "*) {git}; {begun}; sleep 1.5 ;;\n'
        f'*" worktree remove "*) {begun}; sleep 1; {git} ;;\n*) {git} ;;\nesac\n'
    )
    (programs / "git").chmod(0o755)
    station.extra["PATH"] = f"{programs}:{station.env['PATH']}"


@pytest.mark.parametrize("word", ["add", "remove"])
def test_a_stop_in_the_midst_of_making_or_removing_a_worktree_leaves_none(
    station: Station[Desk], word: str
) -> None:
    slow_git(station, word)
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    with started(station, "worker", "run") as process:
        until((station.folder / "begun").exists)
        assert list((station.home / "worktrees").iterdir()) != []
        process.terminate()
        words = said(process)
        assert process.returncode == 0, words
    assert list((station.home / "worktrees").iterdir()) == [], words
    assert not (station.state / "worktree").exists() or word == "add"
