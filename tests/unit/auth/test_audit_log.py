"""The audit log: every change is in it, nobody alters it, and everybody sees what is theirs to see."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.history import Actor, Change
from support.front import NOON, PASSWORD, Browser, Front, front

NEW = "a quite different phrase"


async def test_every_change_of_users_is_told(api: Front, admin: Browser) -> None:
    bob = await api.user(admin, "bob", red="viewer")
    await admin.patch("users/bob", {"displayName": "Bob B"})
    await admin.patch("users/bob", {"displayName": "Bob B"})  # nothing changes, nothing is told
    await admin.put("roles", {"subject": "user:bob", "namespace": "red", "role": "admin"})
    await admin.put("roles", {"subject": "user:bob", "namespace": "red", "role": "admin"})
    await admin.delete("roles", subject="user:bob", namespace="red")
    await bob.token()
    [token] = (await bob.get("auth/tokens")).json()["items"]
    await bob.delete(f"auth/tokens/{token['id']}")
    await bob.post("auth/password", {"current": PASSWORD, "new": NEW})
    await admin.patch("users/bob", {"disabled": True})
    items = (await admin.get("audit")).json()["items"]
    assert [(item["person"], item["action"], item.get("namespace", "")) for item in reversed(items)] == [
        ("user:ada", "user.first-admin", ""),
        ("user:ada", "session.open", ""),
        ("user:ada", "user.create", ""),
        ("user:ada", "role.grant", "red"),
        ("user:bob", "session.open", ""),
        ("user:ada", "user.update", ""),
        ("user:ada", "role.grant", "red"),
        ("user:ada", "role.revoke", "red"),
        ("user:bob", "token.create", ""),
        ("user:bob", "token.revoke", ""),
        ("user:bob", "user.password", ""),
        ("user:bob", "session.open", ""),
        ("user:ada", "user.update", ""),
    ]
    changed = next(item for item in items if item["action"] == "role.grant")
    assert (changed["before"], changed["after"]) == ({"role": "viewer"}, {"role": "admin"})
    assert (changed["address"], changed["credential"]) == ("127.0.0.1", "session")


async def test_everybody_sees_their_own_and_what_is_of_their_namespaces(api: Front, admin: Browser) -> None:
    vic = await api.user(admin, "vic", red="viewer")
    for namespace, person in (
        ("red", "user:max"),
        ("blue", "user:max"),
        ("blue", "user:vic"),
        ("", "user:max"),
    ):
        await api.history.record_audit(
            actor=Actor(person=person),
            change=Change(action="bead.hold", kind="Bead", name="fix", namespace=namespace),
            now=NOON,
        )
    holds = [item for item in (await admin.get("audit")).json()["items"] if item["action"] == "bead.hold"]
    assert len(holds) == 4

    async def seen(**query: str) -> list[tuple[str, str]]:
        items = (await vic.get("audit", action="bead.hold", **query)).json()["items"]
        return [(item["namespace"], item["person"]) for item in items]

    assert await seen() == [("blue", "user:vic")]
    assert await seen(namespace="red") == [("red", "user:max")]
    assert await seen(namespace="red", person="user:ada") == []
    assert (await vic.get("audit", namespace="blue")).status_code == 403
    statuses = [(await vic.get(f"audit/{item['id']}")).status_code for item in reversed(holds)]
    assert statuses == [200, 404, 200, 404]
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        answer = await admin.call(method, f"audit/{holds[0]['id']}", json={})
        assert answer.status_code == 405


async def test_it_is_read_page_by_page(api: Front, admin: Browser) -> None:
    for number in range(25):
        await api.history.record_audit(
            actor=Actor(person="user:ada"), change=Change(action="x.y", kind="X", name=str(number)), now=NOON
        )
    found, cursor = [], None
    while True:
        query = {"action": "x.y", "limit": "10"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("audit", **query)).json()
        found += [int(item["name"]) for item in page["items"]]
        cursor = page.get("next")
        if cursor is None:
            break
        other = await admin.get("audit", action="x.z", cursor=cursor)
        assert other.status_code == 422
    assert found == list(reversed(range(25)))
    assert (await admin.get("audit", since="2026-11-30T00:00:00Z")).json()["items"] == []
    assert len((await admin.get("audit", until="2026-11-30T00:00:00Z", limit=500)).json()["items"]) == 27
    assert (await admin.get("audit", since="yesterday")).status_code == 422


async def test_words_are_data_in_every_place(either: Front) -> None:
    """SQL and headers in names, filters, paths, cookies: never obeyed, never a 5xx."""
    api, admin = either, await either.admin()
    nasty = [
        "'; DROP TABLE account; --",
        "x' OR '1'='1",
        "a\r\nSet-Cookie: ringmaster-session=evil",
        "\x00",
        "%00",
        "\\",
        "🦀" * 20,
        "*",
    ]
    for word in nasty:
        answers = [
            await admin.get("audit", person=word),
            await admin.get("audit", kind=word, name=word, action=word),
            await admin.get("audit", cursor=word),
            await admin.get("users", cursor=word),
            await admin.call("GET", f"users/{word.encode().hex()}"),
            await admin.delete("roles", subject=word, namespace=word),
            await admin.delete("roles", subject=f"group:{word}", namespace="red"),
            await admin.put("roles", {"subject": f"group:{word}", "namespace": "red", "role": "viewer"}),
            await admin.post("users", {"name": word, "displayName": word}),
            await admin.post("auth/tokens", {"name": word}),
            await api.browser().sign_in(word, word),
        ]
        for answer in answers:
            assert answer.status_code < 500, (word, answer.text)
            assert "evil" not in answer.headers.get("set-cookie", "")
            assert "\n" not in "".join(answer.headers.values())
    assert await admin.names() == ["ada"]
    me = await api.browser(cookie="ringmaster-session=' OR 1=1 --").get("auth/me")
    assert me.status_code == 401
    forwarded: dict[str, Any] = {"x-forwarded-for": "1.2.3.4\u00e9, ' OR 1=1".encode()}
    assert (await api.browser(**forwarded).sign_in("ada")).status_code == 200


def everything(folder: Path) -> bytes:
    """All that is in the files of a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_no_secret_is_kept_logged_or_told_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    async with front(tmp_path) as api:
        code = api.auth.first_admin.file.read_text().strip()
        admin = await api.admin()
        token = await admin.token()
        bob = await api.user(admin, "bob", all="admin")
        await api.browser().sign_in("bob", "a wrong password")
        await bob.post("auth/password", {"current": PASSWORD, "new": NEW})
        session = admin.client.cookies["ringmaster-session"]
        await api.bearer(token + "x").get("users")
        long = await api.browser().sign_in("bob", "p" * 2000)
        secrets = [code, code.replace("-", ""), token, session, admin.csrf, PASSWORD, NEW, "a wrong password"]
        program = api.bearer(token)
        told = [long.text]
        for path in (
            "users",
            "users/bob",
            "roles",
            "audit",
            "auth/tokens",
            "auth/sessions",
            "auth/me",
            "openapi.json",
        ):
            told.append((await program.get(path)).text)
    told += [caplog.text, *capfd.readouterr()]
    kept = everything(tmp_path)
    for secret in secrets:
        assert secret.encode() not in kept
        assert not any(secret in text for text in told)
    assert "p" * 100 not in "".join(told)
    with sqlite3.connect(tmp_path / "ringmaster.db") as database:
        passwords = [row[0] for row in database.execute("SELECT password FROM account")]
    assert all(password.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for password in passwords)
    assert len(set(passwords)) == 2


async def test_credentials_in_what_people_wrote_are_not_kept(api: Front, admin: Browser) -> None:
    token = "ghp_" + "a1B2" * 9
    body = {"name": "bob", "displayName": f"Bob {token}"}
    assert (await admin.post("users", body)).status_code == 201
    change = Change(
        action="bead.patch",
        kind="Bead",
        name="fix",
        namespace="red",
        before={"spec": {"description": "export API_KEY=verysecretvalue12"}},
        after={"spec": {"description": "plain", "steering": [{"id": "1", "text": f"use {token}"}]}},
    )
    id = await api.history.record_audit(actor=Actor(person="user:ada"), change=change, now=NOON)
    told = (await admin.get(f"audit/{id}")).json()
    assert told["before"] == {"spec": {"description": "export API_KEY=[redacted]"}}
    steered = {"description": "plain", "steering": [{"id": "1", "text": "use [redacted]"}]}
    assert told["after"] == {"spec": steered}
    assert token not in (await admin.get("audit")).text
    await admin.patch("users/bob", {"displayName": "Bob"})
    [renamed] = (await admin.get("audit", action="user.update")).json()["items"]
    undone = await admin.post(f"audit/{renamed['id']}/undo")
    assert (undone.status_code, "held a credential" in undone.json()["detail"]) == (409, True)
    assert (await admin.get("users/bob")).json()["displayName"] == "Bob"


async def test_the_address_is_the_nearest_that_no_proxy_of_ours_has(tmp_path: Path) -> None:
    async with front(tmp_path, trusted_proxies="10.0.0.0/8, 192.0.2.1") as api:
        admin = await api.admin()
        for peer, forwarded, expected in (
            ("203.0.113.9", "198.51.100.1", None),  # not a proxy: its word is not taken, nor that it has TLS
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "evil, 198.51.100.1, 10.9.9.9, 192.0.2.1", "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, evil", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ):
            headers = {"x-forwarded-for": forwarded, "x-forwarded-proto": "https"}
            browser = api.browser("https://x.example", address=peer, **headers)
            api.time.pass_by(seconds=1)
            answer = await browser.sign_in("ada")
            last = (await admin.get("audit", limit=1)).json()["items"][0]
            if expected is None:
                # httpx says https to the app itself, so that the call is taken as one over TLS.
                assert last["address"] == peer
            else:
                assert (answer.status_code, last["address"]) == (200, expected)
