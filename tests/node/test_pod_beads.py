"""Beads worked in pods on a real node, by the real worker with the scripted agent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from support.clusters import Cluster, drop_namespace, fresh_namespace
from support.inside import InsideOperator
from support.manifests import bead
from support.pods import Pods
from support.station import scenario, steps

pytestmark = pytest.mark.node

IMAGE = "localhost/ringmaster/test-agent:dev"
AGENT = {"profile": "claude-code", "command": ["/usr/local/bin/scripted-agent"]}
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
DONE = {"write": {"path": "done.txt", "text": "yes\n"}}


class Yard(Pods):
    """Pods with the scripted agent."""

    def worker(self, name: str = "w", **spec: Any) -> dict[str, Any]:
        pod = {"image": IMAGE, "resources": SMALL}
        return super().worker(name, **{"agent": AGENT, "pod": pod, **spec})

    def phase(self, name: str) -> str:
        return str(self.get("bead", name).get("status", {}).get("phase", ""))

    def succeeds(self, *names: str) -> None:
        self.until(
            lambda: {self.phase(name) for name in names} == {"Succeeded"}, f"{names} succeed", seconds=120
        )

    def people(self, *args: str) -> str:
        """`ringmaster worker ...` as a person runs it."""
        command = [sys.executable, "-m", "ringmaster_cli", "worker", *args, "-n", self.namespace]
        env = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    def logs(self, name: str = "w-0") -> str:
        text: str = self.cluster.kubectl("logs", "-n", self.namespace, name)
        return text


@pytest.fixture(scope="module")
def yard(image_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A namespace that takes restricted pods only, and its operator."""
    namespace = fresh_namespace(image_cluster)
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    image_cluster.kubectl("label", "namespace", namespace, enforce)
    operator = InsideOperator(image_cluster, namespace, tmp_path_factory.mktemp("yard"))
    operator.start()
    made = Yard(image_cluster, operator.url, namespace)
    try:
        yield made
        image_cluster.kubectl("delete", "workers", "--all", "-n", namespace, "--timeout=150s")
        assert made.pods() == {}
    finally:
        operator.stop()
        print(operator.tail(200))
        drop_namespace(image_cluster, namespace)


def test_a_bead_is_done_in_a_pod_that_reaches_nothing_else(yard: Yard) -> None:
    told = scenario(steps(DONE, {"done": "so"}))
    yard.apply(
        yard.worker(), bead("first", description=told, acceptance={"verify": ["grep -q yes done.txt"]})
    )
    yard.succeeds("first")
    yard.until(lambda: "outcome of first: success" in yard.logs(), "the log has readable lines")
    assert "outcome of first: success" in yard.people("logs", "w")
    assert yard.people("attach", "w", "--print").startswith("kubectl logs --follow")
    command = ["sh", "-c", "ls /var/run/secrets; touch /x 2>&1; id -u"]
    inside = yard.cluster.kubectl("exec", "-n", yard.namespace, "w-0", "--", *command)
    assert inside.split()[0] == "ringmaster"  # and no token for the API server
    assert "Read-only file system" in inside
    assert inside.split()[-1] != "0"


def test_a_pod_that_is_deleted_hands_its_work_on(yard: Yard) -> None:
    once = "if [ -f begun.txt ]; then echo again; else echo yes > begun.txt; sleep 100; fi"
    told = scenario(steps({"run": once}, DONE, {"done": "so"}))
    verify = ["grep -q yes begun.txt", "grep -q yes done.txt"]
    yard.apply(yard.worker(), bead("moved", description=told, acceptance={"verify": verify}))
    look = "ls /workspace/worktrees/moved-*/begun.txt 2>/dev/null || true"
    yard.appears()
    where = ("exec", "-n", yard.namespace, "w-0", "--", "sh", "-c", look)
    yard.until(lambda: yard.cluster.kubectl(*where), "the agent has written something", seconds=60)
    uid = yard.uid()
    yard.cluster.kubectl("delete", "pod", "w-0", "-n", yard.namespace, "--wait=false")
    yard.appears(other_than=uid)
    yard.succeeds("moved")
    assert yard.get("bead", "moved")["status"]["attempts"] == 1
    assert "has the work that another session saved" in yard.logs()
