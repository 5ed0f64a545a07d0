"""hack/cluster with a node: its parts die and come back, and its end leaves nothing on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster_tool import Tool, processes_of
from support.clusters import HACK_CLUSTER

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]

BUSYBOX = "localhost/ringmaster/busybox:1"
UP = ("up", "--level", "node", "--name")


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    before = kept_by_the_kernel(tmp_path)
    made = Tool(state=tmp_path / "state", extra={})
    yield made
    for cluster in made.state.glob("ringmaster/clusters/*/"):
        made.run("down", "--name", cluster.name)
    assert kept_by_the_kernel(tmp_path) == before
    assert processes_of(tmp_path) == []


def kept_by_the_kernel(state: Path) -> dict[str, list[str]]:
    """What a cluster could leave: interfaces, networks, mounts and control groups that bear its name."""
    links = json.loads(subprocess.run(["ip", "-json", "link"], stdout=subprocess.PIPE, check=True).stdout)
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    groups = [path for path in Path("/sys/fs/cgroup").glob("**/ringmaster-test-*") if path.is_dir()]
    networks = Path("/run/netns")
    return {
        "interfaces": sorted(link["ifname"] for link in links),
        "networks": sorted(os.listdir(networks)) if networks.exists() else [],
        "mounts": [line for line in mounts if str(state) in line],
        "groups": sorted(map(str, groups)),
    }


def mount_namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/mnt")


def living_in(namespace: str) -> list[str]:
    """The processes in a mount namespace: parts, and what watches over the containers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mount_namespace(int(entry.name)) == namespace:
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def run_pod(tool: Tool, cluster: str) -> None:
    run = ["run", "it", f"--image={BUSYBOX}", "--image-pull-policy=Never", "--", "sh", "-c"]
    tool.kubectl(cluster, *run, "echo began; exec sleep inf")
    tool.kubectl(cluster, "wait", "--for=condition=Ready", "pod/it", "--timeout=150s")


def settle(tool: Tool, cluster: str) -> None:
    """The pod can be entered: a kubelet that is back needs a moment for that. The node is ready by then."""
    hack = [str(HACK_CLUSTER), "exec", "--name", cluster, "--", "kubectl"]
    enter = [*hack, "exec", "it", "--", "true"]
    end = time.monotonic() + 60
    while subprocess.run(enter, env=tool.environment(), capture_output=True, check=False).returncode:
        assert time.monotonic() < end, "the pod does not come back"
        time.sleep(1)
    tool.status(cluster)


def restarts(tool: Tool, cluster: str) -> str:
    return tool.kubectl(
        cluster, "get", "pod/it", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"
    )


def test_two_of_them_live_side_by_side_and_survive_the_loss_of_parts(tool: Tool) -> None:
    starts = [tool.start(*UP, name) for name in ("test-a", "test-b")]
    assert [start.wait(timeout=200) for start in starts] == [0, 0]
    run_pod(tool, "test-a")
    run_pod(tool, "test-b")
    namespace = mount_namespace(tool.status("test-a")["parts"]["machine"])
    assert any("containerd-shim" in line for line in living_in(namespace))

    before = tool.status("test-a")["parts"]
    tool.run(*UP, "test-a")
    assert tool.status("test-a")["parts"] == before  # nothing is started twice

    tool.run("down", "--name", "test-b")
    for part in ("kubelet", "containerd"):
        tool.run("kill", part, "--name", "test-a")
        assert tool.status("test-a", code=1)["parts"] == {**before, part: None}
        tool.run("up", "--name", "test-a")
        settle(tool, "test-a")
        assert restarts(tool, "test-a") == "0"
        before = tool.status("test-a")["parts"]

    tool.run("kill", "machine", "--name", "test-a")  # as if the power had gone
    assert living_in(namespace) == []
    assert set(tool.status("test-a", code=1)["parts"].values()) == {None}
    tool.run("up", "--name", "test-a")
    tool.kubectl("test-a", "wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/it")
    settle(tool, "test-a")
    namespace = mount_namespace(tool.status("test-a")["parts"]["machine"])

    tool.run("down", "--name", "test-a")
    assert living_in(namespace) == []
    assert not tool.folder("test-a").exists()


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("part", ["machine", "kubelet"])
def test_an_interrupted_start_leaves_nothing(tool: Tool, part: str, interrupt: signal.Signals) -> None:
    start = tool.start(*UP, "test-a")
    label = str(tool.folder("test-a") / part)
    deadline = time.monotonic() + 60
    while not any(line.startswith(label) for line in processes_of(tool.state)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    start.send_signal(interrupt)
    start.wait(timeout=30)
    if interrupt == signal.SIGKILL:  # nobody was there to clean up: the next command does it
        tool.run("down", "--name", "test-a")
    assert processes_of(tool.state) == []
    assert not tool.folder("test-a").exists()


def test_only_root_gets_a_node_and_is_told_so_first(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    environment.pop("KUBECONFIG", None)
    command = ["unshare", "--user", "--", str(HACK_CLUSTER), *UP, "test-a"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs root" in done.stderr
    assert list(tmp_path.iterdir()) == []
