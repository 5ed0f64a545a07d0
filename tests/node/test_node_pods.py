"""The node that hack/cluster makes, as pods see it: users, tokens, names, network policies."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from support import images
from support.clusters import Cluster

pytestmark = pytest.mark.node

TOKEN = {"serviceAccountToken": {"path": "token", "audience": "ringmaster", "expirationSeconds": 600}}
SERVER = ("python3", "-m", "http.server", "8080")
CALL = """\
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
except urllib.error.URLError as error:
    print(error.reason)
"""


def pod(name: str, *command: str, **more: Any) -> dict[str, Any]:
    """A pod that Pod Security `restricted` takes."""
    container = {
        "name": "it",
        "image": images.WORKER,
        "command": list(command),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/ringmaster"}],
        **more,
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "token", "projected": {"sources": [TOKEN]}}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 8080}]
    wanted = {"selector": {"app": "server"}, "ports": ports, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": wanted}


@pytest.fixture
def restricted(image_cluster: Cluster, namespace: str) -> str:
    """A namespace that takes no pod but restricted ones."""
    image_cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return namespace


def apply(cluster: Cluster, namespace: str, *items: dict[str, Any]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.kubectl("apply", "--namespace", namespace, "--filename=-", stdin=text)
    names = [f"pod/{item['metadata']['name']}" for item in items if item["kind"] == "Pod"]
    if names:
        cluster.kubectl("wait", "--for=condition=Ready", "-n", namespace, "--timeout=150s", *names)


def call(cluster: Cluster, namespace: str, url: str) -> str:
    return cluster.kubectl("exec", "client", "-n", namespace, "--", "python3", "-c", CALL, url).strip()


def test_a_restricted_pod_runs_with_a_token_for_one_audience(image_cluster: Cluster, restricted: str) -> None:
    script = "id -u; cat /var/run/ringmaster/token; echo; exec sleep inf"
    apply(image_cluster, restricted, pod("client", "sh", "-c", script))
    user, token = image_cluster.kubectl("logs", "client", "-n", restricted).split()
    assert user == "65532"
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["aud"] == ["ringmaster"]
    assert claims["kubernetes.io"]["pod"]["name"] == "client"


def test_pods_find_services_by_name_and_nothing_else(image_cluster: Cluster, restricted: str) -> None:
    ready = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    server = pod("server", *SERVER, workingDir="/tmp", readinessProbe=ready)
    services = service("web"), service("headless", clusterIP="None")
    apply(image_cluster, restricted, server, pod("client", "sleep", "inf"), *services)

    for name in ("web", f"web.{restricted}.svc", f"headless.{restricted}.svc.cluster.local"):
        eventually(lambda url: call(image_cluster, restricted, url), f"http://{name}:8080/", "200")
    address = image_cluster.get("service", "web", "-n", restricted)["spec"]["clusterIP"]
    inside = image_cluster.inside("python3", "-c", CALL, f"http://{address}:8080/")
    assert inside.stdout == "200\n"

    assert "Name or service not known" in call(image_cluster, restricted, "http://example.com/")
    assert "unreachable" in call(image_cluster, restricted, "http://192.0.2.1/")


def test_a_network_policy_is_enforced(image_cluster: Cluster, restricted: str) -> None:
    server = pod("server", *SERVER, workingDir="/tmp")
    apply(image_cluster, restricted, server, pod("client", "sleep", "inf"), service("web"))
    eventually(lambda url: call(image_cluster, restricted, url), "http://web:8080/", "200")

    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]},
    }
    apply(image_cluster, restricted, deny)
    eventually(lambda url: call(image_cluster, restricted, url), "http://web:8080/", "refused")


def eventually(ask: Any, url: str, wanted: str) -> None:
    deadline = time.monotonic() + 120
    while wanted not in (answer := ask(url)):
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
