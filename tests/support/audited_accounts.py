"""Changes of accounts, each with the line of the audit log that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from support.audited import CHALLENGE, VERIFIER, Line, Scene, desired
from support.tenants import PASSWORD


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
}
