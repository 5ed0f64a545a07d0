"""What `ringmaster login` keeps: whole or not at all, for one user's eyes, by server."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.credentials import Credentials, Held, is_private, place, server
from ringmaster_cli.people.identity import own_token

TOKEN = "rmt_secret"


def held(url: str, token: str = TOKEN) -> Held:
    return Held(url, token, 7, "user:ada", "2027-01-01T00:00:00Z")


@pytest.fixture
def kept(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "config" / "ringmaster" / "credentials")


def test_tokens_are_kept_by_server_and_the_last_one_is_the_usual(kept: Credentials) -> None:
    assert kept.of(None) is None
    kept.keep(held("https://one.example"))
    kept.keep(held("http://127.0.0.1:8420", "rmt_other"))
    assert kept.of("HTTPS://One.example:443/") == held("https://one.example")
    assert kept.of(None) == held("http://127.0.0.1:8420", "rmt_other")
    kept.keep(held("https://one.example", "rmt_later"))
    assert kept.of(None) == held("https://one.example", "rmt_later")
    kept.forget("https://one.example/")
    assert kept.of("https://one.example") is None
    assert kept.of("https://else.example") is None
    kept.forget("https://else.example")


def test_nobody_else_can_read_them(kept: Credentials) -> None:
    before = os.umask(0)
    try:
        kept.keep(held("https://one.example"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    kept.path.chmod(0o640)
    with pytest.raises(UsageError, match="open to other users"):
        kept.of("https://one.example")
    with pytest.raises(UsageError, match="open to other users"):
        kept.keep(held("https://two.example"))


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", "[" * 100_000, '{"servers": []}'),
        '{"servers": {"https://one.example": 1}}',
        '{"servers": {"https://one.example": {"token": "x"}}}',
    ],
)
def test_a_broken_file_is_named(kept: Credentials, content: str) -> None:
    kept.path.parent.mkdir(parents=True)
    kept.path.write_text(content)
    kept.path.chmod(0o600)
    with pytest.raises(UsageError, match="delete it, and log in again") as refused:
        kept.of("https://one.example")
    assert str(kept.path) in str(refused.value)


def add(path: Path, number: int) -> None:
    for part in range(5):
        Credentials(path).keep(held(f"https://{number}-{part}.example"))


def test_logins_at_the_same_time_lose_nothing(kept: Credentials) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=add, args=(kept.path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert all(writer.exitcode == 0 for writer in writers)
    assert len(json.loads(kept.path.read_text())["servers"]) == 20
    left = {item.name for item in kept.path.parent.iterdir()}
    assert left == {"credentials", ".credentials.lock"}


def test_the_file_is_where_configuration_belongs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RINGMASTER_CREDENTIALS", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place() == tmp_path / ".config" / "ringmaster" / "credentials"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert place() == tmp_path / "x" / "ringmaster" / "credentials"
    monkeypatch.setenv("RINGMASTER_CREDENTIALS", str(tmp_path / "y"))
    assert place() == tmp_path / "y"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x?a",
        "https://x#a",
        "http://[",
        "http://x:a",
    ],
)
def test_what_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        server(url)


def test_servers_have_one_name() -> None:
    assert server("https://EXAMPLE.com:443/") == "https://example.com"
    assert server("http://example.com:8420/base/") == "http://example.com:8420/base"
    assert server("http://[::1]:8420") == "http://[::1]:8420"


def test_plain_http_is_private_on_this_machine_only() -> None:
    assert all(
        is_private(url) for url in ("https://x", "http://localhost", "http://127.0.0.1:1", "http://[::1]")
    )
    assert not any(is_private(url) for url in ("http://x", "http://10.0.0.1", "http://127.0.0.1.example"))


def test_a_token_goes_to_the_server_that_it_is_for(
    monkeypatch: pytest.MonkeyPatch, kept: Credentials
) -> None:
    for name in ("RINGMASTER_TOKEN", "RINGMASTER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RINGMASTER_CREDENTIALS", str(kept.path))
    assert own_token("https://one.example") is None
    kept.keep(held("https://one.example"))
    assert own_token("https://one.example/") == ("https://one.example/", TOKEN)
    assert own_token(None) == ("https://one.example", TOKEN)
    assert own_token("https://one.example.evil.example") is None
    monkeypatch.setenv("RINGMASTER_TOKEN", "given")
    assert own_token("https://one.example") == ("https://one.example", "given")
    with pytest.raises(UsageError, match="RINGMASTER_URL"):
        own_token(None)
    monkeypatch.setenv("RINGMASTER_TOKEN", "two words")
    with pytest.raises(UsageError, match="holds no token"):
        own_token("https://one.example")
