"""Stand-ins for the model APIs, on 127.0.0.1: the real agent programs run against them offline and without
a key.

They speak as much of the Anthropic Messages API and of the OpenAI Responses API (both streaming) as Claude
Code and Codex need to make one real tool call and then end. A mode makes the API misbehave.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]

ANTHROPIC_USAGE = {"input_tokens": 100, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 500}
OPENAI_USAGE = {"input_tokens": 5000, "cached": 4000, "output_tokens": 60, "reasoning": 10}


class Mode(StrEnum):
    NORMAL = "normal"
    """One shell command, then the final text."""
    OVERLOADED = "overloaded"
    """529 (Anthropic) or 503 (OpenAI) on every request."""
    UNAUTHORIZED = "unauthorized"
    """401 on every request."""
    REFUSAL = "refusal"
    EMPTY = "empty"
    """An answer without a word or token."""
    HANG = "hang"
    """The answer begins and never goes on."""
    HUGE = "huge"
    """The final text is size bytes long."""


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
        else:
            self._json(404, {"error": {"message": f"no {path} here"}})

    def _answer(self, body: Json, api: Anthropic | OpenAI) -> None:
        if self.stand_in.mode in (Mode.OVERLOADED, Mode.UNAUTHORIZED):
            self._json(*api.fault())
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for event in api.events(body):
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
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


class Anthropic:
    """/v1/messages."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    def fault(self) -> tuple[int, Json]:
        if self.stand_in.mode is Mode.UNAUTHORIZED:
            return 401, {
                "type": "error",
                "error": {"type": "authentication_error", "message": "invalid x-api-key"},
            }
        return 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    def events(self, body: Json) -> Iterator[Json]:
        mode = self.stand_in.mode
        number = len(self.stand_in.requests)
        empty = mode is Mode.EMPTY
        usage = {name: 0 if empty else value for name, value in ANTHROPIC_USAGE.items()}
        message: Json = {
            "id": f"msg_standin_{number:04d}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 0 if empty else 1},
        }
        yield {"type": "message_start", "message": message}
        if mode is Mode.HANG:
            self.stand_in.released.wait()
            return
        wants_tool = bool(self.stand_in.command) and not _has(body, "tool_result") and _shell(body)
        if wants_tool and mode in (Mode.NORMAL, Mode.HUGE):
            yield from self._tool(_shell(body))
            stop, output = "tool_use", 80
        else:
            yield from self._text("" if empty else self.stand_in.text())
            stop = "refusal" if mode is Mode.REFUSAL else "end_turn"
            output = 0 if empty else 20
        delta = {"stop_reason": stop, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}}
        yield {"type": "message_stop"}

    def _tool(self, name: str) -> Iterator[Json]:
        tool = {"type": "tool_use", "id": "toolu_standin_1", "name": name, "input": {}}
        yield {"type": "content_block_start", "index": 0, "content_block": tool}
        arguments = json.dumps({"command": self.stand_in.command, "description": "Do the work"})
        yield _delta(0, {"type": "input_json_delta", "partial_json": arguments})
        yield {"type": "content_block_stop", "index": 0}

    def _text(self, text: str) -> Iterator[Json]:
        if not text:
            return
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for start in range(0, len(text), 65536):
            yield _delta(0, {"type": "text_delta", "text": text[start : start + 65536]})
        yield {"type": "content_block_stop", "index": 0}


class OpenAI:
    """/responses."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    def fault(self) -> tuple[int, Json]:
        if self.stand_in.mode is Mode.UNAUTHORIZED:
            message = "Incorrect API key provided: fake."
            return 401, {
                "error": {"type": "invalid_request_error", "code": "invalid_api_key", "message": message}
            }
        return 503, {"error": {"type": "server_error", "message": "The engine is currently overloaded"}}

    def events(self, body: Json) -> Iterator[Json]:
        mode = self.stand_in.mode
        response = {"id": f"resp_{len(self.stand_in.requests)}", "object": "response", "output": []}
        yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
        if mode is Mode.HANG:
            self.stand_in.released.wait()
            return
        called = any(item.get("type", "").endswith("_call_output") for item in body.get("input", []))
        empty = mode is Mode.EMPTY
        if self.stand_in.command and not called and mode in (Mode.NORMAL, Mode.HUGE):
            yield from self._tool(body)
        elif not empty:
            yield from self._text("refusal" if mode is Mode.REFUSAL else "output_text")
        usage = {
            "input_tokens": 0 if empty else OPENAI_USAGE["input_tokens"],
            "input_tokens_details": {"cached_tokens": 0 if empty else OPENAI_USAGE["cached"]},
            "output_tokens": 0 if empty else OPENAI_USAGE["output_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0 if empty else OPENAI_USAGE["reasoning"]},
            "total_tokens": 0 if empty else OPENAI_USAGE["input_tokens"] + OPENAI_USAGE["output_tokens"],
        }
        yield {"type": "response.completed", "response": {**response, "status": "completed", "usage": usage}}

    def _tool(self, body: Json) -> Iterator[Json]:
        names = [tool.get("name") for tool in body.get("tools", [])]
        arguments: Json = {"cmd": self.stand_in.command}
        name = "exec_command"
        if name not in names:
            name = next((known for known in names if known and "shell" in known), "shell")
            arguments = {"command": self.stand_in.command}
        item = {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}

    def _text(self, kind: str) -> Iterator[Json]:
        text = self.stand_in.text()
        part = {"type": kind, ("refusal" if kind == "refusal" else "text"): text, "annotations": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
        started = {**item, "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": started}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}


def _delta(index: int, delta: Json) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _has(body: Json, kind: str) -> bool:
    return any(
        block.get("type") == kind
        for message in body.get("messages", [])
        if isinstance(message.get("content"), list)
        for block in message["content"]
    )


def _shell(body: Json) -> str:
    """The name under which the agent offers a shell."""
    names = [str(offered.get("name")) for offered in body.get("tools", [])]
    return next((name for name in names if name.lower() == "bash"), "")


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
