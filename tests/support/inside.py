"""An operator in the network of a cluster's node, where its pods can reach it."""

from __future__ import annotations

from pathlib import Path

from support.clusters import HACK_CLUSTER, Cluster
from support.operators import OperatorProcess, free_port

NODE = "172.31.255.1"
"""The node's address in its own network."""
PROBE = "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '/readyz', timeout=2)"


class InsideOperator(OperatorProcess):
    """`ringmaster-operator run` for pods."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path, **settings: str) -> None:
        port = free_port()
        super().__init__(
            cluster.kubeconfig,
            namespace,
            folder,
            settings={
                "RINGMASTER_PODS": "true",
                "RINGMASTER_API_HOST": NODE,
                "RINGMASTER_PUBLIC_URL": f"http://{NODE}:{port}",
                "RINGMASTER_BACKOFF_SECONDS": "0.5",
                **settings,
            },
            port=port,
            prefix=(str(HACK_CLUSTER), "exec", "--name", cluster.name, "--"),
        )
        self._cluster = cluster

    @property
    def url(self) -> str:
        return f"http://{NODE}:{self.port}"

    def answers(self) -> bool:
        return self._cluster.inside("python3", "-c", PROBE, self.url).returncode == 0
