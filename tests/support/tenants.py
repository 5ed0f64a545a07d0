"""Two namespaces with a secret each, and the people of both, for tests of who sees and changes what."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

import httpx2

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker, usage

PASSWORD = "correct horse battery"
PROJECT = '[budget]\nusdPerDay = 100.0\n[capabilities]\nrust = "Secret skill of {namespace}"\n'
RIGHTS = [
    {"apiGroups": ["ringmaster.dev"], "resources": ["beads", "workers", "backupschedules"], "verbs": ["*"]}
]
QUESTION = {"question": "Which way?"}
METHODS = ("get", "post", "put", "patch", "delete")
CLIENT = httpx2.Client(timeout=30, trust_env=False)
"""Keeps no cookies of anybody's: only tokens are used with it."""
Body = dict[str, Any]


@dataclass(frozen=True)
class Route:
    """An operation of the API's own description."""

    id: str
    method: str
    path: str
    body: bool
    tags: tuple[str, ...]

    @property
    def namespaced(self) -> bool:
        return "{namespace}" in self.path


@dataclass
class Person:
    """Somebody with a token. Calls return the answer, whatever its status."""

    name: str
    token: str
    url: str

    def call(
        self, method: str, path: str, body: Any = None, match: str | None = None, **query: Any
    ) -> httpx2.Response:
        more: Body = {} if body is None else {"json": body}
        more["headers"] = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        more["headers"].update({"If-Match": match} if match else {})
        with CLIENT.stream(method, f"{self.url}{path}", params=query, **more) as answer:
            if "text/event-stream" in answer.headers.get("content-type", ""):
                return httpx2.Response(answer.status_code, text=_begin(answer), request=answer.request)
            answer.read()
            return answer


def _begin(answer: httpx2.Response) -> str:
    """The first events of a stream that has no end."""
    text, end = "", time.monotonic() + 2
    for piece in answer.iter_text():
        text += piece
        if time.monotonic() > end or len(text) > 100_000 or "task" in text:
            break
    return text


@dataclass
class Tenants:
    """The two namespaces, and how people come to them."""

    cluster: Any
    operator: OperatorProcess
    namespaces: tuple[str, str]
    admin: Person | None = None

    def secret(self, namespace: str) -> str:
        """What nobody of the other namespace may see."""
        return f"secret-of-{namespace}"

    async def fill(self) -> None:
        """A project, a Worker, beads, and one that was worked on, in each."""
        for namespace in self.namespaces:
            settings = {"project.toml": PROJECT.format(namespace=namespace)}
            meta = {"name": "ringmaster-project"}
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": settings}
            self.cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed([config]))
            token = make_worker(self.cluster, namespace, capabilities=[{"name": "rust"}])
            secret = self.secret(namespace)
            beads = [bead("worked", title=secret), bead("spare", title=secret, desired="Hold")]
            beads.append(bead("question", title=secret, type="decision", decision=QUESTION))
            self.cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(beads))
            session = Session(self.operator.url, token)
            claimed = await session.pull(wait=20, bead="worked")
            assert claimed is not None
            more: Body = {"report_id": f"of-{namespace}", "usage": usage(usd=1.25)}
            status, said = await session.report(claimed, "incomplete", **more)
            assert status == 200, said
            prompt = {"segments": [{"text": secret}], "digest": "0" * 64}
            status, said = await session.keep(claimed, f"of-{namespace}", prompt)
            assert status == 200, said
            await session.close()
            task = bead("task", title=secret, desired="Hold")
            self.cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([task]))

    def routes(self) -> list[Route]:
        """Every operation that the running operator describes."""
        document = CLIENT.get(f"{self.operator.url}/api/v1/openapi.json").json()
        return [
            Route(told["operationId"], method.upper(), path, "requestBody" in told, tuple(told["tags"]))
            for path, operations in document["paths"].items()
            for method, told in operations.items()
            if method in METHODS
        ]

    # --- people ---

    def root(self) -> Person:
        """The first administrator."""
        if self.admin is None:
            url = self.operator.url
            file = self.operator.folder / "state" / "first-admin-code"
            with httpx2.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as client:
                body = {"code": file.read_text().strip(), "name": "root", "password": PASSWORD}
                made = client.post("/auth/first-admin", json=body)
                assert made.status_code == 201, made.text
                self.admin = Person("user:root", _token(client, made.json()["csrf"]), url)
        return self.admin

    def accounts(self) -> tuple[Person, Person]:
        """Local users, each admin of one namespace."""
        url, root = self.operator.url, self.root()
        people = []
        for namespace in self.namespaces:
            name = f"of-{namespace}"
            wish = {"name": name, "password": PASSWORD}
            assert root.call("POST", "/api/v1/users", wish).status_code == 201
            grant = {"subject": f"user:{name}", "namespace": namespace, "role": "admin"}
            assert root.call("PUT", "/api/v1/roles", grant).status_code == 200
            with httpx2.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as client:
                signed = client.post("/auth/sign-in", json=wish)
                assert signed.status_code == 200, signed.text
                people.append(Person(f"user:{name}", _token(client, signed.json()["csrf"]), url))
        return people[0], people[1]

    def identities(self) -> tuple[Person, Person]:
        """Service accounts that RBAC lets do everything in one namespace."""
        one, two = self.namespaces
        return self.identity(one), self.identity(two)

    def identity(self, namespace: str) -> Person:
        """The service account of one namespace."""
        group = "rbac.authorization.k8s.io"
        meta = {"name": "person"}
        subject = {"kind": "ServiceAccount", "name": "person", "namespace": namespace}
        bound = {"roleRef": {"apiGroup": group, "kind": "Role", "name": "person"}, "subjects": [subject]}
        items: list[Body] = [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
            {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": RIGHTS},
            {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta, **bound},
        ]
        self.cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))
        made = self.cluster.kubectl("create", "token", "person", "-n", namespace, "--audience=ringmaster")
        return Person(f"system:serviceaccount:{namespace}:person", str(made).strip(), self.operator.url)

    def state(self, namespace: str) -> str:
        """All that people can change in a namespace, as it is: specs, history, audit log."""
        found = self.cluster.kubectl("get", "beads,workers", "-n", namespace, "-o", "json")
        specs = [(item["metadata"]["name"], item["spec"]) for item in json.loads(str(found))["items"]]
        return json.dumps(specs, sort_keys=True)


def filled(path: str, **values: str) -> str:
    """A path with its parameters; namespace and those that are named, `worked` and so on for the others."""
    usual = {
        "claim_id": "none",
        "report_id": "none",
        "iteration_id": "1",
        "session": "fleet-0",
        "kind": "prompt",
        "worker": "fleet",
        "lesson": "1",
        "id": "1",
        "name": "worked",
    }
    return re.sub(r"\{(\w+)\}", lambda found: {**usual, **values}[found[1]], path)


def _token(client: httpx2.Client, csrf: str) -> str:
    wish = {"name": "tests"}
    made = client.post("/auth/tokens", json=wish, headers={"X-Ringmaster-CSRF": csrf})
    assert made.status_code == 201, made.text
    return str(made.json()["token"])
