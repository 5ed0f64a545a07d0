"""A control plane with nodes that only seem to be there: KWOK tells of their pods what a kubelet would.

Pods are scheduled, run at once and end when they are deleted, and nothing is executed: for tests and benches
that need thousands of them. It takes no root and no network.
"""

from __future__ import annotations

import json
import urllib.error
from dataclasses import dataclass
from typing import Any, ClassVar

from kubecluster import keys
from kubecluster.built import ControlPlane
from kubecluster.files import HERE

NODES = 10
ANNOTATION = "kwok.x-k8s.io/node"
"""Marks the nodes that KWOK speaks for."""
ROOM = {"cpu": "4000", "memory": "16Ti", "pods": "10000"}


@dataclass(frozen=True)
class SimulatedCluster(ControlPlane):
    """One cluster with simulated nodes in its folder."""

    level: ClassVar[str] = "simulated"
    order: ClassVar[tuple[str, ...]] = (*ControlPlane.order, "scheduler", "kwok")
    users: ClassVar[dict[str, str]] = {
        "controller-manager": keys.CONTROLLERS,
        "scheduler": keys.SCHEDULER,
        "kwok": keys.KWOK,
    }

    def _flags(self) -> dict[str, dict[str, object]]:
        return {
            **super()._flags(),
            "scheduler": {
                "kubeconfig": "scheduler.kubeconfig",
                "bind-address": "127.0.0.1",
                "secure-port": self.ports["scheduler"],
                "leader-elect": "false",
                "kube-api-qps": 500,
                "kube-api-burst": 1000,
            },
            "kwok": {
                "kubeconfig": "kwok.kubeconfig",
                "config": HERE / "kwok" / "stages.yaml",
                "manage-nodes-with-annotation-selector": f"{ANNOTATION}=fake",
                "node-lease-duration-seconds": 40,
                "server-address": f"127.0.0.1:{self.ports['kwok']}",
            },
        }

    def _start_part(self, part: str) -> None:
        super()._start_part(part)
        if part == "kwok":
            for number in range(NODES):
                self._make_node(f"simulated-{number}")

    def _make_node(self, name: str) -> None:
        """One that is there already stays as it is."""
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok"}
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {ANNOTATION: "fake"}},
            "status": {"allocatable": ROOM, "capacity": ROOM},
        }
        try:
            self.send("/api/v1/nodes", json.dumps(body).encode())
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def _works(self) -> bool:
        return super()._works() and all(self._ready(number) for number in range(NODES))

    def _ready(self, number: int) -> bool:
        node = json.loads(self.fetch(f"/api/v1/nodes/simulated-{number}") or b"{}")
        told = node.get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in told)
