"""Signing in at a provider over our own routes: sessions, groups as roles, terminals, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from ringmaster_operator.resources.user_api import Role
from support.front import HERE, WEB, Browser, Front, front
from support.openid import CLIENT, SECRET, LyingProvider

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
START = "auth/oidc/start"


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with LyingProvider() as started:
        yield started


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client-secret"
    file.write_text(SECRET + "\n")
    return file


@pytest.fixture
async def api(tmp_path: Path, empty: Path, provider: LyingProvider, secret: Path) -> AsyncIterator[Front]:
    roles = {"web": {"shop": Role.MAINTAINER}, "ops": {"*": Role.ADMIN}}
    options: dict[str, Any] = {"oidc_issuer": provider.issuer, "oidc_client_secret_file": secret}
    async with front(tmp_path, mapped=roles, template=empty, web_url=HERE, **options) as made:
        provider.clock = made.time.clock.now
        yield made


async def leave(browser: Browser, **query: Any) -> str:
    """The provider's page that the browser is sent to."""
    answer = await browser.get(START, **query)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def come_back(browser: Browser, found: dict[str, str]) -> httpx2.Response:
    return await browser.get("auth/oidc/callback", **found)


async def test_a_browser_gets_a_session_and_its_groups_are_roles(api: Front, provider: LyingProvider) -> None:
    browser = api.browser()
    assert (await browser.get("auth/methods")).json() == {"local": True, "oidc": True, "firstAdmin": False}
    page = await leave(browser, back="/beads?x=1&y=2")
    assert parse_qs(urlsplit(page).query)["redirect_uri"] == [f"{HERE}/api/v1/auth/oidc/callback"]
    answer = await come_back(browser, provider.visit(page))
    assert answer.status_code == 200, answer.text
    assert 'content="0;url=/beads?x=1&amp;y=2"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    me = (await browser.get("auth/me")).json()
    assert (me["name"], me["credential"], me["groups"]) == ("user:ada", "session", ["web"])
    assert me["roles"] == [{"namespace": "shop", "role": "maintainer"}]
    assert "ringmaster-oidc" not in browser.client.cookies
    provider.claims["groups"] = ["ops"]  # another team from the next sign-in on
    await come_back(browser, provider.visit(await leave(browser)))
    assert await browser.names() == ["ada"]


async def test_signing_out_leads_to_the_providers_own_page(api: Front, provider: LyingProvider) -> None:
    browser = api.browser()
    await come_back(browser, provider.visit(await leave(browser)))
    me = (await browser.get("auth/me")).json()
    browser.csrf = me["csrf"]
    assert (await browser.post("auth/sign-out")).status_code == 204
    page = me["signOutPage"].removeprefix("/api/v1/")
    answer = await browser.get(page)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}/")  # it has none
    provider.metadata["end_session_endpoint"] = f"{provider.issuer}/end?tenant=7"
    api.time.pass_by(hours=2)
    answer = await browser.get(page)
    assert answer.headers["location"].startswith(f"{provider.issuer}/end?tenant=7&client_id={CLIENT}&")
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["post_logout_redirect_uri"] == [f"{HERE}/"]
    assert "set-cookie" not in answer.headers
    provider.metadata["end_session_endpoint"] = "http://evil.example/end"
    api.time.pass_by(hours=2)
    assert (await browser.get(page)).status_code == 401


async def test_a_name_gives_nobody_another_account(api: Front, provider: LyingProvider) -> None:
    provider.claims.update(sub="8", preferred_username="boss", groups=["ops"])
    boss = api.browser()
    await come_back(boss, provider.visit(await leave(boss)))
    boss.csrf = (await boss.get("auth/me")).json()["csrf"]
    local = await api.user(boss, "ada", shop="admin")
    provider.claims.update(sub="7", preferred_username="ADA", groups=[])
    guest = api.browser()
    await come_back(guest, provider.visit(await leave(guest)))
    me = (await guest.get("auth/me")).json()
    assert (me["name"], me["roles"]) == ("user:ada-2", [])
    own = (await local.get("auth/me")).json()
    assert (own["name"], own.get("signOutPage")) == ("user:ada", None)
    assert (await boss.patch("users/ada-2", {"disabled": True})).status_code == 200
    assert (await guest.get("auth/me")).status_code == 401
    refused = await come_back(guest, provider.visit(await leave(guest)))
    assert (refused.status_code, "disabled" in refused.text) == (401, True)


async def test_nobody_is_sent_elsewhere(api: Front) -> None:
    browser = api.browser()
    slashes = ("//evil.example", "/\\evil.example", "https://evil.example", "/a\\b", "/a\nb")
    for back in (*slashes, "evil", "/" + "a" * 600, ""):
        answer = await browser.get(START, back=back)
        assert answer.status_code == 422
        assert "location" not in answer.headers


async def test_the_host_of_a_request_is_no_way_back(api: Front) -> None:
    browser = api.browser(host="evil.example")
    assert "evil" not in await leave(browser)


async def test_the_answer_counts_in_the_browser_that_asked_only(api: Front, provider: LyingProvider) -> None:
    victim, attacker = api.browser(), api.browser()
    found = provider.visit(await leave(attacker))
    for browser in (victim, api.browser()):
        answer = await come_back(browser, found)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        await leave(victim)  # a sign-in of their own does not make it theirs
    assert (await come_back(attacker, found)).status_code == 200
    assert (await come_back(attacker, found)).status_code == 401
    late = provider.visit(await leave(victim))
    api.time.pass_by(minutes=11)
    assert (await come_back(victim, late)).status_code == 401


async def test_people_read_on_a_page_why_they_are_not_signed_in_and_it_is_text(
    api: Front, provider: LyingProvider
) -> None:
    person, program = api.browser(accept="text/html,*/*"), api.browser(accept="*/*")
    for browser, media in ((person, "text/html"), (program, "application/problem+json")):
        back = provider.visit(await leave(browser))
        refused = {"state": back["state"], "iss": back["iss"], "error": "<script>no</script>"}
        answer = await come_back(browser, refused)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith(media)
    again = await come_back(person, {"state": "x", "error": "<script>"})
    assert "You are not signed in" in again.text
    assert "<script" not in again.text
    assert "default-src 'none'" in again.headers["content-security-policy"]


async def test_a_terminal_gets_a_token_once(api: Front, provider: LyingProvider) -> None:
    async def code() -> str:
        browser = api.browser()
        page = await leave(browser, port=4321, challenge=CHALLENGE)
        answer = await come_back(browser, provider.visit(page))
        assert answer.status_code == 303
        place = urlsplit(answer.headers["location"])
        assert (place.scheme, place.netloc, place.path) == ("http", "127.0.0.1:4321", "/")
        assert "ringmaster-session" not in browser.client.cookies
        return parse_qs(place.query)["code"][0]

    async def fetch(code: str, verifier: str = VERIFIER) -> httpx2.Response:
        wish = {"code": code, "verifier": verifier, "name": "a terminal", "expiresInDays": 7}
        return await api.browser().post("auth/oidc/exchange", wish)

    first = await code()
    made = await fetch(first)
    assert made.status_code == 201, made.text
    token = api.bearer(made.json()["token"])
    assert (await token.get("auth/me")).json()["name"] == "user:ada"
    assert (await fetch(first)).status_code == 401
    second = await code()
    assert (await fetch(second, "w" * 43)).status_code == 401
    assert (await fetch(second)).status_code == 401  # the wrong verifier has spent it
    third = await code()
    api.time.pass_by(seconds=61)
    assert (await fetch(third)).status_code == 401
    assert (await api.browser().get(START, port=4321)).status_code == 422


async def test_a_provider_or_a_secret_that_is_away_is_no_fault_of_ours(
    api: Front, provider: LyingProvider, secret: Path
) -> None:
    browser = api.browser()
    found = provider.visit(await leave(browser))
    await asyncio.to_thread(secret.unlink)
    answer = await come_back(browser, found)
    assert (answer.status_code, "client secret" in answer.text) == (503, True)
    assert str(secret) not in answer.text
    provider.metadata = {"issuer": "https://evil.example"}
    api.time.pass_by(hours=2)
    assert (await browser.get(START)).status_code == 401


async def test_over_https_the_cookies_are_of_this_host_alone(
    tmp_path: Path, empty: Path, provider: LyingProvider, secret: Path
) -> None:
    options: dict[str, Any] = {"oidc_issuer": provider.issuer, "oidc_client_secret_file": secret}
    async with front(tmp_path, template=empty, web_url=WEB, **options) as api:
        provider.clock = api.time.clock.now
        browser = api.browser(WEB, address="203.0.113.7")
        away = await browser.get(START)
        kept = away.headers["set-cookie"]
        assert kept.startswith("__Host-ringmaster-oidc=")
        for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"):
            assert word in kept
        back = await come_back(browser, provider.visit(away.headers["location"]))
        session = next(text for text in back.headers.get_list("set-cookie") if "-oidc" not in text)
        for word in ("__Host-ringmaster=", "Secure", "HttpOnly", "SameSite=strict"):
            assert word in session
        plain = api.browser("http://ringmaster.other", address="203.0.113.7")
        assert (await plain.get(START)).status_code == 403


async def test_without_a_provider_there_is_no_way_to_it(tmp_path: Path, empty: Path) -> None:
    async with front(tmp_path, template=empty) as api:
        assert (await api.browser().get(START)).status_code == 404
        assert not (await api.browser().get("auth/methods")).json()["oidc"]


def test_the_client_of_the_tests_is_the_usual_one() -> None:
    from ringmaster_operator.settings import Settings

    assert Settings().oidc_client_id == CLIENT
