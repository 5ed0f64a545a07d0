"""Between the operator and the API server: a proxy that can be late, refuse, fall silent, or hang up.

It speaks HTTP/1.1 over TLS with the cluster's own certificate, so that a kubeconfig differs by its port only.
Requests are read whole, one at a time; answers go through as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = 1 << 20
WATCHING = re.compile(rb"[?&]watch=(?:1|true)\b", re.IGNORECASE)
LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)
TOO_MANY = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": "too many requests, please try again later",
    "reason": "TooManyRequests",
    "code": 429,
}


@dataclass(eq=False)
class Connection:
    """One client's connection."""

    writer: asyncio.StreamWriter
    watching: bool = False
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear: nothing of what the API server says reaches the client, and the connection stays open."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def hang_up(self) -> None:
        self.writer.transport.abort()


class Proxy:
    """Use `await start()`, set what is to go wrong, then `await close()`."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        """`folder` is the cluster's, with its keys and its kubeconfig."""
        self._folder = folder
        self._rng = rng
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        ports = json.loads((folder / "cluster.json").read_text())["ports"]
        self._upstream: int = ports["apiserver"]
        self._client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        self.late_seconds = 0.0
        """How late each request is."""
        self.refused = 0.0
        """Share of the requests that are answered 429."""
        self.reaches = asyncio.Event()
        """Clear: nothing reaches the API server, or comes back."""
        self.reaches.set()
        self.throttled = 0

    async def start(self) -> None:
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        served.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=served, limit=LIMIT)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that goes through here."""
        text = (self._folder / "kubeconfig").read_text()
        path.touch(mode=0o600)
        path.write_text(text.replace(f"127.0.0.1:{self._upstream}", f"127.0.0.1:{self.port}"))
        return path

    def drop_watches(self) -> int:
        """Hang up on all watches; how many those were."""
        watches = self._watches()
        for connection in watches:
            connection.hang_up()
        return len(watches)

    def stall_watches(self) -> list[Connection]:
        """Let the present watches say nothing any more; later ones do."""
        watches = self._watches()
        for connection in watches:
            connection.flows.clear()
        return watches

    async def let_go(self, connections: list[Connection], seconds: float) -> None:
        """Wait until their clients have let go of these connections, for so many seconds at most."""
        waits = [asyncio.create_task(connection.gone.wait()) for connection in connections]
        if waits:
            _, pending = await asyncio.wait(waits, timeout=max(0.0, seconds))
            for task in pending:
                task.cancel()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _watches(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.watching]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(writer)
        connection.flows.set()
        self._connections.add(connection)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(
                "127.0.0.1", self._upstream, ssl=self._client, limit=LIMIT
            )
            back = asyncio.create_task(self._answers(answers, connection))
            try:
                await self._requests(reader, upstream, connection)
            finally:
                back.cancel()
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # either side hung up, or the API server is away: the client sees the same
        finally:
            self._connections.discard(connection)
            connection.gone.set()
            self._tasks.discard(task)
            for side in (writer, upstream):
                if side is not None:
                    with contextlib.suppress(OSError, ssl.SSLError):
                        side.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, connection: Connection
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if CHUNKED.search(head):
                raise RuntimeError("a request in chunks: this proxy knows lengths only")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            if self.late_seconds:
                await asyncio.sleep(self.late_seconds)
            await self.reaches.wait()
            if self.refused and self._rng.random() < self.refused:
                self.throttled += 1
                connection.writer.write(_too_many())
                continue
            connection.watching = bool(WATCHING.search(head.partition(b"\r\n")[0]))
            upstream.write(head + body)
            await upstream.drain()

    async def _answers(self, answers: asyncio.StreamReader, connection: Connection) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await answers.read(1 << 16):
                await self.reaches.wait()
                await connection.flows.wait()
                connection.writer.write(data)
                await connection.writer.drain()
        connection.writer.close()  # what was said still arrives


def _too_many() -> bytes:
    body = json.dumps(TOO_MANY).encode()
    head = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
