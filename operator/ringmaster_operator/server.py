"""uvicorn inside our own loop: it must leave signals to the process and end when told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 75
BACKLOG = 512
HEAD_BYTES = 64 << 10
"""The longest head of a request, and the longest trailers, beside what came in one piece with other parts."""
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What an answer says that says nothing else: a browser takes it for what it is, and runs nothing of it."""
_GUARDS = [(name.lower().encode(), value.encode()) for name, value in GUARDS.items()]
_TAGGED = (b"cache-control", b"private, no-cache")
_UNTAGGED = (b"cache-control", b"no-store")


class ServerError(Exception):
    """The address can't be listened on; the text says which and why."""


class Protocol(HttpToolsProtocol):
    """uvicorn's parser in C, with a limit to what comes that is no body: it would keep a head of any size.

    Requests know by `state.gone()` whether their caller has gone: to ask for the next message and be
    cancelled, as is_disconnected() does, takes many times as long.
    """

    _unread = 0
    """Bytes since the last part that was whole."""

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        super().data_received(data)
        if self._unread > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_headers_complete(self) -> None:
        self._unread = 0
        super().on_headers_complete()
        cycle = self.cycle
        self.scope["state"]["gone"] = lambda: cycle.disconnected

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        super().on_message_complete()


class Server(uvicorn.Server):
    """Serves on a socket that is bound before anything else starts, so that its address is known."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening address; raises ServerError with a plain message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServerError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


def create(app: ASGIApp) -> Server:
    """A server for serve(sockets=[...]); set should_exit to end it."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # who is behind a proxy is read by api/caller.py, from trusted ones only
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    return Server(config)


class Front:
    """The address and its server, from the first moment on: `app` is what answers now.

    A probe must be answered while there is nothing to serve yet: by an operator that waits for the API
    server, or for its turn to lead. Raises ServerError where the address is taken.
    """

    def __init__(self, host: str, port: int, app: ASGIApp) -> None:
        self.app = app
        self._listener = bind(host, port)
        self._server = create(self)
        self._task: asyncio.Task[None] | None = None
        found = self._listener.getsockname()
        self.url = f"http://{found[0]}:{found[1]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, guarded(send) if scope["type"] == "http" else send)

    def start(self) -> asyncio.Task[None]:
        """Answer, until closed; again is the same task."""
        if self._task is None:
            self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="http")
        return self._task

    async def close(self) -> None:
        """Let the calls end that are under way, for some seconds at most."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=GRACE_SECONDS + 1)
            self._task.cancel()
        self._listener.close()


def guarded(send: Send) -> Send:
    """Answers with GUARDS, also the 500 of what nobody foresaw, and kept by no cache that does not ask."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message["headers"] = list(message["headers"])
            given = {name for name, _ in headers}
            headers += [pair for pair in _GUARDS if pair[0] not in given]
            if b"cache-control" not in given:
                headers.append(_TAGGED if b"etag" in given else _UNTAGGED)
        await send(message)

    return sent
