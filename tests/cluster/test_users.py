"""Users of Ringmaster at a real operator: over HTTP, beside the cluster's own identities."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest

from support.manifests import listed
from support.operators import OperatorProcess
from support.sessions import make_worker

pytestmark = pytest.mark.cluster
PASSWORD = "correct horse battery"
RULES = [
    {"apiGroups": ["ringmaster.dev"], "resources": ["users"], "verbs": ["get", "list", "create", "update"]}
]


@pytest.fixture
def own(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that nobody manages yet."""
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    process.start()
    yield process
    while Caller.opened:
        Caller.opened.pop().client.close()
    process.stop()
    print(process.tail())


class Caller:
    """A program that keeps cookies and sends the CSRF header, or that has a token."""

    opened: ClassVar[list[Caller]] = []

    def __init__(self, url: str, **headers: str) -> None:
        self.opened.append(self)
        self.client = httpx2.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=30)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        answer = self.client.request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json() if answer.content else None

    def signed_in(self, answer: tuple[int, Any]) -> None:
        assert answer[0] in (200, 201), answer
        self.client.headers["X-Ringmaster-CSRF"] = answer[1]["csrf"]


def manager(cluster: Any, namespace: str) -> str:
    """A token of an account that may give roles in its namespace, by RBAC."""
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "manager", "namespace": namespace}
    role = {"apiGroup": rbac, "kind": "Role", "name": "manager"}
    meta = {"name": "manager"}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": RULES},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "subjects": [subject],
            "roleRef": role,
        },
    ]
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))
    made: str = cluster.kubectl("create", "token", "manager", "-n", namespace, "--audience=ringmaster")
    return made.strip()


def first(own: OperatorProcess) -> tuple[Caller, str]:
    """Ada, who has become administrator, and the code that she used."""
    file = own.folder / "state" / "first-admin-code"
    code = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    log = own.log.read_text()
    assert str(file) in log
    assert code not in log
    ada = Caller(own.url, **{"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"})
    body = {"code": code, "name": "ada", "password": PASSWORD}
    ada.signed_in(ada.call("POST", "auth/first-admin", body))
    assert "ringmaster-session" in ada.client.cookies
    assert not file.exists()
    return ada, code


def member(own: OperatorProcess, ada: Caller, name: str) -> Caller:
    """Somebody without a role, signed in."""
    assert ada.call("POST", "users", {"name": name, "password": PASSWORD})[0] == 201
    caller = Caller(own.url)
    caller.signed_in(caller.call("POST", "auth/sign-in", {"name": name, "password": PASSWORD}))
    return caller


def test_a_role_counts_at_the_real_routes_and_each_change_is_told(
    cluster: Any, namespace: str, own: OperatorProcess
) -> None:
    make_worker(cluster, namespace, capabilities=[{"name": "rust"}])
    ada, _ = first(own)
    bob = member(own, ada, "bob")
    mine = {"subject": "user:bob", "namespace": namespace, "role": "viewer"}
    token = Caller(own.url, Authorization=f"Bearer {manager(cluster, namespace)}")
    assert token.call("PUT", "roles", mine)[0] == 200  # the cluster's identity, by RBAC
    assert token.call("PUT", "roles", {**mine, "namespace": "*"})[0] == 403
    place = f"namespaces/{namespace}/capabilities/rust/workers/fleet"
    assert bob.call("GET", f"namespaces/{namespace}/capabilities/rust")[0] == 200
    assert bob.call("GET", "namespaces/elsewhere/capabilities")[0] == 403
    assert bob.call("PUT", place, {"override": 0.9})[0] == 403
    assert ada.call("PUT", "roles", {**mine, "role": "maintainer"})[0] == 200
    assert bob.call("PUT", place, {"override": 0.9})[0] == 200
    assert bob.call("PUT", place, {"override": 0.9})[0] == 200  # changes nothing
    spec = cluster.get("worker", "fleet", "-n", namespace)["spec"]["capabilities"]
    assert spec[0]["override"] == 0.9
    [line] = bob.call("GET", f"audit?namespace={namespace}&kind=Worker")[1]["items"]
    assert {key: value for key, value in line.items() if key not in ("id", "at")} == {
        "person": "user:bob",
        "action": "capability.override",
        "kind": "Worker",
        "namespace": namespace,
        "name": "fleet",
        "before": {"capability": "rust", "override": None},
        "after": {"capability": "rust", "override": 0.9},
        "address": "127.0.0.1",
        "credential": "session",
    }
    opened = ada.call("GET", "audit?action=session.open")[1]["items"]
    assert {item["address"] for item in opened} == {"127.0.0.1"}  # what a caller says of itself is no proof


def test_tokens_sessions_and_secrets_over_a_restart(
    cluster: Any, namespace: str, own: OperatorProcess
) -> None:
    worker = make_worker(cluster, namespace)
    ada, code = first(own)
    bob = member(own, ada, "bob")
    role = {"subject": "user:bob", "namespace": namespace, "role": "maintainer"}
    assert ada.call("PUT", "roles", role)[0] == 200
    status, made = bob.call("POST", "auth/tokens", {"name": "script", "role": "viewer"})
    assert status == 201
    script = Caller(own.url, Authorization=f"Bearer {made['token']}")
    claim = {"claimId": "c-1", "worker": "fleet", "session": "fleet-0"}
    assert script.call("GET", f"namespaces/{namespace}/capabilities")[0] == 200
    assert script.call("POST", "claims", claim)[0] == 401
    assert Caller(own.url, Authorization=f"Bearer {worker}").call("GET", "auth/me")[0] == 403
    own.stop()
    own.start()
    assert not (own.folder / "state" / "first-admin-code").exists()
    assert bob.call("GET", "auth/me")[1]["name"] == "user:bob"
    assert script.call("GET", "auth/me")[1]["credential"] == "token"
    assert ada.call("PATCH", "users/bob", {"disabled": True})[0] == 200
    assert [caller.call("GET", "auth/me")[0] for caller in (bob, script)] == [401, 401]
    own.stop()
    said = own.log.read_text() + json.dumps(cluster.audit(), default=str)
    kept = Path(own.database.removeprefix("sqlite:///")).read_bytes()
    cookies = [caller.client.cookies["ringmaster-session"] for caller in (ada, bob)]
    for hidden in (code, PASSWORD, made["token"], *cookies):
        assert hidden not in said
        assert hidden.encode() not in kept
