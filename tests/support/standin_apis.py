"""The model APIs that the stand-in speaks: what each answers, event by event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from threading import Event
from typing import Any, Protocol

Json = dict[str, Any]

ANTHROPIC_USAGE = {"input_tokens": 100, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 500}
OPENAI_USAGE = {"input_tokens": 5000, "cached": 4000, "output_tokens": 60, "reasoning": 10}


GOOGLE_USAGE = {
    "promptTokenCount": 5000,
    "cachedContentTokenCount": 4000,
    "candidatesTokenCount": 50,
    "thoughtsTokenCount": 10,
    "totalTokenCount": 5060,
}


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


class Script(Protocol):
    """What the server tells an API of the test's wishes."""

    mode: Mode
    command: str
    requests: list[tuple[str, Json]]
    released: Event

    def text(self) -> str:
        """The model's final words."""


class Anthropic:
    """/v1/messages."""

    def __init__(self, stand_in: Script) -> None:
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

    def __init__(self, stand_in: Script) -> None:
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


class Google:
    """/v1beta/models/MODEL:streamGenerateContent."""

    def __init__(self, stand_in: Script) -> None:
        self.stand_in = stand_in

    def fault(self) -> tuple[int, Json]:
        if self.stand_in.mode is Mode.UNAUTHORIZED:
            message = "API key not valid. Please pass a valid API key."
            return 400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        return 503, {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}

    def events(self, body: Json) -> Iterator[Json]:
        turns = [part for content in body.get("contents", []) for part in content.get("parts", [])]
        part: Json = {"text": self.stand_in.text()}
        if self.stand_in.command and not any("functionResponse" in turn for turn in turns):
            call = {"name": "run_shell_command", "args": {"command": self.stand_in.command}}
            part = {"functionCall": call}
        yield {
            "candidates": [
                {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": GOOGLE_USAGE,
        }


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
