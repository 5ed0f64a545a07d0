"""Who may do what: roles by namespace, tokens that hold less, and no way up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_operator.auth.accounts import Visitor
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.auth.roles import ORDER, needed
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import (
    BACKUP_SCHEDULES,
    BEADS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    USERS,
    WORKERS,
    Kind,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.user_api import Role
from support.front import PASSWORD, Browser, Front, front

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
LEAST = {
    "beads": "VVVCCCMM",
    "workers": "VVVMMMMM",
    "configmaps": "VVVMMMMM",
    "backupschedules": "VVVAAAAA",
    "users": "AAAAAAAA",
    "secrets": "--------",
    "serviceaccounts": "--------",
}
"""By kind, the first letter of the least role for each of VERBS."""


@pytest.mark.parametrize(
    "kind", [BEADS, WORKERS, CONFIG_MAPS, BACKUP_SCHEDULES, USERS, SECRETS, SERVICE_ACCOUNTS]
)
def test_the_table_of_roles(kind: Kind) -> None:
    found = "".join("-" if (role := needed(verb, kind)) is None else role.value[0].upper() for verb in VERBS)
    assert found == LEAST[kind.plural]
    assert [needed(verb, kind) for verb in ("impersonate", "*", "", "escalate")] == [None] * 4


async def allowed(api: Front, browser: Browser, namespace: str, verb: str, kind: Kind) -> bool:
    """As a route would ask it, with the browser's token."""
    authorization = browser.client.headers["authorization"]
    try:
        await api.people.allowed(authorization, verb=verb, kind=kind, namespace=namespace)
    except Refused as refused:
        if refused.code is not ProblemCode.FORBIDDEN:
            raise
        return False
    return True


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_holds_in_its_namespace_alone(api: Front, admin: Browser, role: Role) -> None:
    await api.user(admin, "bob", red=role.value)
    bob = api.browser()
    await bob.sign_in("bob")
    program = api.bearer(await bob.token())
    for kind in (BEADS, WORKERS, USERS, SECRETS):
        for verb in ("get", "update", "delete"):
            least = needed(verb, kind)
            expected = least is not None and ORDER.index(role) >= ORDER.index(least)
            assert await allowed(api, program, "red", verb, kind) is expected, (verb, kind)
            for elsewhere in ("blue", "", "*", "red ", "RED"):
                assert not await allowed(api, program, elsewhere, verb, kind)


async def test_nobody_climbs(api: Front, admin: Browser) -> None:
    """Every way to more, by everybody who does not have it."""
    people = {
        "viewer": await api.user(admin, "vic", red="viewer", blue="viewer"),
        "maintainer": await api.user(admin, "max", all="maintainer"),
        "namespace": await api.user(admin, "nan", red="admin"),
    }
    for who, browser in people.items():
        name = (await browser.get("auth/me")).json()["name"]
        for namespace in ("*", "blue"):
            body = {"subject": name, "namespace": namespace, "role": "admin"}
            assert (await browser.put("roles", body)).status_code == 403, who
        red = {"subject": name, "namespace": "red", "role": "admin"}
        assert (await browser.put("roles", red)).status_code == (200 if who == "namespace" else 403)
        assert (await browser.delete("roles", subject="user:ada", namespace="*")).status_code == 403
        assert (await browser.get("users")).status_code == 403
        assert (await browser.post("users", {"name": "mole"})).status_code == 403
        assert (await browser.patch("users/ada", {"password": "another password"})).status_code == 403
        assert (await browser.patch("users/ada", {"disabled": True})).status_code == 403
        assert (await browser.get("roles")).status_code == 403
        assert (await browser.get("roles", namespace="blue")).status_code == 403
        assert (await browser.get("audit", person="user:ada")).status_code == 403
    shown = (await people["namespace"].get("roles", namespace="red")).json()["items"]
    assert {item["subject"] for item in shown} == {"user:vic", "user:max", "user:nan", "user:ada"}
    bodies = [{"name": "red", "role": "owner"}, {"subject": "root", "namespace": "red", "role": "admin"}]
    assert [(await admin.put("roles", body)).status_code for body in bodies] == [422, 422]
    ghost = {"subject": "user:ghost", "namespace": "red", "role": "admin"}
    assert (await admin.put("roles", ghost)).status_code == 404


async def test_a_role_that_is_taken_away_is_gone_at_once(api: Front, admin: Browser) -> None:
    bob = await api.user(admin, "bob", all="admin")
    program = api.bearer(await bob.token())
    assert await program.names() == ["ada", "bob"]
    body = {"subject": "user:bob", "namespace": "*", "role": "maintainer"}
    assert (await admin.put("roles", body)).status_code == 200
    assert [(await who.get("users")).status_code for who in (bob, program)] == [403, 403]
    assert (await admin.delete("roles", subject="user:bob", namespace="*")).status_code == 204
    assert not await allowed(api, program, "red", "get", BEADS)
    assert (await admin.patch("users/bob", {"disabled": True})).status_code == 200
    assert [(await who.get("auth/me")).status_code for who in (bob, program)] == [401, 401]
    assert (await api.browser().sign_in("bob")).status_code == 401
    assert (await admin.patch("users/bob", {"disabled": False})).status_code == 200
    assert [(await who.get("auth/me")).status_code for who in (bob, program)] == [401, 401]  # for good
    assert (await api.browser().sign_in("bob")).status_code == 200


async def test_somebody_always_manages_users(api: Front, admin: Browser) -> None:
    lesser = {"subject": "user:ada", "namespace": "*", "role": "viewer"}
    for answer in (
        await admin.put("roles", lesser),
        await admin.delete("roles", subject="user:ada", namespace="*"),
        await admin.patch("users/ada", {"disabled": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert await admin.names() == ["ada"]
    bob = await api.user(admin, "bob", all="admin")
    assert (await admin.put("roles", lesser)).status_code == 200
    assert await bob.names() == ["ada", "bob"]
    assert (await bob.patch("users/bob", {"disabled": True})).status_code == 409


async def test_a_token_holds_no_more_than_it_was_given(api: Front, admin: Browser) -> None:
    reader = api.bearer(await admin.token(role="viewer"))
    red = api.bearer(await admin.token(namespaces=["red"], expiresInDays=2))
    assert (await reader.get("users")).status_code == 403
    assert (await reader.get("auth/me")).json()["roles"] == [{"namespace": "*", "role": "viewer"}]
    assert (await red.get("auth/me")).json()["roles"] == [{"namespace": "red", "role": "admin"}]
    assert [await allowed(api, red, place, "delete", BEADS) for place in ("red", "blue", "")] == [
        True,
        False,
        False,
    ]
    for program, more in ((reader, {"role": "admin"}), (red, {"namespaces": ["red", "blue"]})):
        assert (await program.post("auth/tokens", {"name": "more", **more})).status_code == 422
    child = api.bearer(await red.token(expiresInDays=300))
    assert (await child.get("auth/me")).json()["roles"] == [{"namespace": "red", "role": "admin"}]
    api.time.pass_by(days=2)
    assert [(await who.get("auth/me")).status_code for who in (red, child)] == [401, 401]
    assert (await reader.get("auth/me")).status_code == 200


async def test_tokens_expire_are_revoked_and_stay_ones_own(api: Front, admin: Browser) -> None:
    bob = await api.user(admin, "bob", red="viewer")
    secret = await bob.token()
    program = api.bearer(secret)
    child = api.bearer(await program.token())
    items = (await bob.get("auth/tokens")).json()["items"]
    assert [item["prefix"] == secret[:10] for item in items] == [False, True]
    assert "token" not in items[0]
    parent = items[1]["id"]
    assert (await admin.delete(f"auth/tokens/{parent}")).status_code == 404
    assert (await program.get("auth/me")).status_code == 200
    assert (await bob.delete(f"auth/tokens/{parent}")).status_code == 204
    assert [(await who.get("auth/me")).status_code for who in (program, child)] == [401, 401]
    own = api.bearer(await bob.token())
    assert (await own.post("auth/sign-out")).status_code == 204
    assert (await own.get("auth/me")).status_code == 401
    last = api.bearer(await bob.token(expiresInDays=1))
    api.time.pass_by(days=1)
    answer = await last.get("auth/me")
    assert (answer.status_code, "expired" in answer.json()["detail"]) == (401, True)


async def test_a_cookies_secret_is_no_token_and_a_token_no_cookie(api: Front, admin: Browser) -> None:
    session = admin.client.cookies["ringmaster-session"]
    assert (await api.bearer(session).get("auth/me")).status_code == 401
    token = await admin.token()
    assert (await api.browser(cookie=f"ringmaster-session={token}").get("auth/me")).status_code == 401
    both = api.browser(cookie=f"ringmaster-session={session}", authorization="Bearer wrong")
    assert (await both.get("auth/me")).status_code == 401  # a header that is wrong is not passed over


async def test_each_door_takes_its_own_keys(api: Front, admin: Browser) -> None:
    """Tokens of another audience: a Worker's for people, a person's for Workers, a stranger's for either."""
    api.cluster.users = {
        "worker": ("system:serviceaccount:red:ringmaster-worker-fleet", ("ringmaster",)),
        "kubectl": ("kate", ("api",)),
        "other": ("kate", ("vault",)),
        "double": ("user:ada", ("ringmaster",)),
    }
    assert (await api.bearer("worker").get("auth/me")).status_code == 403
    assert (await api.bearer("other").get("auth/me")).status_code == 401
    assert (await api.bearer("kubectl").get("auth/me")).json()["name"] == "kate"
    # Whoever the cluster calls user:ada is not Ringmaster's user ada.
    double = (await api.bearer("double").get("auth/me")).json()
    assert (double["name"], double["roles"]) == ("kubernetes:user:ada", [])
    assert (await api.bearer("double").get("users")).status_code == 403
    token = await admin.token()
    reviewed = len(api.cluster.reviewed)
    claim = {"claimId": "c-1", "worker": "fleet", "session": "fleet-0"}
    for secret in (token, admin.client.cookies["ringmaster-session"]):
        assert (await api.bearer(secret).post("claims", claim)).status_code == 401
    assert (await admin.post("claims", claim)).status_code == 401
    assert len(api.cluster.reviewed) == reviewed


async def test_a_clusters_identity_manages_users_by_rbac(api: Front, admin: Browser) -> None:
    api.cluster.users = {"kate": ("kate", ("api",)), "carl": ("carl", ("api",))}
    api.cluster.rights = {("kate", "create", "users", ""), ("carl", "update", "users", "red")}
    kate, carl = api.bearer("kate"), api.bearer("carl")
    assert (await kate.post("users", {"name": "bob", "password": PASSWORD})).status_code == 201
    assert (await carl.post("users", {"name": "eve", "password": PASSWORD})).status_code == 403
    grant = {"subject": "user:bob", "namespace": "red", "role": "viewer"}
    assert (await kate.put("roles", grant)).status_code == 403
    assert (await carl.put("roles", grant)).status_code == 200
    assert (await carl.put("roles", {**grant, "namespace": "*"})).status_code == 403
    for path in ("auth/tokens", "auth/sessions"):
        assert (await kate.get(path)).status_code == 403


async def test_groups_have_roles_by_grant_and_by_the_settings(tmp_path: Path) -> None:
    mapped = {"devs": {"red": Role.MAINTAINER}, "ops": {"*": Role.ADMIN}}
    async with front(tmp_path, mapped=mapped) as api:
        assert not api.auth.first_admin.file.exists()  # the settings say who manages users

        async def sign_in(subject: str, *groups: str) -> Browser:
            user = await api.auth.accounts.external(
                issuer="https://id.example", subject=subject, names=[subject], display_name="", groups=groups
            )
            opened = await api.auth.accounts.open(user, how="oidc", visitor=Visitor())
            browser = api.browser(cookie=f"ringmaster-session={opened.secret}")
            browser.csrf = (await browser.get("auth/me")).json()["csrf"]
            return browser

        ops, dev = await sign_in("olga", "ops"), await sign_in("dora", "devs")
        assert await ops.names() == ["dora", "olga"]
        assert (await dev.get("auth/me")).json()["roles"] == [{"namespace": "red", "role": "maintainer"}]
        grant = {"subject": "group:devs", "namespace": "blue", "role": "viewer"}
        assert (await ops.put("roles", grant)).status_code == 200
        assert len((await dev.get("auth/me")).json()["roles"]) == 2
        await sign_in("dora")  # the provider says that she has left
        assert (await dev.get("auth/me")).json()["roles"] == []
        with pytest.raises(AuthError, match="taken"):
            await api.auth.accounts.external(
                issuer="https://evil.example", subject="olga", names=["olga"], display_name="", groups=()
            )
