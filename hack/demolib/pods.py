"""What the demo in pods applies: a git server inside the cluster, and Workers whose sessions are pods.

The node may have no way out and no registry: the server runs on the worker's image, the repository comes as a
bundle in a ConfigMap.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from demolib import project
from demolib.shell import DATA, run

Body = dict[str, Any]

WORKER_IMAGE = "localhost/ringmaster/worker:dev"
AGENT_IMAGE = "localhost/ringmaster/test-agent:dev"
SERVER = "demo-git"
PORT = 9418
DEMO = {"app.kubernetes.io/name": SERVER}
HARDENED: Body = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
RESTRICTED: Body = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESOURCES: Body = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}


def address(namespace: str) -> str:
    """The repository as the sessions clone it."""
    return f"git://{SERVER}.{namespace}.svc/textkit.git"


def git_server(repository: Path) -> list[Body]:
    """A server of this repository that anybody in reach may push to: for demos in namespaces of their own."""
    bundle = repository.with_suffix(".bundle")
    run("git", "bundle", "create", "--quiet", bundle, "--all", cwd=repository)
    seed = {"textkit.bundle": base64.b64encode(bundle.read_bytes()).decode()}
    clone = ["git", "clone", "--quiet", "--bare", "/seed/textkit.bundle", "/srv/git/textkit.git"]
    serve = ["git", "daemon", "--export-all", "--enable=receive-pack", "--reuseaddr", "--base-path=/srv/git"]
    mounts = [{"name": "srv", "mountPath": "/srv/git"}, {"name": "seed", "mountPath": "/seed"}]
    spec: Body = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": RESTRICTED,
        "initContainers": [_container("clone", clone, mounts)],
        "containers": [{**_container("serve", serve, mounts), "ports": [{"containerPort": PORT}]}],
        "volumes": [{"name": "srv", "emptyDir": {}}, {"name": "seed", "configMap": {"name": SERVER}}],
    }
    ports = [{"port": PORT}]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SERVER}, "binaryData": seed},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": SERVER, "labels": DEMO}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVER},
            "spec": {"selector": DEMO, "ports": ports},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"sessions-to-{SERVER}"},
            "spec": {
                "podSelector": {"matchExpressions": [{"key": "ringmaster.dev/worker", "operator": "Exists"}]},
                "policyTypes": ["Egress"],
                "egress": [{"to": [{"podSelector": {"matchLabels": DEMO}}], "ports": ports}],
            },
        },
    ]


def _container(name: str, command: list[str], mounts: list[Body]) -> Body:
    return {
        "name": name,
        "image": WORKER_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": command,
        "env": [{"name": "HOME", "value": "/srv/git"}],
        "resources": RESOURCES,
        "securityContext": HARDENED,
        "volumeMounts": mounts,
    }


def backlog(namespace: str) -> list[Body]:
    """The beads, each with the repository inside the cluster."""
    beads = project.backlog(Path("textkit"))
    for bead in beads:
        bead["spec"]["repository"] = {"url": address(namespace)}
    return beads


def workers(folder: Path) -> list[Body]:
    """The scenario as a ConfigMap, and the two Workers as pods that play it."""
    scenario = project.write_scenario(folder / "scenario.json").read_text(encoding="utf-8")
    found = project.objects(DATA / "workers.yaml")
    for worker in found:
        worker["spec"] |= {"runtime": "Pod", "agent": AGENT, "pod": POD}
    data = {"scenario.json": scenario}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-scenario"}, "data": data},
        *found,
    ]


AGENT: Body = {
    "profile": "claude-code",
    "command": ["scripted-agent"],
    "env": [{"name": "RINGMASTER_SCENARIO", "value": "/scenario/scenario.json"}],
    "timeoutSeconds": 120,
}
POD: Body = {
    "image": AGENT_IMAGE,
    "template": {
        "spec": {
            "volumes": [{"name": "scenario", "configMap": {"name": "demo-scenario"}}],
            "containers": [
                {
                    "name": "worker",
                    "volumeMounts": [{"name": "scenario", "mountPath": "/scenario", "readOnly": True}],
                }
            ],
        }
    },
}


def answer(bead: Body) -> str | None:
    """The patch that answers a decision as it recommends; None where none is open."""
    decision = bead["spec"].get("decision")
    if not decision or decision.get("answer") or bead.get("status", {}).get("phase") != "NeedsDecision":
        return None
    options = [option["name"] for option in decision.get("options", [])]
    advice = decision.get("recommendation", "")
    chosen = advice if advice in options else (options or [advice or "yes"])[0]
    return json.dumps({"spec": {"decision": {"answer": chosen}}})
