"""Signing in with a browser: the code of the first administrator, cookies, CSRF, expiry."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from support.front import PASSWORD, WEB, Browser, Front, front

COOKIE = "ringmaster-session"


async def test_the_first_administrator_needs_the_code_and_it_is_good_once(
    api: Front, caplog: pytest.LogCaptureFixture
) -> None:
    file = api.auth.first_admin.file
    code = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stranger = api.browser()
    assert (await stranger.get("auth/methods")).json() == {"local": True, "oidc": False, "firstAdmin": True}
    body = {"code": "AAAAAA-BBBBBB-CCCCCC-DDDDDD", "name": "eve", "password": PASSWORD}
    assert (await stranger.post("auth/first-admin", body)).status_code == 401
    assert (await stranger.get("auth/me")).status_code == 401
    answer = await stranger.post("auth/first-admin", {**body, "code": code.lower(), "name": "ada"})
    assert answer.status_code == 201
    assert answer.json()["roles"] == [{"namespace": "*", "role": "admin"}]
    assert not file.exists()
    again = await api.browser().post("auth/first-admin", {**body, "code": code})
    assert again.status_code == 401
    assert (await stranger.get("auth/methods")).json()["firstAdmin"] is False
    await api.auth.start()
    assert not file.exists()
    assert code not in caplog.text


async def test_the_code_outlives_a_restart_and_is_made_anew_when_it_was_lost(api: Front) -> None:
    file = api.auth.first_admin.file
    first = file.read_text()
    await api.auth.start()
    assert file.read_text() == first
    file.unlink()
    await api.auth.start()
    assert file.read_text() != first
    body = {"name": "ada", "password": PASSWORD}
    assert (await api.browser().post("auth/first-admin", {**body, "code": first})).status_code == 401
    assert (await api.browser().post("auth/first-admin", {**body, "code": file.read_text()})).is_success


async def test_without_passwords_there_is_no_code_and_no_way_in(tmp_path: Path) -> None:
    async with front(tmp_path, local_accounts=False) as api:
        assert not api.auth.first_admin.file.exists()
        browser = api.browser()
        assert (await browser.get("auth/methods")).json() == {
            "local": False,
            "oidc": False,
            "firstAdmin": False,
        }
        assert (await browser.sign_in("ada")).status_code == 403
        body = {"code": "AAAAAA", "name": "ada", "password": PASSWORD}
        assert (await browser.post("auth/first-admin", body)).status_code == 401


async def test_signing_in_and_out(api: Front, admin: Browser) -> None:
    browser = api.browser()
    answer = await browser.sign_in("ada")
    [cookie] = answer.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts  # loopback, without TLS
    assert answer.headers["cache-control"] == "no-store"
    me = (await browser.get("auth/me")).json()
    assert (me["name"], me["credential"]) == ("user:ada", "session")
    stolen = browser.client.cookies[COOKIE]
    assert (await browser.post("auth/sign-out")).status_code == 204
    assert COOKIE not in browser.client.cookies
    replay = api.browser(cookie=f"{COOKIE}={stolen}")
    refused = await replay.get("auth/me")
    assert (refused.status_code, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert (await admin.get("auth/me")).status_code == 200


async def test_wrong_names_and_wrong_passwords_look_alike(api: Front, admin: Browser) -> None:
    wrong = [await api.browser().sign_in(name, "wrong password") for name in ("ada", "nobody")]
    assert [answer.status_code for answer in wrong] == [401, 401]
    assert wrong[0].json() == wrong[1].json()
    assert (await api.browser().sign_in("ada' OR '1'='1")).status_code == 422


async def test_by_tls_the_cookie_has_the_name_that_binds_it_to_the_host(tmp_path: Path) -> None:
    async with front(tmp_path, trusted_proxies="10.0.0.0/8", web_url=WEB) as api:
        await api.admin()
        browser = api.browser(WEB, address="10.1.2.3", **{"x-forwarded-proto": "https"})
        answer = await browser.sign_in("ada")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-ringmaster=")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        assert (await browser.get("auth/me")).status_code == 200
        # The name without TLS counts for nothing there.
        secret = browser.client.cookies["__Host-ringmaster"]
        lesser = api.browser(WEB, address="10.1.2.3", cookie=f"{COOKIE}={secret}")
        assert (await lesser.get("auth/me")).status_code == 401


async def test_no_password_is_taken_over_a_line_that_others_can_read(api: Front, admin: Browser) -> None:
    far = api.browser("http://ringmaster.example", address="192.0.2.7")
    answer = await far.sign_in("ada")
    assert answer.status_code == 403
    assert "https" in answer.json()["detail"]
    claimed = api.browser("http://ringmaster.example", address="192.0.2.7", **{"x-forwarded-proto": "https"})
    assert (await claimed.sign_in("ada")).status_code == 403


async def test_a_session_is_never_one_that_was_there_before(api: Front, admin: Browser) -> None:
    """Session fixation: a planted secret is not adopted, and signing in again ends the one before."""
    planted = "rms_" + "A" * 43
    victim = api.browser()
    victim.client.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")
    assert (await victim.sign_in("ada")).status_code == 200
    assert (await api.browser(cookie=f"{COOKIE}={planted}").get("auth/me")).status_code == 401
    held = next(item.value for item in victim.client.cookies.jar if item.value != planted)
    first = api.browser(cookie=f"{COOKIE}={held}")
    assert (await first.get("auth/me")).status_code == 200
    first.csrf = ""
    assert (await first.sign_in("ada")).status_code == 200
    assert (await api.browser(cookie=f"{COOKIE}={held}").get("auth/me")).status_code == 401


async def test_a_change_needs_the_header_that_only_our_page_knows(api: Front, admin: Browser) -> None:
    other = await api.user(admin, "bob", team="viewer")
    body = {"name": "a program"}
    good = admin.csrf
    for csrf in ("", "0" * 64, other.csrf):
        admin.csrf = csrf
        answer = await admin.post("auth/tokens", body)
        assert (answer.status_code, "X-Ringmaster-CSRF" in answer.json()["detail"]) == (403, True)
    assert (await admin.get("auth/me")).status_code == 200
    admin.csrf = good
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = await admin.call("POST", "auth/tokens", json=body, headers=headers)
        assert answer.status_code == 403, headers
        answer = await api.browser().sign_in("ada", **headers)
        assert answer.status_code == 403, headers
    fine = {"origin": "http://127.0.0.1:8420", "sec-fetch-site": "same-origin"}
    assert (await admin.call("POST", "auth/tokens", json=body, headers=fine)).status_code == 201


@pytest.mark.parametrize("body", ["text/plain", "application/x-www-form-urlencoded"])
async def test_what_a_form_can_send_is_not_read(api: Front, admin: Browser, body: str) -> None:
    text = json.dumps({"name": "ada", "password": PASSWORD})
    answer = await api.browser().call("POST", "auth/sign-in", content=text, headers={"content-type": body})
    assert answer.status_code in (415, 422)


async def test_a_session_ends_unused_and_in_any_case(api: Front, admin: Browser) -> None:
    for _ in range(20):
        api.time.pass_by(hours=7)
        assert (await admin.get("auth/me")).status_code == 200
    api.time.pass_by(hours=9)
    assert (await admin.get("auth/me")).status_code == 401
    assert (await admin.sign_in("ada")).status_code == 200
    for _ in range(24):
        api.time.pass_by(hours=7)
        last = (await admin.get("auth/me")).status_code
    assert last == 401


async def test_a_new_password_ends_everything_else(api: Front, admin: Browser) -> None:
    other = api.browser()
    await other.sign_in("ada")
    token = await admin.token()
    new = "a quite different phrase"
    wrong = await admin.post("auth/password", {"current": "not this one", "new": new})
    assert wrong.status_code == 401
    assert (await admin.post("auth/password", {"current": PASSWORD, "new": "short"})).status_code == 422
    before = admin.client.cookies[COOKIE]
    answer = await admin.post("auth/password", {"current": PASSWORD, "new": new})
    assert answer.status_code == 200
    admin.csrf = answer.json()["csrf"]
    assert admin.client.cookies[COOKIE] != before
    assert (await admin.get("users")).status_code == 200
    assert (await api.browser(cookie=f"{COOKIE}={before}").get("auth/me")).status_code == 401
    assert (await other.get("auth/me")).status_code == 401
    assert (await api.bearer(token).get("auth/me")).status_code == 401
    assert (await api.browser().sign_in("ada")).status_code == 401
    assert (await api.browser().sign_in("ada", new)).status_code == 200


async def test_a_person_sees_and_ends_their_own_sessions(api: Front, admin: Browser) -> None:
    other = api.browser(**{"user-agent": "another browser"})
    await other.sign_in("ada")
    bob = await api.user(admin, "bob")
    items = (await admin.get("auth/sessions")).json()["items"]
    assert items[0]["agent"] == "another browser"
    assert [item["current"] for item in items] == [False, True]
    theirs = items[0]["id"]
    assert (await bob.delete(f"auth/sessions/{theirs}")).status_code == 404
    assert (await other.get("auth/me")).status_code == 200
    assert (await admin.delete(f"auth/sessions/{theirs}")).status_code == 204
    assert (await other.get("auth/me")).status_code == 401
