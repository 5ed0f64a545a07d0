"""The program as sessions and people use it, against the real operator and a real API server."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import make_worker
from support.station import AGENT, PROGRAM, Station, git, scenario, steps

pytestmark = pytest.mark.cluster

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
VERIFY = {"verify": ["grep -q yes made.txt"]}


@pytest.fixture
def station(
    cluster: Any, namespace: str, operator: OperatorProcess, tmp_path: Path
) -> Station[OperatorProcess]:
    """A session of the Worker fleet, which runs the scripted agent."""
    agent = {"profile": "claude-code", "command": [str(AGENT)]}
    token = make_worker(cluster, namespace, agent=agent)
    seed, origin = tmp_path / "seed", tmp_path / "origin.git"
    seed.mkdir()
    git(seed, "init", "--quiet", "--initial-branch=main")
    (seed / "README.md").write_text("# A small thing\n")
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "-m", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(seed), str(origin))
    extra = {"RINGMASTER_NAMESPACE": namespace}
    made = Station(desk=operator, folder=tmp_path, origin=origin, extra=extra)
    made.token_file.write_text(token)
    return made


@pytest.fixture
def people(cluster: Any, namespace: str) -> Iterator[Any]:
    """`ringmaster worker ...` as a person runs it."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
        command = [*PROGRAM, "worker", *args, "--namespace", namespace]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    yield run
    cluster.kubectl("delete", "workers", "--all", "-n", namespace, "--wait=false")


def add(cluster: Any, namespace: str, station: Station[OperatorProcess], name: str, **spec: Any) -> None:
    made = bead(name, repository={"url": str(station.origin)}, **spec)
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([made]))


def status(cluster: Any, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("bead", name, "-n", namespace)["status"]
    return found


def test_beads_are_worked_in_order_and_build_on_each_other(
    cluster: Any, namespace: str, station: Station[OperatorProcess]
) -> None:
    add(
        cluster,
        namespace,
        station,
        "second",
        priority="P0",
        dependsOn=["first"],
        description=scenario(
            steps({"run": "cp made.txt copy.txt", "must": True}, {"done": "copied"}),
        ),
        acceptance={"verify": ["cmp made.txt copy.txt"]},
    )
    add(
        cluster,
        namespace,
        station,
        "first",
        priority="P3",
        acceptance=VERIFY,
        description=scenario(
            steps({"write": {"path": "made.txt", "text": "no\n"}}, {"done": "so"}, iteration=1),
            steps(WRITE, {"done": "now"}, iteration=2),
        ),
    )
    shown = None
    with station.start("worker", "run") as process:
        try:
            for name in ("first", "second"):
                done = "--for=condition=Succeeded"
                cluster.kubectl("wait", "-n", namespace, f"bead/{name}", done, "--timeout=90s")
            process.send_signal(signal.SIGTERM)
            shown = process.communicate(timeout=60)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if shown is None:
                print(process.communicate()[0])
    assert process.returncode == 0, shown
    first, second = status(cluster, namespace, "first"), status(cluster, namespace, "second")
    assert "bead first (P0, inherited from second; attempt 1 of 3, iteration 1)" in shown
    assert (first["iteration"], first["outcome"]["kind"]) == (2, "success")
    assert second["commit"] == git(station.origin, "rev-parse", "ringmaster/second").strip()
    assert station.branch_file("second", "copy.txt") == "yes\n"
    assert first["cost"]["outputTokens"] > 0


def test_a_worker_that_is_stopped_gives_its_bead_to_the_next(
    cluster: Any, namespace: str, station: Station[OperatorProcess]
) -> None:
    long = {"run": f"touch {station.folder}/working"}
    text = scenario(
        steps(WRITE, long, {"sleep": 60}, {"done": "late"}, match="zzz"), steps({"done": "quick"})
    )
    add(cluster, namespace, station, "long", description=text.replace("zzz", "scenario"))
    shown = None
    with station.start("worker", "run") as process:
        try:
            end = time.monotonic() + 60
            while not (station.folder / "working").exists():
                assert time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            shown = process.communicate(timeout=60)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if shown is None:
                print(process.communicate()[0])
    assert process.returncode == 0, shown
    end = time.monotonic() + 60
    while "claim" in (after := status(cluster, namespace, "long")):
        assert time.monotonic() < end, "its claim stays"
    assert after["phase"] in ("Ready", "Pending")
    quick = {"spec": {"description": scenario(steps({"done": "quick"}))}}
    cluster.kubectl("patch", "-n", namespace, "bead/long", "--type=merge", "-p", json.dumps(quick))
    cluster.kubectl("wait", "-n", namespace, "bead/long", "--for=condition=Ready", "--timeout=90s")
    again = station.run("worker", "run", "--once")
    assert again.returncode == 0, again.stdout + again.stderr
    done = ("wait", "-n", namespace, "bead/long", "--for=condition=Succeeded", "--timeout=60s")
    cluster.kubectl(*done)
    assert station.branch_file("long", "made.txt") == "yes\n"


def test_a_token_of_another_worker_is_refused(
    cluster: Any, namespace: str, station: Station[OperatorProcess]
) -> None:
    station.token_file.write_text(make_worker(cluster, namespace, "others"))
    done = station.run("pull-bead")
    assert done.returncode == 4
    assert "this token is of Worker others, not of fleet" in done.stderr


def test_people_look_after_workers(cluster: Any, namespace: str, people: Any) -> None:
    assert people("list").stderr == f"no Workers in namespace {namespace}\n"
    name = f"w{secrets.token_hex(3)}"
    host = ("--host", "nowhere-at-all")
    made = people("spawn", name, "--agent", "codex", "--model", "gpt-5", "--replicas", "2", *host)
    assert made.returncode == 0, made.stderr
    spec = cluster.get("worker", name, "-n", namespace)["spec"]
    assert (spec["agent"]["profile"], spec["agent"]["model"], spec["replicas"]) == ("codex", "gpt-5", 2)
    again = people("spawn", name)
    assert again.returncode == 4
    assert again.stderr.endswith("exists already; change it with kubectl edit or kubectl scale\n")
    row = people("list").stdout.splitlines()[1].split()
    assert row[:3] == [name, "Tmux", "codex"]
    assert json.loads(people("list", "--json").stdout)["items"][0]["metadata"]["name"] == name
    assert people("attach", name).returncode in (2, 3)  # no session, or no terminal
    gone = people("kill", name, "--now")
    assert gone.returncode == 0, gone.stderr


@pytest.mark.parametrize("command", ["kill", "attach", "logs"])
def test_a_worker_that_is_not_there(people: Any, command: str) -> None:
    done = people(command, "nobody")
    assert done.returncode == 4
    assert 'workers.ringmaster.dev "nobody" not found' in done.stderr


def test_a_cluster_that_is_not_there(tmp_path: Path, cluster: Any) -> None:
    env = {**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}
    done = subprocess.run([*PROGRAM, "worker", "list"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no usable kubeconfig" in done.stderr
    text = Path(cluster.kubeconfig).read_text()
    server = yaml.safe_load(text)["clusters"][0]["cluster"]["server"]
    (tmp_path / "gone").write_text(text.replace(server, "https://127.0.0.1:1"))
    env["KUBECONFIG"] = str(tmp_path / "gone")
    away = subprocess.run([*PROGRAM, "worker", "list"], env=env, capture_output=True, text=True, check=False)
    assert away.returncode == 6
    assert "the cluster cannot be reached" in away.stderr


@pytest.mark.tmux
def test_people_see_what_a_tmux_session_shows(
    cluster: Any, namespace: str, people: Any, tmp_path: Path
) -> None:
    socket, name = f"ringmaster-test-{secrets.token_hex(4)}", f"w{secrets.token_hex(3)}"
    session = f"{name}-0"
    tmux = ["tmux", "-L", socket, "-f", "/dev/null"]
    text = "echo one; printf '\\033[31mtwo\\033[0m\\n'; echo three; sleep 600"
    subprocess.run([*tmux, "new-session", "-d", "-s", session, text], check=True, cwd=tmp_path)
    try:
        host = ("--host", "nowhere-at-all")
        assert people("spawn", name, *host).returncode == 0
        assert people("logs", name).returncode == 3
        attach = f"tmux -L {socket} attach-session -t={session}"
        shown = {"name": session, "state": "Working", "bead": "fix-it", "attach": attach}
        twin = {"name": f"{name}-1", "state": "Crashed", "message": "no such program"}
        body = json.dumps({"status": {"sessions": [shown, twin]}})
        cluster.kubectl(
            "patch", "-n", namespace, f"worker/{name}", "--subresource=status", "--type=merge", "-p", body
        )
        several = people("logs", name)
        assert (several.returncode, session in several.stderr) == (2, True)
        assert people("attach", name, session, "--print").stdout == f"{attach}\n"
        end = time.monotonic() + 60
        while (seen := people("logs", name, session, "--lines", "2")).stdout != "two\nthree\n":
            assert time.monotonic() < end, seen
        broken = people("attach", name, f"{name}-1", "--print")
        assert (broken.returncode, "no such program" in broken.stderr) == (4, True)
        listed_now = people("list").stdout
        assert f"  {session}: Working fix-it" in listed_now
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
    elsewhere = people("logs", name, session)
    assert (elsewhere.returncode, "another host" in elsewhere.stderr) == (4, True)
