"""Overlays as a user writes them for a cluster of one's own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import account
from support.clusters import Cluster
from support.renders import ROOT


def prod(
    cluster: Cluster, folder: Path, namespace: str, *, name: str = "prod", more: Sequence[str] = ()
) -> Path:
    """overlays/prod as a user takes it: an image of one's own, this API server's address, and a project.

    name: overlays/prod-postgres instead; more: components.
    """
    place = Path(os.path.relpath(ROOT / "kustomize", folder))
    image = {"name": "registry.example.com/ringmaster/operator", "newName": "localhost/ringmaster/operator"}
    parts = [str(place / "overlays" / name), "project", "api-server.yaml"]
    components = [str(place / "components" / item) for item in more]
    own = {"resources": parts, "components": components, "images": [{**image, "newTag": "dev"}]}
    project = {"namespace": namespace, "resources": [str(".." / place / "project")]}
    (folder / "project").mkdir(parents=True)
    (folder / "api-server.yaml").write_text(json.dumps(_to_api_server(cluster)))
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    (folder / "project" / "kustomization.yaml").write_text(json.dumps(project))
    return folder


def _to_api_server(cluster: Cluster) -> dict[str, Any]:
    (part,) = cluster.get("endpoints", "kubernetes", "-n", "default")["subsets"]
    to = [{"ipBlock": {"cidr": f"{address['ip']}/32"}} for address in part["addresses"]]
    names = ["ringmaster-operator", "ringmaster-backup", "ringmaster-restore"]
    ours = {"key": "app.kubernetes.io/name", "operator": "In", "values": names}
    rule = {"to": to, "ports": [{"port": port["port"]} for port in part["ports"]]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "to-api-server", "namespace": account.NAMESPACE},
        "spec": {"podSelector": {"matchExpressions": [ours]}, "policyTypes": ["Egress"], "egress": [rule]},
    }
