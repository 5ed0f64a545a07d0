"""hack/cluster itself, on a state folder of its own so that no other cluster of this user is in its way."""

from __future__ import annotations

import json
import os
import secrets
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.cluster_tool import Tool, ended_afterwards, processes_of

pytestmark = pytest.mark.cluster


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    yield from ended_afterwards(tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """A tool with a running cluster `a`, for tests that leave it running."""
    for made in ended_afterwards(tmp_path_factory.mktemp("running")):
        made.run("up", "--name", "a")
        yield made


def test_up_twice_keeps_the_running_parts(tool: Tool) -> None:
    first = tool.run("up", "--name", "a")
    assert first.stdout == f"export KUBECONFIG={tool.folder('a')}/kubeconfig\n"
    before = tool.status("a")
    assert before["ready"]
    assert tool.run("list").stdout.split() == ["a"]

    for program in ("go", "pip"):  # nothing is built or fetched again
        (tool.state / program).write_text(f"#!/bin/sh\ntouch {tool.state}/was-called\nexit 1\n")
        (tool.state / program).chmod(0o755)
    offline = Tool(state=tool.state, extra={"PATH": f"{tool.state}:{os.environ['PATH']}"})
    offline.run("up", "--name", "a")
    offline.run("up", "--name", "b")
    assert not (tool.state / "was-called").exists()
    assert tool.status("a")["parts"] == before["parts"]
    tool.run("down", "--name", "b")

    tool.run("down", "--name", "a")
    assert not tool.folder("a").exists()
    assert "nothing to end" in tool.run("down", "--name", "a").stderr
    assert "there is no cluster a" in tool.run("status", "--name", "a", code=1).stderr
    assert tool.run("list").stdout.split() == []


def test_only_the_owner_reads_keys_and_only_this_machine_connects(running: Tool) -> None:
    files = [path for path in running.folder("a").rglob("*") if path.is_file()]
    assert {"kubeconfig", "tokens.csv", "ca.key", "audit.log", "cluster.json"} <= {
        path.name for path in files
    }
    readable = [str(path) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert readable == []
    assert stat.S_IMODE(running.folder("a").stat().st_mode) == 0o700

    pids = running.status("a")["parts"].values()
    sockets = [socket for pid in pids for socket in psutil.Process(pid).net_connections("inet")]
    listening = [socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    ports = json.loads((running.folder("a") / "cluster.json").read_text())["ports"]
    assert {address.port for address in listening} == set(ports.values())


def test_clusters_of_two_names_start_at_once_and_share_nothing(tool: Tool) -> None:
    starts = [tool.start("up", "--name", name) for name in ("a", "no", "a")]  # in YAML, no is a boolean
    assert [start.wait(timeout=200) for start in starts] == [0, 0, 0]
    tool.kubectl("a", "create", "namespace", "only-in-a")
    assert "only-in-a" not in tool.kubectl("no", "get", "namespaces")

    tool.run("down", "--name", "no")
    assert "only-in-a" in tool.kubectl("a", "get", "namespaces")


def test_a_control_plane_takes_nothing_that_needs_a_node(running: Tool, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.touch()
    assert "hack/cluster down --name a" in running.run("up", "--name", "a", "--level", "node", code=2).stderr
    assert "has no node" in running.run("load", "--name", "a", str(archive), code=2).stderr
    assert "it has etcd, apiserver" in running.run("kill", "kubelet", "--name", "a", code=2).stderr


@pytest.mark.parametrize("part", ["apiserver", "etcd", "controller-manager"])
def test_a_killed_part_comes_back_with_all_objects(running: Tool, part: str) -> None:
    server = running.kubectl("a", "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    running.kubectl("a", "create", "configmap", f"kept-{part}", "--from-literal=word=here")
    before = running.status("a")["parts"]

    running.run("kill", part, "--name", "a")
    down = running.status("a", code=1)
    assert down["parts"] == {**before, part: None}
    assert not down["ready"]

    running.run("up", "--name", "a")
    after = running.status("a")["parts"]
    assert after[part] not in (None, before[part])
    assert {**after, part: None} == {**before, part: None}
    assert running.kubectl("a", "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}") == server
    assert running.kubectl("a", "get", "configmap", f"kept-{part}", "-o", "jsonpath={.data.word}") == "here"
    running.kubectl("a", "create", "namespace", f"new-{part}")  # and its controllers work again
    running.kubectl(
        "a", "wait", "--for=create", "serviceaccount/default", "-n", f"new-{part}", "--timeout=90s"
    )


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.5, 1.0, 2.0])
def test_a_start_that_was_killed_does_not_stop_the_next_one(tool: Tool, seconds: float) -> None:
    start = tool.start("up", "--name", "a")
    time.sleep(seconds)
    start.kill()
    start.wait()
    tool.run("up", "--name", "a")
    assert tool.status("a")["ready"]
    assert len(processes_of(tool.state)) == 3


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(tool: Tool, interrupt: signal.Signals) -> None:
    start = tool.start("up", "--name", "a")
    deadline = time.monotonic() + 60
    while not processes_of(tool.state) and time.monotonic() < deadline:
        time.sleep(0.01)
    start.send_signal(interrupt)
    assert start.wait(timeout=90) == 130
    assert processes_of(tool.state) == []
    assert not tool.folder("a").exists()


def test_a_part_that_does_not_start_is_told_with_its_log(tool: Tool) -> None:
    tool.run("up", "--name", "a")
    tool.run("kill", "apiserver", "--name", "a")
    (tool.folder("a") / "server.key").write_text("damaged")
    failed = tool.run("up", "--name", "a", code=1)
    assert "apiserver of cluster a ended right after its start" in failed.stderr
    assert "PEM data in key input" in failed.stderr
    assert "hack/cluster down --name a" in failed.stderr
    assert tool.status("a", code=1)["parts"]["etcd"] is not None


def test_a_cluster_of_somebody_else_is_used_and_never_changed(running: Tool, tmp_path: Path) -> None:
    copy = tmp_path / "foreign.kubeconfig"
    copy.write_bytes((running.folder("a") / "kubeconfig").read_bytes())
    text, when = copy.read_text(), copy.stat().st_mtime_ns
    foreign = Tool(state=tmp_path / "other-state", extra={"KUBECONFIG": str(copy)})

    assert foreign.run("up").stdout == f"export KUBECONFIG={copy}\n"
    status = json.loads(foreign.run("status", "--json").stdout)
    assert (status["provider"], status["ready"]) == ("given", True)
    assert "kube-system" in foreign.run("exec", "--", "kubectl", "get", "namespaces").stdout
    for refused in (["down"], ["kill", "etcd"], ["down", "--kubeconfig", str(copy)]):
        assert "left as it is" in foreign.run(*refused, code=2).stderr

    assert (copy.read_text(), copy.stat().st_mtime_ns) == (text, when)
    assert not (tmp_path / "other-state").exists()
    assert running.status("a")["ready"]


def test_its_own_kubeconfig_names_the_cluster(tool: Tool) -> None:
    tool.run("up", "--name", "a")
    by_file = Tool(state=tool.state, extra={"KUBECONFIG": str(tool.folder("a") / "kubeconfig")})
    assert json.loads(by_file.run("status", "--json").stdout)["name"] == "a"
    by_file.run("down")
    assert not tool.folder("a").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "COMMAND"),
        (["upp"], "invalid choice"),
        (["up", "--nam", "a"], "unrecognized arguments"),
        (["up", "--name", "../a"], "cannot be a cluster's name"),
        (["up", "--name", "given"], "cannot be a cluster's name"),
        (["up", "--name", "a", "--kubeconfig", "b"], "not both"),
        (["up", "--level", "nodes"], "invalid choice"),
        (["kill", "dns"], "invalid choice"),
    ],
)
def test_bad_usage_is_refused_before_anything_starts(tool: Tool, arguments: list[str], told: str) -> None:
    assert told in tool.run(*arguments, code=2).stderr
    assert not tool.state.exists()


def test_a_missing_kubeconfig_is_named(tool: Tool, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert str(missing) in tool.run("up", "--kubeconfig", str(missing), code=1).stderr


def test_exec_hands_through_what_the_program_says(running: Tool) -> None:
    code = "import os, sys; print(os.environ['KUBECONFIG']); sys.exit(7)"
    done = running.run("exec", "--name", "a", "--", sys.executable, "-c", code, code=7)
    assert done.stdout == f"{running.folder('a')}/kubeconfig\n"
    assert "cannot be run" in running.run("exec", "--name", "a", "--", "no-such-program", code=1).stderr
    assert "say what to run" in running.run("exec", "--name", "a", code=2).stderr


def test_tokens_for_one_audience_are_refused_for_another(running: Tool) -> None:
    token = running.kubectl("a", "create", "token", "default", "--audience=ringmaster").strip()
    for audience, accepted in (("ringmaster", True), ("other", None)):
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        file = running.state / "review.json"
        file.write_text(json.dumps(review))
        answer = json.loads(running.kubectl("a", "create", "-f", str(file), "-o", "json"))
        assert answer["status"].get("authenticated") is accepted


def test_the_audit_log_has_each_write_once_and_no_secret(running: Tool) -> None:
    password = secrets.token_hex(16)
    running.kubectl("a", "create", "secret", "generic", "audited", f"--from-literal=password={password}")
    text = Path(running.status("a")["auditLog"]).read_text()
    writes = [
        event
        for event in map(json.loads, text.splitlines())
        if event["verb"] == "create" and event.get("objectRef", {}).get("resource") == "secrets"
    ]
    assert [event["responseStatus"]["code"] for event in writes] == [201]
    assert password not in text


def test_pods_of_simulated_nodes_run_at_once_and_end(tool: Tool) -> None:
    tool.run("up", "--name", "many", "--level", "simulated")
    shown = tool.status("many")
    assert shown["ready"]
    assert {"scheduler", "kwok"} <= shown["parts"].keys()
    image = "--image=registry.invalid/nothing"
    for name in ("one", "two"):
        tool.kubectl("many", "run", name, image)
    tool.kubectl("many", "wait", "pod/one", "pod/two", "--for=condition=Ready", "--timeout=120s")
    tool.kubectl("many", "delete", "pod", "one", "--timeout=120s")
    assert tool.kubectl("many", "get", "pods", "--output=name").split() == ["pod/two"]
    assert "images are of no use to it" in tool.run("load", "--name", "many", __file__, code=2).stderr
    tool.run("kill", "--name", "many", "kwok")
    assert tool.status("many", code=1)["parts"]["kwok"] is None
    tool.run("up", "--name", "many")
    assert tool.status("many")["ready"]
