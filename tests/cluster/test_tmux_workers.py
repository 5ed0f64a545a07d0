"""Tmux Workers as a user drives them: apply, scale, break, change, delete; real sessions, real API server."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ringmaster_operator.runtimes.tmux.server import socket_directory
from support import marked, quiet
from support.operators import OperatorProcess
from support.station import scenario, steps
from support.tmux_workers import SLOW, Host

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]


SETTINGS = {
    "RINGMASTER_TMUX_HOST": "local",
    "RINGMASTER_TMUX_POLL_SECONDS": "0.5",
    "RINGMASTER_LEASE_SECONDS": "10",
    "RINGMASTER_BACKOFF_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def running(own_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(
        own_cluster.kubeconfig, "", tmp_path_factory.mktemp("host"), settings=dict(SETTINGS)
    )
    operator.start()
    yield operator
    operator.stop()


@pytest.fixture
def host(own_cluster: Any, running: OperatorProcess, tmp_path: Path) -> Iterator[Host]:
    namespace = f"tmux-{os.urandom(4).hex()}"
    own_cluster.kubectl("create", "namespace", namespace)
    made = Host(own_cluster, running, namespace, tmp_path)
    began = running.log.stat().st_size
    try:
        yield made
        made.clean()
    finally:
        made.end_sessions()
        print(running.log.read_bytes()[began:].decode(errors="replace"))


def test_beads_are_worked_in_tmux_and_the_status_tells(host: Host) -> None:
    host.apply(host.worker(replicas=2))
    host.idle("w-0", "w-1")
    status = host.status()
    assert (status["replicas"], status["readyReplicas"], status["desiredReplicas"]) == (2, 2, 2)
    assert host.condition("Available")["status"] == "True"
    assert host.condition("Progressing")["status"] == "False"
    host.apply(host.bead("one", SLOW))

    def shown(status: dict[str, Any]) -> bool:
        beads = [item.get("bead") for item in status["sessions"]]
        return "one" in beads and bool(status["busyReplicas"] == 1)

    host.until(lambda: shown(host.status()), "one is shown, and one session as busy")
    host.done("one")
    host.idle("w-0", "w-1")
    attach = host.sessions()["w-0"]["attach"].split()
    assert attach[:2] == ["tmux", "-L"]
    here = subprocess.run(["tmux", "-L", attach[2], "ls"], capture_output=True, text=True, check=True)
    assert {line.split(":")[0] for line in here.stdout.splitlines()} == {"w-0", "w-1"}
    assert "w-0" in host.cluster.kubectl("describe", "worker", "w", "-n", host.namespace)


def test_an_idle_fleet_writes_nothing(host: Host) -> None:
    host.apply(host.worker(replicas=3))
    host.idle("w-0", "w-1", "w-2")
    since = quiet.settled(host.cluster, host.namespace)  # what starting them had to write is written
    time.sleep(5)
    assert quiet.writes(host.cluster, host.namespace, since=since) == []


def test_a_killed_session_comes_back_and_ends_its_bead(host: Host) -> None:
    host.apply(host.worker(), host.bead("one", SLOW))
    host.until(lambda: host.sessions().get("w-0", {}).get("state") == "Working", "w-0 works")
    assert marked.kill(host.processes()["w-0"]) > 0
    host.done("one")
    host.idle("w-0")
    assert host.sessions()["w-0"]["restarts"] == 1
    events = ("get", "events", "-n", host.namespace)
    host.until(lambda: "SessionCrashed" in host.cluster.kubectl(*events), "an Event says so")
    assert host.cluster.get("bead", "one", "-n", host.namespace)["status"]["attempts"] == 1


def test_a_killed_operator_finds_its_sessions_again(host: Host) -> None:
    host.apply(host.worker(replicas=2), host.bead("one", SLOW))
    host.until(lambda: len(host.workers()) == 2, "two sessions")
    before = host.workers()
    host.operator.kill()
    host.operator.start()
    host.done("one")
    host.idle("w-0", "w-1")
    assert host.workers() == before


def test_scaling_down_lets_a_busy_session_finish(host: Host) -> None:
    host.apply(host.worker(replicas=3))
    host.idle("w-0", "w-1", "w-2")
    go = host.origin.parent / "go"
    wait = {"run": f"while [ ! -e {go} ]; do sleep 0.1; done"}
    made = {"write": {"path": "made.txt", "text": "yes\n"}}
    host.apply(host.bead("one", scenario(steps(wait, made, {"done": "so"}))))
    host.until(lambda: any(i["state"] == "Working" for i in host.sessions().values()), "one begins")
    host.patch(replicas=0)
    host.until(lambda: [i["state"] for i in host.sessions().values()] == ["Draining"], "one drains")
    go.touch()
    host.done("one")
    host.idle()
    assert host.processes() == {}
    host.patch(replicas=1)
    host.idle("w-0")


def test_stop_mode_now_gives_the_bead_back(host: Host) -> None:
    host.apply(host.worker(stopMode="Now"), host.bead("one", scenario(steps({"run": "sleep 300"}))))
    host.until(lambda: host.sessions().get("w-0", {}).get("state") == "Working", "w-0 works")
    host.patch(replicas=0)
    host.idle()
    assert host.processes() == {}
    host.until(
        lambda: "claim" not in host.cluster.get("bead", "one", "-n", host.namespace)["status"],
        "the claim is gone",
    )


def test_changed_settings_replace_idle_sessions(host: Host) -> None:
    host.apply(host.worker(agent={"env": [{"name": "MOOD", "value": "calm"}]}))
    host.idle("w-0")
    before = host.workers()["w-0"]
    host.patch(capabilities=[{"name": "python"}])
    host.until(lambda: host.status().get("observedGeneration") == 2, "seen")
    assert host.workers()["w-0"] == before
    host.patch(agent={"env": [{"name": "MOOD", "value": "glad"}]})
    host.until(lambda: host.workers().get("w-0", before) != before, "replaced")
    host.idle("w-0")
    assert psutil.Process(host.workers()["w-0"]).environ()["MOOD"] == "glad"


def test_secrets_reach_the_session_alone(host: Host) -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}]
    host.apply(host.worker(agent={"env": env}))
    host.until(lambda: host.condition("Available").get("reason") == "SecretMissing", "says so")
    assert "keys" in host.condition("Available")["message"]
    assert host.sessions() == {}
    value = "hush-hush-hush"
    data = {"api": base64.b64encode(value.encode()).decode()}
    host.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": data})
    host.idle("w-0")
    assert psutil.Process(host.workers()["w-0"]).environ()["KEY"] == value
    assert value not in json.dumps(host.cluster.get("worker", "w", "-n", host.namespace)["status"])
    assert value not in host.operator.log.read_text()
    for path in host.operator.folder.rglob("*"):
        if path.is_file() and path.name != "launch.json":
            with contextlib.suppress(FileNotFoundError):  # files of a running fleet come and go
                assert value.encode() not in path.read_bytes(), path


def test_a_worker_that_cannot_start_backs_off_and_says_why(host: Host) -> None:
    host.apply(host.worker(tmux={"workingDirectory": "/proc/none"}))
    host.until(lambda: host.condition("Available").get("reason") == "BadWorkingDirectory", "says so")
    host.patch(tmux=None)
    host.idle("w-0")


def test_once_gives_each_bead_a_session_of_its_own(host: Host) -> None:
    host.apply(host.worker(mode="Once"))
    host.until(lambda: host.status().get("observedGeneration") == 1, "seen")
    assert host.sessions() == {}
    for name in ("one", "two"):
        host.apply(host.bead(name))
        host.done(name)
    host.until(lambda: host.sessions() == {}, "no session is left")
    assert host.processes() == {}


def test_autoscale_follows_the_work(host: Host) -> None:
    scale = {"min": 0, "max": 2, "idleSeconds": 1}
    host.apply(host.worker(replicas=None, autoscale=scale))
    host.until(lambda: host.status().get("observedGeneration") == 1, "seen")
    assert host.sessions() == {}
    host.apply(*(host.bead(f"b{number}", SLOW) for number in range(3)))
    host.until(lambda: len(host.sessions()) == 2, "two sessions")
    for number in range(3):
        host.done(f"b{number}")
    host.until(lambda: host.sessions() == {}, "none is left")


def nothing_left(host: Host) -> None:
    state = host.operator.folder / "state"
    assert list((state / "sessions").glob(f"{host.namespace}/*")) == []
    assert list((state / "tokens").glob(f"{host.namespace}/*")) == []
    assert list((state / "home" / "worktrees").iterdir()) == []


def test_a_killed_session_of_a_deleted_worker_leaves_nothing_behind(host: Host) -> None:
    host.apply(host.worker(), host.bead("one", scenario(steps({"run": "sleep 300"}))))
    worktrees = host.operator.folder / "state" / "home" / "worktrees"
    host.until(lambda: worktrees.exists() and list(worktrees.iterdir()), "the worktree is made")
    host.until(lambda: len(host.processes().get("w-0", [])) > 2, "the agent runs")
    host.cluster.kubectl("delete", "worker", "w", "-n", host.namespace, "--wait=false")
    assert marked.kill(host.processes()["w-0"]) > 0
    host.cluster.kubectl("wait", "worker/w", "-n", host.namespace, "--for=delete", "--timeout=150s")
    nothing_left(host)
    assert "claim" not in host.cluster.get("bead", "one", "-n", host.namespace)["status"]


def test_an_operator_killed_between_a_stop_and_its_clean_up_leaves_nothing_behind(host: Host) -> None:
    host.apply(host.worker(), host.bead("one", scenario(steps({"run": "sleep 300"}))))
    state = host.operator.folder / "state"
    session = state / "home" / "claims" / host.namespace / "w-0"
    host.until((session / "worktree").exists, "the worktree is made")
    host.operator.kill()
    host.end_sessions()
    (state / "sessions" / host.namespace / "w-0" / "session.json").unlink()
    (session / "claim.json").unlink()  # its claim was over: the worktree alone is left of it
    assert list((state / "home" / "worktrees").iterdir()) != []
    host.cluster.kubectl("delete", "worker", "w", "-n", host.namespace, "--wait=false")
    host.operator.start()
    host.cluster.kubectl("wait", "worker/w", "-n", host.namespace, "--for=delete", "--timeout=150s")
    nothing_left(host)


def test_deleting_leaves_nothing_behind(host: Host) -> None:
    host.apply(host.worker(replicas=2), host.bead("one", SLOW))
    host.until(lambda: any(i["state"] == "Working" for i in host.sessions().values()), "one begins")
    host.cluster.kubectl("delete", "worker", "w", "-n", host.namespace, "--timeout=150s")
    host.done("one")
    assert host.processes() == {}
    nothing_left(host)
    host.until(lambda: not servers(host), "no tmux server runs")


def servers(host: Host) -> list[str]:
    """The tmux servers of the host's sessions that answer."""
    found = []
    for socket in socket_directory().glob(f"ringmaster-local-*-{host.namespace}"):
        answer = subprocess.run(
            ["tmux", "-L", socket.name, "ls"], capture_output=True, text=True, check=False
        )
        if "no server running" not in answer.stderr and "No such file" not in answer.stderr:
            found.append(f"{socket.name}: {answer.stdout}{answer.stderr}")
    return found


def test_a_worker_gone_without_us_loses_its_sessions(host: Host) -> None:
    host.apply(host.worker())
    host.idle("w-0")
    host.operator.kill()
    host.cluster.kubectl("delete", "worker", "w", "-n", host.namespace, "--wait=false")
    host.cluster.kubectl(
        "patch", "-n", host.namespace, "worker/w", "--type=merge", '-p={"metadata":{"finalizers":[]}}'
    )
    host.operator.start()
    host.until(lambda: host.processes() == {}, "its sessions end")
