"""Signing in at a real OpenID provider, node-oidc-provider, through its own pages, over real connections."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator import server
from ringmaster_operator.auth.oidc import Oidc
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.user_api import Role
from support.front import Front, front
from support.openid_real import CLIENT, SECRET, Browser, RealProvider
from support.operators import free_port

pytestmark = pytest.mark.agents
SCOPES = "openid profile groups"


@dataclass
class Place:
    """Both servers, and what one would type into a browser."""

    api: Front
    provider: RealProvider
    url: str

    @property
    def callback(self) -> str:
        return f"{self.url}/api/v1/auth/oidc/callback"

    def start(self, back: str = "/") -> str:
        return f"{self.url}/api/v1/auth/oidc/start?back={back}"


@pytest.fixture
async def place(program: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[Place]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    library = program("oidc-provider")
    with RealProvider(library, f"{url}/api/v1/auth/oidc/callback", tmp_path / "provider.log") as provider:
        options: dict[str, Any] = {"oidc_issuer": provider.issuer, "oidc_client_secret_file": secret}
        roles = {"web": {"shop": Role.MAINTAINER}, "ops": {"*": Role.ADMIN}}
        async with front(
            tmp_path, mapped=roles, clock=Clock(), web_url=url, oidc_scopes=SCOPES, **options
        ) as api:
            http = server.Front("127.0.0.1", port, api.app)
            http.start()
            yield Place(api, provider, url)
            await http.close()


async def test_a_person_signs_in_through_the_providers_own_pages(place: Place) -> None:
    def visit(name: str) -> dict[str, Any]:
        with Browser() as browser:
            answer = browser.sign_in(place.start("/beads"), name, until=place.callback)
            assert answer.status_code == 200, answer.text
            assert 'url=/beads"' in answer.text
            assert any("/interaction/" in page for page in browser.visited)
            me: dict[str, Any] = browser.get(f"{place.url}/api/v1/auth/me").json()
            return me

    ada = await asyncio.to_thread(visit, "ada")
    assert (ada["name"], ada["groups"]) == ("user:ada", ["web", "everyone"])
    assert ada["roles"] == [{"namespace": "shop", "role": "maintainer"}]
    again = await asyncio.to_thread(visit, "ada")
    assert again["name"] == "user:ada"
    grace = await asyncio.to_thread(visit, "grace")
    assert grace["roles"] == [{"namespace": "*", "role": "admin"}]


async def test_signing_out_ends_the_session_at_the_provider_too(place: Place) -> None:
    def visit() -> None:
        with Browser() as browser:
            browser.sign_in(place.start(), "ada", until=place.callback)
            browser.visited.clear()
            browser.sign_in(place.start(), "ada", until=place.callback)
            assert not any("/interaction/" in page for page in browser.visited)  # it knows who that is
            me = browser.get(f"{place.url}/api/v1/auth/me").json()
            page = browser.get(place.url + me["signOutPage"]).headers["location"]
            browser.sign_in(page, "", until=f"{place.url}/")
            browser.visited.clear()
            browser.sign_in(place.start(), "grace", until=place.callback)
            assert any("/interaction/" in page for page in browser.visited)
            assert browser.get(f"{place.url}/api/v1/auth/me").json()["name"] == "user:grace"

    await asyncio.to_thread(visit)


async def test_a_terminal_signs_in_with_the_browser_beside_it(place: Place, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ringmaster_cli", "login", place.url, "--oidc", "--no-browser"]
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=home
    )
    assert process.stderr is not None
    page = ""
    while "/oidc/start?" not in page:
        page = (await process.stderr.readline()).decode().strip()

    def visit() -> str:
        with Browser() as browser:
            port = page.partition("port=")[2].partition("&")[0]
            return browser.sign_in(page, "ada", until=f"http://127.0.0.1:{port}/").text

    assert "You are signed in" in await asyncio.to_thread(visit)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    assert b"as user:ada" in said


async def test_a_code_is_good_once_and_a_wrong_secret_never(place: Place, tmp_path: Path) -> None:
    def visit() -> tuple[str, int]:
        with Browser() as browser:
            browser.sign_in(place.start(), "ada", until=place.callback)
            used = next(page for page in browser.visited if page.startswith(place.callback))
            return used, browser.get(used).status_code

    used, status = await asyncio.to_thread(visit)
    assert "code=" in used
    assert status == 401
    (tmp_path / "secret").write_text("another secret")
    assert isinstance(place.api.auth.oidc, Oidc)

    def refused() -> str:
        with Browser() as browser:
            return browser.sign_in(place.start(), "ada", until=place.callback).text

    text = await asyncio.to_thread(refused)
    assert "invalid_client" in text
    assert "another secret" not in text


def test_the_client_is_the_one_that_the_settings_name() -> None:
    from ringmaster_operator.settings import Settings

    assert Settings().oidc_client_id == CLIENT
