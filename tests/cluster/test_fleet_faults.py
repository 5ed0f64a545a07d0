"""What is wrong on a user's machine, and where the user reads of it: each fault met by the whole fleet."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fleet import SETTINGS, Fleet
from support.operators import OperatorProcess
from support.station import git, scenario, steps

pytestmark = [pytest.mark.cluster, pytest.mark.tmux, pytest.mark.timeout(300)]

ONE = {"maxAttempts": 1, "maxIterations": 1}


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A tmpfs of that size."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "ringmaster-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the space that is left."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096) == 4096:
            pass
    return ballast


@contextlib.contextmanager
def running(fleet: Fleet) -> Iterator[Fleet]:
    try:
        fleet.operator.start()
        yield fleet
    finally:
        fleet.clean()
        print(fleet.operator.tail(200))


@pytest.fixture(scope="module")
def shared(own_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One fleet for the faults that only a bead or a Worker's setting has."""
    with running(Fleet(own_cluster, tmp_path_factory.mktemp("fleet"))) as fleet:
        yield fleet


@pytest.fixture
def fleet(shared: Fleet) -> Fleet:
    """With the Worker as it is meant to be."""
    shared.settles()
    shared.idle("w-0")
    return shared


def told(fleet: Fleet, name: str) -> dict[str, Any]:
    """The outcome of a bead's first attempt. Its words are in an Event on the bead, too."""
    fleet.until(lambda: fleet.outcome(name), f"{name} has an outcome")
    outcome = fleet.outcome(name)
    fleet.until(lambda: outcome["summary"][:200] in fleet.events(name), f"an Event on {name} says so")
    fleet.cluster.kubectl("delete", "bead", name, "-n", fleet.namespace)
    return outcome


def test_an_unknown_profile(fleet: Fleet) -> None:
    fleet.settles(agent={"profile": "clod"})
    fleet.apply(fleet.bead("profile", limits=ONE))
    outcome = told(fleet, "profile")
    assert (outcome["kind"], outcome["reason"]) == ("failed", "Configuration")
    assert "unknown agent profile 'clod'; known are: aider, claude-code" in outcome["summary"]


def test_a_missing_agent_program(fleet: Fleet) -> None:
    agent = {"profile": "claude-code", "command": ["/opt/none/claude"]}
    fleet.settles(agent=agent)
    fleet.apply(fleet.bead("program", limits=ONE))
    outcome = told(fleet, "program")
    assert (outcome["kind"], outcome["reason"]) == ("failed", "Configuration")
    assert "/opt/none/claude" in outcome["summary"]


def test_a_repository_that_is_not_there(fleet: Fleet) -> None:
    fleet.apply(fleet.bead("gone", repository={"url": f"{fleet.folder}/none.git"}, limits=ONE))
    outcome = told(fleet, "gone")
    assert (outcome["kind"], outcome["reason"]) == ("failed", "Repository")
    assert f"{fleet.folder}/none.git cannot be reached: there is no such folder" in outcome["summary"]


def test_a_ref_that_is_not_there(fleet: Fleet) -> None:
    fleet.apply(fleet.bead("ref", repository={"url": str(fleet.origin), "ref": "v9"}, limits=ONE))
    outcome = told(fleet, "ref")
    assert (outcome["kind"], outcome["reason"]) == ("failed", "Repository")
    assert "has no branch, tag or commit 'v9'" in outcome["summary"]


def test_a_branch_that_is_someone_elses(fleet: Fleet) -> None:
    clone = fleet.folder / "clone"
    git(fleet.folder, "clone", "--quiet", str(fleet.origin), str(clone))
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "By hand")
    git(clone, "push", "--quiet", "origin", "HEAD:ringmaster/branch")
    before = git(fleet.origin, "rev-parse", "ringmaster/branch")
    fleet.apply(fleet.bead("branch", limits=ONE))
    outcome = told(fleet, "branch")
    assert (outcome["kind"], outcome["reason"]) == ("failed", "Repository")
    assert "branch ringmaster/branch exists already" in outcome["summary"]
    assert git(fleet.origin, "rev-parse", "ringmaster/branch") == before


def test_the_longest_names_and_the_strangest_words_are_worked(fleet: Fleet) -> None:
    name = "n" + "-very-long-" * 22 + "0123456789"
    assert len(name) == 253
    strange = "\u00e9\u4e2d\u6587\U0001f41d \u202eleft\u202c `$(touch pwned)` '\";--"
    made = {"write": {"path": "made.txt", "text": "yes\n"}}
    description = scenario(steps(made, {"done": f"{strange} \x07\x1b[31mred\x1b[0m"})) + strange
    description += "x" * (65_536 - len(description))
    spec = {"title": strange, "description": description, "acceptance": {"criteria": [strange]}}
    fleet.apply(fleet.bead(name, **spec))
    fleet.done(name)
    status = fleet.status(name)
    assert status["outcome"]["summary"].startswith("\u00e9\u4e2d\u6587\U0001f41d")
    assert "\x1b" not in status["outcome"]["summary"]
    assert len(status["branch"]) < 253
    assert git(fleet.origin, "show", f"{status['branch']}:made.txt") == "yes\n"
    assert git(fleet.origin, "ls-tree", "--name-only", status["branch"]).split() == ["README.md", "made.txt"]
    assert "\x1b[31mred" not in fleet.screen("w-0")


def test_a_full_disk_of_the_workspace(fleet: Fleet) -> None:
    with small_disk(fleet.folder / "small", "4m") as disk:
        fleet.apply(fleet.worker(tmux={"workingDirectory": str(disk)}))
        fleet.until(lambda: (disk / "claims").exists(), "the session works there")
        fleet.idle("w-0")
        ballast = fill(disk)
        fleet.apply(fleet.bead("full"))
        full = "No space left on device (free some space)"
        fleet.until(lambda: full in fleet.condition("Available").get("message", ""), "the Worker says so")
        fleet.until(lambda: full in fleet.events("w"), "an Event says so, too")
        ballast.unlink()
        fleet.done("full")
        fleet.settles(tmux=None)
        fleet.idle("w-0")


def test_a_full_disk_of_the_database(own_cluster: Any, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "3m") as disk:
        database = {"RINGMASTER_DATABASE_URL": f"sqlite:///{disk}/ringmaster.db"}
        with running(Fleet(own_cluster, tmp_path, **database)) as fleet:
            go = tmp_path / "go"
            wait = {"run": f"touch {tmp_path}/waits; while [ ! -e {go} ]; do sleep 0.1; done"}
            fleet.apply(fleet.worker(), fleet.bead("one", wait))
            fleet.until((tmp_path / "waits").exists, "the agent runs")
            ballast = fill(disk)
            go.touch()
            spool = tmp_path / "state" / "home" / "claims"
            fleet.until(lambda: list(spool.glob("*/*/spool/*.json")), "the worker keeps its report")
            fleet.until(lambda: "free some disk space" in fleet.screen("w-0"), "the pane says why it waits")
            assert fleet.status("one")["phase"] == "Running"
            said = fleet.operator.log.read_text
            fleet.until(lambda: "free some disk space" in said(), "so does the operator's log")
            ballast.unlink()
            fleet.done("one")
            fleet.until(lambda: "the history database can be used again" in said(), "the log says so")
            fleet.until(lambda: not list(spool.glob("*/*/spool/*.json")), "the worker keeps no report")
            assert fleet.commits("one") == 1


def end(operator: OperatorProcess) -> tuple[int, str]:
    """Start an operator that cannot run; its exit code, and its only line that is not the log's."""
    operator.start(wait=False)
    assert operator.process is not None
    code = operator.process.wait(60)
    lines = operator.log.read_text().splitlines()
    (words,) = (line for line in lines if " INFO " not in line)
    return code, words


@pytest.fixture
def doomed(own_cluster: Any, tmp_path: Path) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(own_cluster.kubeconfig, "default", tmp_path, settings=dict(SETTINGS))
    yield operator
    operator.stop()


def test_a_damaged_database_at_the_start(doomed: OperatorProcess) -> None:
    path = doomed.folder / "ringmaster.db"
    path.write_bytes(os.urandom(16_384))
    before = path.read_bytes()
    code, words = end(doomed)
    assert code == 1
    assert words.startswith("ringmaster-operator: the history database")
    assert "is damaged (file is not a database). It was left untouched. Restore it from a backup" in words
    assert path.read_bytes() == before


def test_a_port_that_is_taken(doomed: OperatorProcess) -> None:
    with socket.create_server(("127.0.0.1", doomed.port)):
        code, words = end(doomed)
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{doomed.port}: Address already in use" in words


def test_a_kubeconfig_that_is_not_there(doomed: OperatorProcess) -> None:
    doomed.kubeconfig = doomed.folder / "none"
    code, words = end(doomed)
    assert code == 1
    assert words.startswith(f"ringmaster-operator: there is no kubeconfig {doomed.kubeconfig}: name one")
