"""Every call that changes something leaves a line of who, what, before, after and from where.

The calls are those that the running operator describes, but the workers' protocol: one without a row here
fails the test. Each row makes its call as a person would, with a change that counts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from support.clusters import drop_namespace, fresh_namespace
from support.manifests import bead, listed
from support.openid import SECRET, LyingProvider
from support.operators import OperatorProcess
from support.receivers import SECRET as SIGNED
from support.receivers import receiver
from support.sessions import Session, make_worker
from support.tenants import PASSWORD, Person, Tenants

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]
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


def sign_in(scene: Scene) -> Line:
    name = scene.user()
    client, _ = scene.page(name)
    with closing(client):
        [session] = scene.browse(client, "GET", "auth/sessions")["items"]
    return Line(
        action="session.open",
        kind="Session",
        name=str(session["id"]),
        person=f"user:{name}",
        credential="password",
        after={"how": "password"},
    )


def first_admin(scene: Scene) -> Line:
    """Done when the scene was made; it is done once."""
    scene.called.append(("POST", "/api/v1/auth/first-admin"))
    return Line(
        action="user.first-admin",
        kind="User",
        name="root",
        person="user:root",
        credential="one-time code",
        after={"namespace": "*", "role": "admin"},
    )


def sign_out(scene: Scene) -> Line:
    name = scene.user()
    client, _ = scene.page(name)
    with closing(client):
        [session] = scene.browse(client, "GET", "auth/sessions")["items"]
        scene.browse(client, "POST", "auth/sign-out")
    return of_session("session.end", "Session", str(session["id"]), name)


def password(scene: Scene) -> Line:
    name = scene.user()
    client, _ = scene.page(name)
    with closing(client):
        body = {"current": PASSWORD, "new": "correct horse battery staple"}
        scene.browse(client, "POST", "auth/password", body)
    return of_session("user.password", "User", name, name)


def create_token(scene: Scene) -> Line:
    name = scene.user()
    client, _ = scene.page(name)
    with closing(client):
        made = scene.browse(client, "POST", "auth/tokens", {"name": "ci", "role": "viewer"})
    after = {"name": "ci", "prefix": made["token"][:10], "role": "viewer", "namespaces": None}
    return of_session("token.create", "Token", str(made["id"]), name, after=after)


def revoke_token(scene: Scene) -> Line:
    name = scene.user()
    client, _ = scene.page(name)
    with closing(client):
        made = scene.browse(client, "POST", "auth/tokens", {"name": "ci", "namespaces": ["a"]})
        scene.browse(client, "DELETE", f"auth/tokens/{made['id']}")
    before = {"name": "ci", "prefix": made["token"][:10], "role": None, "namespaces": ["a"]}
    return of_session("token.revoke", "Token", str(made["id"]), name, before=before)


def end_session(scene: Scene) -> Line:
    name = scene.user()
    (other, _), (client, _) = scene.page(name), scene.page(name)
    with closing(other), closing(client):
        items = scene.browse(client, "GET", "auth/sessions")["items"]
        [old] = [item["id"] for item in items if not item["current"]]
        scene.browse(client, "DELETE", f"auth/sessions/{old}")
    return of_session("session.end", "Session", str(old), name)


def exchange(scene: Scene) -> Line:
    with httpx2.Client(base_url=f"{scene.url}/api/v1/", timeout=60, trust_env=False) as client:
        begun = client.get("auth/oidc/start", params={"port": 1, "challenge": CHALLENGE})
        assert begun.status_code == 303, begun.text
        came = client.get("auth/oidc/callback", params=scene.provider.visit(begun.headers["location"]))
        assert came.status_code == 303, came.text
        [code] = parse_qs(urlsplit(came.headers["location"]).query)["code"]
        body = {"code": code, "verifier": VERIFIER, "name": "laptop"}
        made = scene.browse(client, "POST", "auth/oidc/exchange", body)
    after = {"name": "laptop", "prefix": made["token"][:10], "role": None, "namespaces": None}
    return of_session("token.create", "Token", str(made["id"]), "grace", after=after, credential="oidc")


def of_session(action: str, kind: str, name: str, user: str, **more: Any) -> Line:
    who = {"person": f"user:{user}", "credential": "session"}
    return Line(action=action, kind=kind, name=name, **{**who, **more})


# --- users and roles ---


def create_user(scene: Scene) -> Line:
    name = scene.user()
    return scene.root("user.create", "User", name, after={"displayName": "", "disabled": False})


def change_user(scene: Scene) -> Line:
    name = scene.user()
    scene.call(scene.first, "PATCH", f"users/{name}", {"displayName": "Bo", "disabled": True})
    before, after = {"displayName": "", "disabled": False}, {"displayName": "Bo", "disabled": True}
    return scene.root("user.update", "User", name, before=before, after=after)


def grant(scene: Scene, role: str = "viewer") -> str:
    subject = f"user:{scene.user()}"
    body = {"subject": subject, "namespace": scene.namespace, "role": role}
    scene.call(scene.first, "PUT", "roles", body)
    return subject


def grant_role(scene: Scene) -> Line:
    subject = grant(scene)
    body = {"subject": subject, "namespace": scene.namespace, "role": "maintainer"}
    scene.call(scene.first, "PUT", "roles", body)
    roles = [{"role": name} for name in ("viewer", "maintainer")]
    where = {"namespace": scene.namespace}
    return scene.root("role.grant", "Role", subject, before=roles[0], after=roles[1], **where)


def revoke_role(scene: Scene) -> Line:
    subject = grant(scene)
    scene.call(scene.first, "DELETE", "roles", subject=subject, namespace=scene.namespace)
    return scene.root("role.revoke", "Role", subject, before={"role": "viewer"}, namespace=scene.namespace)


def undo(scene: Scene) -> Line:
    name = scene.bead("Ready")
    scene.inside("POST", f"beads/{name}/hold")
    scene.call(scene.ada, "POST", f"audit/{scene.newest('bead.hold')['id']}/undo")
    return scene.line("bead.hold", "Bead", name, before=desired("Hold"), after=desired("Run"), undo=True)


# --- beads ---


def desired(wish: str) -> Body:
    return {"spec": {"desired": wish}}


def create_bead(scene: Scene) -> Line:
    scene.inside("POST", "beads", {"name": "made", "spec": {"title": "Made"}})
    return scene.line("bead.create", "Bead", "made", after={"title": "Made"})


def patch_bead(scene: Scene) -> Line:
    name = scene.bead("Ready", title="Old")
    scene.inside("PATCH", f"beads/{name}", {"spec": {"title": "Fresh"}}, match="*")
    before, after = ({"spec": {"title": title}} for title in ("Old", "Fresh"))
    return scene.line("bead.patch", "Bead", name, before=before, after=after)


def delete_bead(scene: Scene) -> Line:
    name = scene.bead("Ready", title="Gone")
    scene.inside("DELETE", f"beads/{name}")
    return scene.line("bead.delete", "Bead", name, before={"title": "Gone"})


def wish(act: str, before: str, after: str) -> Callable[[Scene], Line]:
    def row(scene: Scene) -> Line:
        name = scene.bead("Held" if before == "Hold" else "Ready", desired=before)
        scene.inside("POST", f"beads/{name}/{act}")
        return scene.line(f"bead.{act}", "Bead", name, before=desired(before), after=desired(after))

    return row


def spec_of(scene: Scene, name: str) -> Body:
    found: Body = scene.tenants.cluster.get("bead", name, "-n", scene.namespace)["spec"]
    return found


def retry(scene: Scene) -> Line:
    name = scene.bead("Cancelled", desired="Cancel")
    scene.inside("POST", f"beads/{name}/retry", {"fromScratch": True})
    before = {"spec": {"retry": None, "desired": "Cancel", "retryFrom": "Work"}}
    trigger = spec_of(scene, name)["retry"]
    after = {"spec": {"retry": trigger, "desired": "Run", "retryFrom": "Scratch"}}
    return scene.line("bead.retry", "Bead", name, before=before, after=after)


def reopen(scene: Scene) -> Line:
    asked = {"question": "Which?", "answer": "this", "answeredBy": "me"}
    name = scene.bead("Succeeded", type="decision", decision=asked)
    scene.inside("POST", f"beads/{name}/reopen")
    kept = {"deadline": None, "default": None}
    answers = [{"answer": "this", "answeredBy": "me", **kept}, {"answer": None, "answeredBy": None, **kept}]
    before = {"spec": {"reopen": None, "desired": "Run", "decision": answers[0]}}
    trigger = spec_of(scene, name)["reopen"]
    after = {"spec": {"reopen": trigger, "desired": "Run", "decision": answers[1]}}
    return scene.line("bead.reopen", "Bead", name, before=before, after=after)


def steer(scene: Scene) -> Line:
    name = scene.bead("Ready")
    scene.inside("POST", f"beads/{name}/steer", {"text": "Use tabs"})
    [note] = spec_of(scene, name)["steering"]
    assert note["text"] == "Use tabs"
    after = {"spec": {"steering": [note]}}
    return scene.line("bead.steer", "Bead", name, before={"spec": {"steering": []}}, after=after)


def decide(scene: Scene) -> Line:
    name = scene.bead("NeedsDecision", type="decision", decision={"question": "Which?"})
    scene.inside("POST", f"beads/{name}/decide", {"answer": "this"})
    answers = [(None, None), ("this", scene.ada.name)]
    told = [{"spec": {"decision": {"answer": text, "answeredBy": by}}} for text, by in answers]
    return scene.line("bead.decide", "Bead", name, before=told[0], after=told[1])


# --- Workers, costs, lessons ---


def scale(scene: Scene) -> Line:
    scene.inside("PUT", "workers/fleet/scale", {"replicas": 3})
    before, after = ({"spec": {"replicas": number}} for number in (0, 3))
    return scene.line("worker.scale", "Worker", "fleet", before=before, after=after)


def suspend(scene: Scene) -> Line:
    scene.inside("PUT", "workers/fleet/suspend", {"suspend": True})
    scene.inside("PUT", "workers/fleet/suspend", {"suspend": False})
    before, after = ({"spec": {"suspend": value}} for value in (True, False))
    return scene.line("worker.suspend", "Worker", "fleet", before=before, after=after)


def override(scene: Scene) -> Line:
    scene.inside("PUT", "capabilities/rust/workers/fleet", {"override": 0.9})
    before, after = ({"capability": "rust", "override": value} for value in (None, 0.9))
    return scene.line("capability.override", "Worker", "fleet", before=before, after=after)


def reset(scene: Scene) -> Line:
    scene.inside("DELETE", "capabilities/rust/workers/fleet")
    return scene.line("capability.reset", "Worker", "fleet", after={"capability": "rust"})


def reprice(scene: Scene) -> Line:
    name = scene.bead("Ready")

    async def work() -> None:
        session = Session(scene.url, scene.worker)
        claimed = await session.pull(wait=20, bead=name)
        assert claimed is not None
        row = {"position": "1", "model": "gpt-4o", "provider": "openai", "inputTokens": 1_000_000}
        status, said = await session.report(claimed, usage={"requests": [row]})
        assert status == 200, said
        await session.close()

    asyncio.run(work())
    done = scene.inside("POST", "costs/reprice")
    assert (done["rows"], done["usd"] > 0) == (1, True)
    return scene.line("costs.reprice", "Costs", "prices", after={"rows": 1, "usd": done["usd"]})


def type_keys(scene: Scene) -> Line:
    """Into a session that this operator runs itself."""
    spec = {"tmux": {"host": "typing"}, "suspend": True, "replicas": 1}
    make_worker(scene.tenants.cluster, scene.namespace, "typist", **spec)
    end = time.monotonic() + 60
    place = "workers/typist/sessions/typist-0"
    where = f"/api/v1/namespaces/{scene.namespace}/{place}/screen"
    while (seen := scene.ada.call("GET", where)).status_code != 200 or not seen.json()["live"]:
        assert time.monotonic() < end, seen.text
        time.sleep(0.2)
    scene.inside("POST", f"{place}/keys", {"text": "a word of mine", "key": "Enter"})
    scene.tenants.cluster.kubectl("delete", "worker", "typist", "-n", scene.namespace)
    after = {"worker": "typist", "characters": 14, "key": "Enter"}
    return scene.line("session.type", "Session", "typist-0", after=after)


UNTOUCHED: Body = {"state": "active", "endorsedBy": [], "retiredReason": ""}
"""A lesson that nobody has done anything to."""


def lesson(scene: Scene) -> Body:
    text = next(scene.taught)
    made: Body = scene.inside("POST", "lessons", {"lesson": text})
    return made


def add_lesson(scene: Scene) -> Line:
    made = lesson(scene)
    after = {**UNTOUCHED, "endorsedBy": made.get("endorsedBy", []), "lesson": made["lesson"]}
    return scene.line("lesson.add", "Lesson", str(made["id"]), after=after)


def import_lessons(scene: Scene) -> Line:
    items = [{"lesson": "Run the linter before the tests"}]
    body = {"version": 1, "namespace": "elsewhere", "items": items}
    done = scene.inside("POST", "lessons/import", body)
    assert done == {"added": 1, "strengthened": 0}
    found: list[Body] = scene.inside("GET", "lessons")["items"]
    number = next(item["id"] for item in found if item["lesson"] == "Run the linter before the tests")
    return scene.line(
        "lesson.import", "Lesson", "import", after={"from": "elsewhere", **done, "lessons": [number]}
    )


def endorse(scene: Scene) -> Line:
    number = str(lesson(scene)["id"])
    scene.inside("POST", f"lessons/{number}/endorse", {})
    after = {**UNTOUCHED, "endorsedBy": [scene.ada.name]}
    return scene.line("lesson.endorse", "Lesson", number, before=UNTOUCHED, after=after)


def retire(scene: Scene) -> Line:
    number = str(lesson(scene)["id"])
    scene.inside("POST", f"lessons/{number}/retire", {"reason": "old"})
    after = {**UNTOUCHED, "state": "retired", "retiredReason": "old"}
    return scene.line("lesson.retire", "Lesson", number, before=UNTOUCHED, after=after)


def notification(act: str, *, own: bool) -> Callable[[Scene], Line]:
    """Of ada herself, or of her namespace; removed again, since a channel tells each once."""
    mine = {"channel": "hook", "address": ""}
    later = {**mine, "digest": "hourly"}

    def row(scene: Scene) -> Line:
        place = "me/notifications" if own else f"namespaces/{scene.namespace}/notifications"
        number = scene.call(scene.ada, "POST", place, {"channel": "hook"})["id"]
        if act == "change":
            scene.call(scene.ada, "PUT", f"{place}/{number}", {"channel": "hook", "digest": "hourly"})
        elif act == "test":
            scene.call(scene.ada, "POST", f"{place}/{number}/test")
        scene.call(scene.ada, "DELETE", f"{place}/{number}")
        states: dict[str, Body] = {
            "add": {"after": mine},
            "change": {"before": mine, "after": later},
            "remove": {"before": mine},
            "test": {},
        }
        where = {"namespace": ""} if own else {}
        return scene.line(f"notification.{act}", "Notification", str(number), **states[act], **where)

    return row


ROWS: dict[str, Callable[[Scene], Line]] = {
    "signIn": sign_in,
    "claimFirstAdmin": first_admin,
    "signOut": sign_out,
    "changePassword": password,
    "createToken": create_token,
    "revokeToken": revoke_token,
    "endSession": end_session,
    "exchangeOidcCode": exchange,
    "createUser": create_user,
    "changeUser": change_user,
    "grantRole": grant_role,
    "revokeRole": revoke_role,
    "undoChange": undo,
    "createBead": create_bead,
    "patchBead": patch_bead,
    "deleteBead": delete_bead,
    "holdBead": wish("hold", "Run", "Hold"),
    "resumeBead": wish("resume", "Hold", "Run"),
    "cancelBead": wish("cancel", "Run", "Cancel"),
    "retryBead": retry,
    "reopenBead": reopen,
    "steerBead": steer,
    "decideBead": decide,
    "scaleWorker": scale,
    "suspendWorker": suspend,
    "typeKeys": type_keys,
    "overrideConfidence": override,
    "resetConfidence": reset,
    "repriceCosts": reprice,
    "addLesson": add_lesson,
    "importLessons": import_lessons,
    "endorseLesson": endorse,
    "retireLesson": retire,
    "addMyNotification": notification("add", own=True),
    "changeMyNotification": notification("change", own=True),
    "removeMyNotification": notification("remove", own=True),
    "testMyNotification": notification("test", own=True),
    "addNotification": notification("add", own=False),
    "changeNotification": notification("change", own=False),
    "removeNotification": notification("remove", own=False),
    "testNotification": notification("test", own=False),
}


@pytest.fixture(scope="module")
def scene(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An operator with an OpenID provider, on a namespace with a Worker."""
    folder = tmp_path_factory.mktemp("audited")
    operator = OperatorProcess(cluster.kubeconfig, "", folder)
    (folder / "secret").write_text(SECRET)
    spaces = fresh_namespace(cluster), fresh_namespace(cluster)
    with LyingProvider() as provider, receiver() as hook:
        provider.claims["preferred_username"] = "grace"
        channel = f'webhook = "{hook.url}"\nlocal = true\nsecrets = ["{SIGNED}"]\npeople = true\n'
        (folder / "channels.toml").write_text(f"[channels.hook]\n{channel}")
        (folder / "channels.toml").chmod(0o600)
        operator.settings = {
            "RINGMASTER_TMUX_HOST": "typing",
            "RINGMASTER_WEB_URL": operator.url,
            "RINGMASTER_NOTIFY_FILE": str(folder / "channels.toml"),
            "RINGMASTER_OIDC_ISSUER": provider.issuer,
            "RINGMASTER_OIDC_CLIENT_SECRET_FILE": str(folder / "secret"),
        }
        operator.start()
        try:
            worker = make_worker(cluster, spaces[0], capabilities=[{"name": "rust"}])
            yield Scene(Tenants(cluster, operator, spaces), provider, worker)
        finally:
            operator.stop()
            print(operator.tail())
            for namespace in spaces:
                drop_namespace(cluster, namespace)


def changing(scene: Scene) -> dict[str, tuple[str, str]]:
    """Method and path of each call that changes something for a person."""
    return {
        route.id: (route.method, route.path)
        for route in scene.tenants.routes()
        if route.method != "GET" and "protocol" not in route.tags
    }


def test_every_call_that_changes_something_is_known_here(scene: Scene) -> None:
    assert set(changing(scene)) == set(ROWS), "say what the audit log has of these"


@pytest.mark.parametrize(
    "operation",
    [pytest.param(name, marks=pytest.mark.tmux if name == "typeKeys" else ()) for name in ROWS],
)
def test_a_change_is_told(scene: Scene, operation: str) -> None:
    method, path = changing(scene)[operation]
    scene.called.clear()
    told = ROWS[operation](scene)
    form = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    assert any(made == method and re.fullmatch(form, where) for made, where in scene.called), scene.called
    line = scene.newest(told.action)
    undone = line.pop("undoOf", None)
    assert (undone is not None) is told.undo
    expected = {name: getattr(told, name) for name in told.__dataclass_fields__ if name != "undo"}
    found = {name: line.get(name, "" if name == "namespace" else None) for name in expected}
    assert found == expected
    assert line["address"] == "127.0.0.1"
