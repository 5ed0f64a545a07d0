"""The images on a real node: what `ringmaster image check` says inside them, as restricted pods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import images
from support.clusters import Cluster, drop_namespace, fresh_namespace

pytestmark = pytest.mark.node

CHECK = ["ringmaster", "image", "check"]


@pytest.fixture
def restricted(image_cluster: Cluster) -> Iterator[str]:
    """A namespace that takes no pod but those that fit Pod Security `restricted`."""
    name = fresh_namespace(image_cluster)
    image_cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    drop_namespace(image_cluster, name)


def run(cluster: Cluster, namespace: str, **container: Any) -> tuple[int, str]:
    """Run a container to its end: its exit code and output."""
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": name, "emptyDir": {}} for name in container.pop("folders", {})],
        "containers": [
            {
                "name": "it",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                **container,
            }
        ],
    }
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "check"}, "spec": spec}
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=json.dumps(body))
    ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated.finishedAt}"
    cluster.kubectl("wait", "pod/check", "-n", namespace, ended, "--timeout=120s")
    status = cluster.get("pod", "check", "-n", namespace)["status"]
    output = cluster.kubectl("logs", "check", "-n", namespace)
    return status["containerStatuses"][0]["state"]["terminated"]["exitCode"], output


def points(output: str) -> dict[str, tuple[bool, str]]:
    # A pod's log mixes its two streams, now and then in the other order.
    (line,) = [line for line in output.splitlines() if line.startswith("{")]
    answer = json.loads(line)
    found = {point["name"]: (point["ok"], point["found"]) for point in answer["points"]}
    assert answer["passed"] == all(ok for ok, _ in found.values())
    return found


def test_the_worker_image_keeps_the_contract(image_cluster: Cluster, restricted: str) -> None:
    """As it is: with its own user, entry point, home and workspace."""
    code, output = run(image_cluster, restricted, image=images.WORKER, args=CHECK)
    assert [line for line in output.splitlines() if not line.startswith("ok ")] == []
    assert len(output.splitlines()) == 13
    assert code == 0


def test_nothing_else_has_to_be_writable(image_cluster: Cluster, restricted: str) -> None:
    """As in the pods that Ringmaster makes, with the agent of the tests in it."""
    folders = {"home": "/home/worker", "workspace": "/workspace", "tmp": "/tmp"}
    code, output = run(
        image_cluster,
        restricted,
        image=images.AGENT,
        command=["/usr/bin/tini", "-s", "--", *CHECK, "--command", "scripted-agent", "--json"],
        env=[{"name": "HOME", "value": "/home/worker"}],
        securityContext={
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        folders=folders,
        volumeMounts=[{"name": name, "mountPath": path} for name, path in folders.items()],
    )
    found = points(output)
    assert found["home"] == (True, "/home/worker")
    assert found["agent"] == (True, "scripted-agent is there")
    assert all(ok for ok, _ in found.values()), found
    assert code == 0


def test_a_spoiled_image_is_told_what_to_change(
    image_cluster: Cluster, restricted: str, tmp_path: Path
) -> None:
    image_cluster.load(images.spoil(tmp_path))
    command = [*CHECK, "--profile", "claude-code", "--json"]
    code, output = run(image_cluster, restricted, image=images.SPOILED, command=command)
    broken = {name: found for name, (ok, found) in points(output).items() if not ok}
    assert set(broken) == {"workspace", "git", "tini", "orphans", "locale", "agent"}
    assert broken["git"] == "git is missing: install it"
    assert broken["tini"] == "/usr/bin/tini is missing: install tini, or link it there"
    assert broken["workspace"].startswith("the workspace (/workspace) cannot be written: Permission denied")
    assert broken["orphans"].startswith("nobody reaps orphans")
    assert broken["locale"].endswith("set LANG=C.UTF-8")
    assert "npm install -g @anthropic-ai/claude-code" in broken["agent"]
    assert code == 1


def test_the_operator_image_has_its_programs(image_cluster: Cluster, restricted: str) -> None:
    script = "ringmaster-operator --help >/dev/null && ringmaster --version && id -u && command -v python3"
    code, output = run(
        image_cluster, restricted, image="localhost/ringmaster/operator:dev", args=["sh", "-ec", script]
    )
    version, user, python = output.split()
    assert version[0].isdigit()
    assert user == "65532"
    assert not python.startswith("/opt/ringmaster")  # the system's, not the one of Ringmaster's environment
    assert code == 0


def test_no_trace_of_the_builder_is_left(image_cluster: Cluster, restricted: str) -> None:
    """Neither pip nor how this machine reaches its package index."""
    script = (
        "env; cat /etc/pip.conf ~/.config/pip/pip.conf /run/secrets/pip.conf 2>/dev/null || true;"
        " ls /opt /run/secrets 2>/dev/null; ls /opt/ringmaster/bin"
    )
    _, output = run(image_cluster, restricted, image=images.WORKER, args=["sh", "-c", script])
    assert "ringmaster" in output
    for word in ("pip", "proxy", "index-url", "PIP_", "UV_", "token="):
        assert word not in output, word
