"""One small HTTP server with JSON in and out, which misbehaves as it is told (`fault`)."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

Body = dict[str, Any]
Fault = Callable[[str, str], "tuple[int, Body] | str | None"]
"""(method, path) → an answer in place of the real one; "drop": no answer; "act": act, then no answer."""


class Refusal(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.body = {"title": code, "status": status, "code": code, "detail": detail}
        self.status = status


@dataclass
class Served:
    """What is served keeps its port over stop() and start()."""

    fault: Fault = lambda method, path: None
    calls: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _server: ThreadingHTTPServer | None = None
    _connections: list[socket.socket] = field(default_factory=list)
    port: int = 0

    def act(self, method: str, path: str, raw: bytes, auth: str) -> Body:
        """The answer to a call. Raises Refusal, or ValidationError for a body that makes no sense."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                served.serve(self)

            do_POST = do_GET

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def process_request(self, request: Any, client_address: Any) -> None:
                served._connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that was killed is part of the tests

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        while self._connections:
            with contextlib.suppress(OSError):
                self._connections.pop().shutdown(socket.SHUT_RDWR)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        method, path = handler.command, handler.path
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.calls.append(f"{method} {path.partition('?')[0]}")
            fault = self.fault(method, path)
        if fault == "drop" or self._server is None:
            handler.close_connection = True
            return
        if isinstance(fault, tuple):
            status, body = fault
        else:
            try:
                status, body = 200, self.act(method, path, raw, handler.headers.get("Authorization", ""))
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
            except ValidationError as wrong:
                status, body = 422, Refusal(422, "invalid", str(wrong)).body
        if fault == "act" or self._server is None:
            handler.close_connection = True
            return
        data = json.dumps(body).encode()
        with contextlib.suppress(OSError):
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
