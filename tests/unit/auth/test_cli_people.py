"""The people's commands against the real API over HTTP: login to logout, users, tokens, audit, undo."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ringmaster_operator import server
from support.front import PASSWORD, Front, front
from support.openid import SECRET, LyingProvider
from support.operators import free_port


@dataclass
class Terminal:
    """A person's shell, without any kubeconfig."""

    folder: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ringmaster_cli", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**kept, "HOME": str(self.folder), "RINGMASTER_URL": self.url, **self.environment},
        )

    async def run(self, *words: str, stdin: str = "", code: int = 0) -> tuple[str, str]:
        """stdout and stderr of a command that ends with that code."""
        process = await self.start(*words)
        out, err = await process.communicate(stdin.encode())
        assert process.returncode == code, (words, out, err)
        return out.decode(), err.decode()

    @property
    def credentials(self) -> Path:
        return self.folder / ".config" / "ringmaster" / "credentials"


@pytest.fixture
async def served(tmp_path: Path, empty: Path) -> AsyncIterator[tuple[Front, str, LyingProvider]]:
    """The API, its URL, and the provider that people may sign in at."""
    secret = tmp_path / "client-secret"
    secret.write_text(SECRET)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with LyingProvider() as provider:
        options: dict[str, Any] = {
            "web_url": url,
            "oidc_issuer": provider.issuer,
            "oidc_client_secret_file": secret,
        }
        async with front(tmp_path, template=empty, **options) as api:
            provider.clock = api.time.clock.now
            http = server.Front("127.0.0.1", port, api.app)
            http.start()
            yield api, url, provider
            await http.close()


async def test_a_day_of_an_administrator(served: tuple[Front, str, LyingProvider], tmp_path: Path) -> None:
    api, url, _ = served
    shell = Terminal(tmp_path / "ada", url)
    code = api.auth.first_admin.file.read_text().strip()
    _, said = await shell.run(
        "login", url, "--first-admin", "--name", "ada", "--password-stdin", stdin=f"{code}\n{PASSWORD}\n"
    )
    assert f"signed in to {url} as user:ada" in said
    assert stat.S_IMODE(shell.credentials.stat().st_mode) == 0o600
    token = json.loads(shell.credentials.read_text())["servers"][url]["token"]
    assert token not in said

    out, _ = await shell.run("whoami")
    assert out.startswith("user:ada by an API token")
    assert "admin everywhere" in out
    await shell.run("user", "create", "bob", "--password-stdin", stdin=PASSWORD)
    await shell.run("user", "grant", "bob", "viewer", "-n", "red")
    await shell.run("user", "grant", "bob", "maintainer", "-n", "red")
    out, _ = await shell.run("audit", "--kind", "Role", "--object", "user:bob", "-o", "json")
    newest = json.loads(out)["items"][0]
    out, _ = await shell.run("audit", "--since", "2020-01-31", "--limit", "3")
    assert 'role="viewer" -> role="maintainer"' in out
    await shell.run("undo", str(newest["id"]))
    out, _ = await shell.run("user", "roles", "-n", "red")
    assert "user:bob  viewer" in out
    _, said = await shell.run("undo", str(newest["id"]), code=4)
    assert "was undone already" in said
    _, said = await shell.run("user", "grant", "nobody", "viewer", "--everywhere", code=4)
    assert "there is no user nobody" in said
    await shell.run("user", "revoke", "bob", "-n", "red")
    await shell.run("user", "disable", "bob")
    out, _ = await shell.run("user", "list")
    assert "disabled" in out


async def test_a_login_that_has_ended_says_how_to_begin_anew(
    served: tuple[Front, str, LyingProvider], tmp_path: Path
) -> None:
    api, url, _ = served
    shell = Terminal(tmp_path / "ada", url)
    code = api.auth.first_admin.file.read_text().strip()
    words = ("--first-admin", "--name", "ada", "--password-stdin", "--days", "1")
    await shell.run("login", url, *words, stdin=f"{code}\n{PASSWORD}\n")
    api.time.pass_by(days=2)
    for command in (("whoami",), ("token", "list")):
        _, said = await shell.run(*command, code=4)
        assert f"this API token has expired (HTTP 401); sign in again: ringmaster login {url}" in said
    given = {"RINGMASTER_TOKEN": "rmt_" + "x" * 43}
    _, said = await Terminal(tmp_path / "ada", url, given).run("whoami", code=4)
    assert "sign in again" not in said  # that is no login's


async def test_tokens_do_less_and_a_logout_ends_the_login(
    served: tuple[Front, str, LyingProvider], tmp_path: Path
) -> None:
    api, url, _ = served
    await api.admin()
    shell = Terminal(tmp_path / "ada", url)
    await shell.run("login", url, "--name", "ada", "--password-stdin", stdin=PASSWORD)
    token = json.loads(shell.credentials.read_text())["servers"][url]["token"]
    secret, said = await shell.run("token", "create", "a job", "--role", "viewer", "--in", "red")
    assert "not shown again" in said
    shell.environment["RINGMASTER_TOKEN"] = secret.strip()
    assert "viewer in red" in (await shell.run("whoami"))[0]
    await shell.run("user", "list", code=4)
    del shell.environment["RINGMASTER_TOKEN"]
    out, _ = await shell.run("token", "list", "-o", "json")
    job = next(item for item in json.loads(out)["items"] if item["name"] == "a job")
    await shell.run("token", "revoke", str(job["id"]))
    _, said = await shell.run("logout")
    assert (await api.bearer(token).get("auth/me")).status_code == 401
    await shell.run("logout", code=3)
    _, said = await shell.run("whoami", code=2)
    assert "ringmaster login" in said


async def test_wrong_words_are_one_line(served: tuple[Front, str, LyingProvider], tmp_path: Path) -> None:
    api, url, _ = served
    await api.admin()
    shell = Terminal(tmp_path / "eve", url)
    for words, stdin, code, told in (
        (("login", url, "--name", "ada", "--password-stdin"), "wrong password", 4, "is wrong"),
        (("login", url, "--name", "ada"), "", 2, "no terminal"),
        (("login", url, "--token-stdin"), "rmt_" + "x" * 43, 4, "not known here"),
        (("login", url, "--token-stdin"), "", 2, "no token on stdin"),
        (("login", url, "--oidc", "--token-stdin"), "", 2, "at a time"),
        (("login", "http://192.0.2.1"), "", 2, "plain http"),
        (("login", "http://127.0.0.1:1", "--token-stdin"), "x", 6, "cannot be reached"),
        (("user", "grant", "bob", "king", "-A"), "", 2, "no role king"),
        (("user", "grant", "bob", "viewer"), "", 2, "where?"),
        (("audit", "--since", "yesterday"), "", 2, "is no time"),
    ):
        out, said = await shell.run(*words, stdin=stdin, code=code)
        assert (out, said.count("\n")) == ("", 1)
        assert told in said
    assert not shell.credentials.exists()


async def test_a_terminal_signs_in_at_the_provider(
    served: tuple[Front, str, LyingProvider], tmp_path: Path
) -> None:
    _, url, provider = served
    shell = Terminal(tmp_path / "ada", url)
    process = await shell.start("login", url, "--oidc", "--no-browser")
    assert process.stderr is not None
    page = ""
    while "/oidc/start?" not in page:
        page = (await process.stderr.readline()).decode().strip()
    async with httpx2.AsyncClient(trust_env=False) as browser:
        away = await browser.get(page)
        back = await browser.get(
            f"{url}/api/v1/auth/oidc/callback", params=provider.visit(away.headers["location"])
        )
        here = await browser.get(back.headers["location"])
    assert "You are signed in" in here.text
    _, said = await process.communicate()
    assert (process.returncode, b"as user:ada" in said) == (0, True)
    assert "groups: web" in (await shell.run("whoami"))[0]
