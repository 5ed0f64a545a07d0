"""Stand-ins for the model APIs, on 127.0.0.1: the real agent programs run against them offline, without a
key.

They speak as much of the streaming APIs of Anthropic, OpenAI (Responses) and Google as the agents need to
make one real tool call and then end. A mode makes the API misbehave.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from support.standin_apis import Anthropic, Google, Json, Mode, OpenAI

__all__ = ["Mode", "StandIn"]


class StandIn:
    """A server for one test; use as context manager. command is what the model has the agent run."""

    def __init__(
        self, *, mode: Mode = Mode.NORMAL, command: str = "", final: str = "All done.", size: int = 0
    ) -> None:
        self.mode = mode
        self.command = command
        self.final = final
        self.size = size
        self.requests: list[tuple[str, Json]] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def text(self) -> str:
        return self.final if self.mode is not Mode.HUGE else "x" * self.size + f"\n{self.final}"


def _handler(owner: StandIn) -> type[BaseHTTPRequestHandler]:
    class Bound(Handler):
        stand_in = owner

    return Bound


class Handler(BaseHTTPRequestHandler):
    """Speaks both APIs, by path."""

    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Tests want no access log."""

    def do_GET(self) -> None:
        self._json(200, {"data": [], "object": "list", "models": []})

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        self.stand_in.requests.append((path, body))
        if path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 10})
        elif path.endswith("/messages"):
            self._answer(body, Anthropic(self.stand_in))
        elif path.endswith("/responses"):
            self._answer(body, OpenAI(self.stand_in))
        elif path.endswith(":streamGenerateContent"):
            self._answer(body, Google(self.stand_in))
        else:
            self._json(404, {"error": {"message": f"no {path} here"}})

    def _answer(self, body: Json, api: Anthropic | OpenAI | Google) -> None:
        if self.stand_in.mode in (Mode.OVERLOADED, Mode.UNAUTHORIZED):
            self._json(*api.fault())
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for event in api.events(body):
                name = f"event: {event['type']}\n" if "type" in event else ""
                self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return
        finally:
            self.close_connection = True

    def _json(self, status: int, body: Json) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    """Serve until interrupted: for trying an agent by hand. Arguments: mode, command."""
    import sys

    mode, command = ([*sys.argv[1:], "", ""])[:2]
    with StandIn(mode=Mode(mode or "normal"), command=command) as stand_in:
        print(stand_in.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
