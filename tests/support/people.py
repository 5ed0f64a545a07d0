"""People who call the API over real HTTP, with accounts and rights of the cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from support.manifests import listed

VERBS: dict[str, list[str]] = {
    "reader": ["get", "list", "watch"],
    "editor": ["get", "list", "watch", "create", "update", "patch", "delete"],
    "nobody": [],
}
RBAC = "rbac.authorization.k8s.io/v1"


def accounts(cluster: Any, namespace: str) -> dict[str, str]:
    """A token of each: a reader and an editor of Beads and Workers, and one without any rights."""
    items: list[dict[str, Any]] = []
    for name, verbs in VERBS.items():
        meta = {"name": name}
        items.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        if verbs:
            rule = {"apiGroups": ["ringmaster.dev"], "resources": ["beads", "workers"], "verbs": verbs}
            role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
            subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
            items.append({"apiVersion": RBAC, "kind": "Role", "metadata": meta, "rules": [rule]})
            binding = {"subjects": [subject], "roleRef": role}
            items.append({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": meta, **binding})
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))
    return {name: token(cluster, namespace, name) for name in VERBS}


def admin(cluster: Any, namespace: str) -> str:
    """A token of an account that may do everything with Ringmaster's kinds there."""
    meta = {"name": "admin"}
    rule = {"apiGroups": ["ringmaster.dev"], "resources": ["*"], "verbs": ["*"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "admin"}
    subject = {"kind": "ServiceAccount", "name": "admin", "namespace": namespace}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": RBAC, "kind": "Role", "metadata": meta, "rules": [rule]},
        {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": meta, "subjects": [subject], "roleRef": role},
    ]
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))
    return token(cluster, namespace, "admin")


def token(cluster: Any, namespace: str, account: str) -> str:
    """A token of an account, for Ringmaster."""
    made: str = cluster.kubectl("create", "token", account, "-n", namespace, "--audience=ringmaster")
    return made.strip()


@dataclass
class Person:
    """Somebody with a token."""

    url: str
    token: str
    namespace: str
    client: httpx2.Client

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx2.Response:
        """Call a path below the namespace; one that begins with /api as it is."""
        where = path if path.startswith("/api") else f"/api/v1/namespaces/{self.namespace}{path}"
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        return self.client.request(
            method, self.url + where, content=content, params=query or None, headers=given
        )

    def with_token(self, token: str) -> Person:
        """The same place, asked with another token."""
        return replace(self, token=token)

    def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """The body of an answer that must be a good one."""
        answer = self(method, path, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What it comes to see."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


def phase(person: Person, name: str) -> str:
    """Of a bead, as the person sees it."""
    return str(person.ok("GET", f"/beads/{name}")["status"].get("phase"))
