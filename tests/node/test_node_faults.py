"""What a node does to its pods: the bead of each is given back for the right reason, and done in the end.

The agent waits for a file in its pod's workspace, so the test says when work may go on.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support import images
from support.clusters import OwnCluster, drop_namespace, fresh_namespace
from support.inside import InsideOperator
from support.manifests import bead
from support.pods import Pods
from support.station import scenario, steps

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]

#: For how long the node's kubelet is away, at least.
AWAY_SECONDS = 180 if os.environ.get("RINGMASTER_LONG") else 0
AGENT = {"profile": "claude-code", "command": ["/usr/local/bin/scripted-agent"]}
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "400Mi"}}
WAIT = {"run": "until [ -f /workspace/go ]; do sleep 0.2; done"}
WORK = scenario(steps(WAIT, {"write": {"path": "done.txt", "text": "yes\n"}}, {"done": "so"}))
#: Each takes less than the session's own program: so that is what the kernel ends first.
BOMB = "for i in $(seq 40); do (head -c 20000000 /dev/zero; sleep 60) | tail & done; wait"


class Yard(Pods):
    """A namespace with one Worker whose sessions run the scripted agent."""

    def employ(self, **pod: Any) -> None:
        wanted = {"image": images.AGENT, "resources": SMALL, **pod}
        self.apply(self.worker(agent=AGENT, pod=wanted))

    def phase(self, name: str) -> str:
        return str(self.get("bead", name).get("status", {}).get("phase", ""))

    def begins(self, name: str) -> str:
        """The uid of the pod that works on the bead."""
        self.apply(bead(name, description=WORK, acceptance={"verify": ["grep -q yes done.txt"]}))
        self.until(lambda: self.phase(name) == "Running", f"{name} runs", seconds=90)
        return self.uid()

    def exec(self, command: str) -> None:
        self.cluster.kubectl("exec", "w-0", "-n", self.namespace, "--", "sh", "-c", command)

    def given_up(self, node: str) -> None:
        """Wait until a node is not heard of any more, and have its pods leave.

        Kubernetes says so itself, unless all nodes are lost: it takes that for a fault of its own network.
        """
        condition = '{.status.conditions[?(@.type=="Ready")].status}'
        self.until(
            lambda: self.cluster.kubectl("get", "node", node, "-o", f"jsonpath={condition}") == "Unknown",
            f"{node} is not heard of",
            seconds=120,
        )
        self.cluster.kubectl("taint", "node", node, "node.kubernetes.io/unreachable:NoExecute", "--overwrite")

    def given_back(self, name: str, reason: str, *, since: float, seconds: float = 90) -> None:
        """Tells the seconds since a moment: until the bead is free."""
        self.until(lambda: f"{reason}: w-0: " in self.events(), f"an Event says {reason}", seconds=seconds)
        self.until(
            lambda: "claim" not in self.get("bead", name)["status"], f"{name} is free", seconds=seconds
        )
        print(f"{reason}: the bead is free after {time.monotonic() - since:.1f} s")

    def taken_from(self, name: str, reason: str, *, since: float, seconds: float = 90) -> None:
        """As given_back, where the session could not do it itself."""
        self.given_back(name, reason, since=since, seconds=seconds)
        outcome = self.get("bead", name)["status"]["outcome"]
        assert outcome["reason"] == "Infrastructure"
        assert outcome["summary"].startswith(f"session w-0 ended: {reason}: ")

    def goes_on(self, name: str) -> bool:
        with contextlib.suppress(AssertionError):  # the pod may be about to run, or about to be replaced
            self.exec("touch /workspace/go")
        return self.phase(name) == "Succeeded"

    def finishes(self, name: str, *, not_in: str) -> None:
        self.until(lambda: self.uid() not in ("", not_in), "a fresh pod", seconds=90)
        self.until(lambda: self.goes_on(name), f"{name} succeeds", seconds=120)
        assert self.get("bead", name)["status"]["attempts"] == 1  # what the node did is no failed attempt


@pytest.fixture(scope="module")
def operator(
    own_node_cluster: OwnCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InsideOperator]:
    own_node_cluster.load(*images.build("test-agent"))
    process = InsideOperator(own_node_cluster, "", tmp_path_factory.mktemp("faults"))
    process.start()
    yield process
    process.stop()
    print(process.tail(200))


@pytest.fixture
def yard(own_node_cluster: OwnCluster, operator: InsideOperator) -> Iterator[Yard]:
    namespace = fresh_namespace(own_node_cluster)
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    own_node_cluster.kubectl("label", "namespace", namespace, enforce)
    yield Yard(own_node_cluster, operator.url, namespace)
    own_node_cluster.kubectl("delete", "workers", "--all", "-n", namespace, "--timeout=150s")
    drop_namespace(own_node_cluster, namespace)


def test_an_image_that_is_not_there_takes_no_bead(yard: Yard) -> None:
    yard.employ(image="localhost/ringmaster/missing:dev")
    yard.apply(bead("b", description=WORK))
    assert "localhost/ringmaster/missing:dev" in yard.available("ImagePullFailed")
    assert yard.phase("b") == "Ready"
    first = yard.uid()
    yard.employ()
    yard.finishes("b", not_in=first)


def test_a_memory_bomb_is_no_failure_of_the_agent(yard: Yard) -> None:
    yard.employ()
    first = yard.begins("b")
    began = time.monotonic()
    with pytest.raises(AssertionError, match="137"):  # the bomb goes with the pod
        yard.exec(BOMB)
    yard.taken_from("b", "OOMKilled", since=began)
    yard.finishes("b", not_in=first)


def test_a_drained_node_gives_its_beads_back_in_order(yard: Yard) -> None:
    yard.employ()
    first = yard.begins("b")
    node = yard.pods()["w-0"]["spec"]["nodeName"]
    only = ("--pod-selector=ringmaster.dev/worker=w", "--delete-emptydir-data", "--force")
    began = time.monotonic()
    yard.cluster.kubectl("drain", node, *only, "--timeout=150s")
    yard.given_back("b", "Drained", since=began)
    assert "unschedulable" in yard.available("Unschedulable")
    yard.cluster.kubectl("uncordon", node)
    yard.finishes("b", not_in=first)


def test_a_node_that_is_lost_keeps_no_bead(yard: Yard, own_node_cluster: OwnCluster) -> None:
    leave = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    taints = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    tolerations = [{"key": taint, **leave} for taint in taints]
    yard.employ(tolerations=tolerations, template={"spec": {"terminationGracePeriodSeconds": 5}})
    first = yard.begins("b")
    own_node_cluster.kill("kubelet")
    began = time.monotonic()
    yard.given_up(yard.pods()["w-0"]["spec"]["nodeName"])
    yard.taken_from("b", "NodeLost", since=began, seconds=180)
    time.sleep(max(0, began + AWAY_SECONDS - time.monotonic()))
    own_node_cluster.restore()
    yard.finishes("b", not_in=first)
