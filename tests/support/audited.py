"""A person at work whose every change is looked for in the audit log."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from support.manifests import bead, listed
from support.openid import LyingProvider
from support.tenants import PASSWORD, Person, Tenants

Body = dict[str, Any]
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the audit log must say."""

    action: str
    kind: str
    name: str
    person: str
    credential: str
    before: Body | None = None
    after: Body | None = None
    namespace: str = ""
    undo: bool = False


TAUGHT = (
    "Read the parser before its grammar is changed",
    "Migrations need a lock of their own on PostgreSQL",
    "The renderer drops trailing blanks in golden files",
    "Time zones in reports come from the browser",
)
"""One for each call: words that are much alike are the same lesson again."""


@dataclass
class Scene:
    """A namespace, the person who changes things in it, and the calls that were made."""

    tenants: Tenants
    provider: LyingProvider
    worker: str
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))
    taught: Iterator[str] = field(default_factory=lambda: iter(TAUGHT))
    called: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.url, self.namespace = self.tenants.operator.url, self.tenants.namespaces[0]
        self.first = self.tenants.root()
        self.ada = self.tenants.accounts()[0]

    def call(self, person: Person, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """A call that succeeds; what it answers."""
        answer = person.call(method, f"/api/v1/{path}", body, **more)
        self.called.append((method, f"/api/v1/{path}"))
        assert 200 <= answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content else None

    def inside(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """A call of ada's in her namespace."""
        return self.call(self.ada, method, f"namespaces/{self.namespace}/{path}", body, **more)

    def line(self, action: str, kind: str, name: str, **more: Any) -> Line:
        """A line of ada's in her namespace."""
        who = {"person": self.ada.name, "credential": self.ada.token[:10], "namespace": self.namespace}
        return Line(action=action, kind=kind, name=name, **{**who, **more})

    def root(self, action: str, kind: str, name: str, **more: Any) -> Line:
        """A line of the administrator's."""
        who = {"person": self.first.name, "credential": self.first.token[:10]}
        return Line(action=action, kind=kind, name=name, **{**who, **more})

    def bead(self, phase: str, **spec: Any) -> str:
        """The name of a fresh one, once it is so far."""
        name = f"job-{next(self.numbers)}"
        cluster = self.tenants.cluster
        cluster.kubectl("create", "-n", self.namespace, "-f-", stdin=listed([bead(name, **spec)]))
        end = time.monotonic() + 120
        while cluster.get("bead", name, "-n", self.namespace).get("status", {}).get("phase") != phase:
            assert time.monotonic() < end, f"{name} does not become {phase}"
            time.sleep(0.1)
        return name

    def user(self) -> str:
        """The name of a fresh user."""
        name = f"user-{next(self.numbers)}"
        self.call(self.first, "POST", "users", {"name": name, "password": PASSWORD})
        return name

    def page(self, name: str) -> tuple[httpx2.Client, Body]:
        """A browser in which a user has signed in, and what it was told."""
        client = httpx2.Client(base_url=f"{self.url}/api/v1/", timeout=60, trust_env=False)
        body = {"name": name, "password": PASSWORD}
        return client, self.browse(client, "POST", "auth/sign-in", body)

    def browse(self, client: httpx2.Client, method: str, path: str, body: Any = None) -> Any:
        """A call with a browser's cookie; what it answers."""
        self.called.append((method, f"/api/v1/{path}"))
        answer = client.request(method, path, json=body)
        assert 200 <= answer.status_code < 300, (method, path, answer.text)
        told = answer.json() if answer.content else {}
        if "csrf" in told:
            client.headers["X-Ringmaster-CSRF"] = told["csrf"]
        return told

    def newest(self, action: str) -> Body:
        """The newest line of an action, as the administrator sees it."""
        answer = self.first.call("GET", "/api/v1/audit", action=action, limit=1)
        items: list[Body] = answer.json()["items"]
        return items[0] if items else {"id": 0}


# --- signing in, and what one has ---


def desired(wish: str) -> Body:
    return {"spec": {"desired": wish}}
