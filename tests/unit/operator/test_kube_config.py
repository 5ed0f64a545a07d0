"""How the API server is reached: by the proxy that the environment names, which is asked once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ringmaster_operator.kube import BEADS, Kube
from ringmaster_operator.kube_config import proxy_of

SERVER = "api.example.test"
Asked = list[str]


@pytest.fixture
async def listening() -> AsyncIterator[tuple[str, Asked]]:
    """The address of what answers every request with an empty object, and the heads of those that came."""
    heads: Asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    server.close()


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a kubeconfig of the given server; nothing of the environment says more."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(server: str) -> str:
        path = tmp_path / "kubeconfig"
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
        }
        path.write_text(json.dumps(body))
        return str(path)

    return write


async def get(kubeconfig: str) -> None:
    kube = await Kube.connect(kubeconfig)
    try:
        assert await kube.get(BEADS, "ns", "b") == {}
    finally:
        await kube.close()


async def test_a_call_asks_no_thread_and_takes_no_password_of_the_home_folder(
    listening: tuple[str, Asked], kubeconfig: Callable[[str], str], tmp_path: Path
) -> None:
    address, heads = listening
    (tmp_path / ".netrc").write_text("default login somebody password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    before = set(threading.enumerate())
    await get(kubeconfig(f"http://{address}"))
    assert set(threading.enumerate()) <= before
    assert heads[0].startswith("GET /apis/")
    assert "\nauthorization: bearer secret\r" in heads[0].lower()


@pytest.mark.parametrize("around", ["", "other.test"])
async def test_a_call_goes_by_the_proxy_of_the_environment(
    listening: tuple[str, Asked],
    kubeconfig: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    around: str,
) -> None:
    address, heads = listening
    monkeypatch.setenv("HTTP_PROXY", f"http://me:word@{address}")
    monkeypatch.setenv("NO_PROXY", around)
    await get(kubeconfig(f"http://{SERVER}"))
    assert heads[0].startswith(f"GET http://{SERVER}/apis/")
    assert "\nProxy-Authorization: Basic bWU6d29yZA==\r" in heads[0]


def test_which_proxy(monkeypatch: pytest.MonkeyPatch, kubeconfig: Callable[[str], str]) -> None:
    assert proxy_of(f"https://{SERVER}") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert proxy_of(f"https://{SERVER}:6443") == "http://proxy.test:3128"
    assert proxy_of(f"http://{SERVER}") is None
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,example.test")
    assert proxy_of(f"https://{SERVER}") is None
