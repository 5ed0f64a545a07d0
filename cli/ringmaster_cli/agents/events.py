"""What each line of an agent's output says, in the same words for every agent: for people who read it later.

Only for reading: what a run used and how it ended is found by the readers. A line that is not understood is a
note; formats change between versions, so every field is optional.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.readers.base import items, mapping, parse, string
from ringmaster_operator.resources.records import EventKind

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One thing that the agent said or did. goes_on: the words go on with those before them."""

    kind: EventKind
    text: str
    tool: str = ""
    goes_on: bool = False


def understood(events: Events, line: str) -> list[Event]:
    """What one line of standard output says; nothing where it says nothing to people."""
    if events not in _SAYS:
        return [Event(EventKind.TEXT, line, goes_on=True)]
    event = parse(line)
    if event is None:
        return [Event(EventKind.NOTE, line, goes_on=True)] if line.strip() else []
    return [found for found in _SAYS[events](event) if found.text.strip() or found.tool]


def _claude(event: Fields) -> Iterator[Event]:
    kind = event.get("type")
    if kind == "system" and event.get("subtype") == "init":
        yield Event(EventKind.NOTE, f"Claude Code, model {string(event.get('model')) or 'unknown'}")
    elif kind in ("assistant", "user"):
        message = mapping(event.get("message"))
        inside = "(by a sub-agent) " if event.get("parent_tool_use_id") else ""
        for block in items(message.get("content")):
            yield from _claude_block(block, inside)
    elif kind == "result" and (event.get("is_error") or event.get("subtype") not in (None, "", "success")):
        yield Event(EventKind.ERROR, string(event.get("result")) or string(event.get("subtype")))


def _claude_block(block: Fields, inside: str) -> Iterator[Event]:
    kind = block.get("type")
    if kind == "text":
        yield Event(EventKind.TEXT, inside + string(block.get("text")))
    elif kind == "thinking":
        yield Event(EventKind.THINKING, inside + string(block.get("thinking")))
    elif kind in ("tool_use", "server_tool_use"):
        yield Event(EventKind.TOOL, _given(block.get("input")), string(block.get("name")))
    elif kind == "tool_result":
        failed = EventKind.ERROR if block.get("is_error") else EventKind.RESULT
        yield Event(failed, _words(block.get("content")))


def _codex(event: Fields) -> Iterator[Event]:
    kind, item = event.get("type"), mapping(event.get("item"))
    if kind == "item.completed":
        yield from _codex_item(string(item.get("type")), item)
    elif kind == "turn.failed":
        yield Event(EventKind.ERROR, string(mapping(event.get("error")).get("message")))
    elif kind == "error":
        yield Event(EventKind.ERROR, string(event.get("message")))


def _codex_item(kind: str, item: Fields) -> Iterator[Event]:
    if kind == "agent_message":
        yield Event(EventKind.TEXT, string(item.get("text")))
    elif kind == "reasoning":
        yield Event(EventKind.THINKING, string(item.get("text")))
    elif kind == "error":
        yield Event(EventKind.NOTE, string(item.get("message")))
    elif kind == "command_execution":
        yield Event(EventKind.TOOL, string(item.get("command")), kind)
        code = item.get("exit_code")
        failed = item.get("status") == "failed" or bool(code)
        said = string(item.get("aggregated_output"))
        ended = f"{said.rstrip()}\nexit code {code}".lstrip() if failed else said
        yield Event(EventKind.ERROR if failed else EventKind.RESULT, ended)
    elif kind == "file_change":
        changed = [
            f"{string(c.get('kind'))} {string(c.get('path'))}".strip() for c in items(item.get("changes"))
        ]
        yield Event(EventKind.TOOL, "\n".join(changed), kind)
    else:
        about = {key: value for key, value in item.items() if key not in ("id", "type", "status", "result")}
        yield Event(EventKind.TOOL, _given(about), string(item.get("tool")) or kind or "item")
        yield Event(EventKind.RESULT, _words(item.get("result")))


def _gemini(event: Fields) -> Iterator[Event]:
    kind = event.get("type")
    if kind == "init":
        yield Event(EventKind.NOTE, f"Gemini CLI, model {string(event.get('model')) or 'unknown'}")
    elif kind == "message" and event.get("role") == "assistant":
        yield Event(EventKind.TEXT, string(event.get("content")), goes_on=bool(event.get("delta")))
    elif kind == "tool_use":
        yield Event(EventKind.TOOL, _given(event.get("parameters")), string(event.get("tool_name")))
    elif kind == "tool_result":
        failed = EventKind.ERROR if event.get("status") == "error" else EventKind.RESULT
        yield Event(failed, _words(event.get("output")) or _words(event.get("error")))
    elif kind == "error" or event.get("error"):
        yield Event(EventKind.ERROR, string(event.get("message")) or _words(event.get("error")))


def _goose(event: Fields) -> Iterator[Event]:
    message = mapping(event.get("message"))
    if event.get("type") == "error":
        yield Event(EventKind.ERROR, string(event.get("error")) or string(event.get("message")))
    for block in items(message.get("content")) if event.get("type") == "message" else ():
        kind = block.get("type")
        if kind == "text" and message.get("role") == "assistant":
            yield Event(EventKind.TEXT, string(block.get("text")), goes_on=True)
        elif kind == "thinking":
            yield Event(EventKind.THINKING, string(block.get("thinking")))
        elif kind == "toolRequest":
            call = mapping(mapping(block.get("toolCall")).get("value"))
            yield Event(EventKind.TOOL, _given(call.get("arguments")), string(call.get("name")))
        elif kind == "toolResponse":
            result = mapping(block.get("toolResult"))
            failed = EventKind.ERROR if result.get("status") == "error" else EventKind.RESULT
            yield Event(failed, _words(result.get("value")) or _words(result.get("error")))


def _opencode(event: Fields) -> Iterator[Event]:
    kind, part = event.get("type"), mapping(event.get("part"))
    if kind == "text":
        yield Event(EventKind.TEXT, string(part.get("text")))
    elif kind == "reasoning":
        yield Event(EventKind.THINKING, string(part.get("text")))
    elif kind == "tool_use":
        state = mapping(part.get("state"))
        yield Event(EventKind.TOOL, _given(state.get("input")), string(part.get("tool")))
        if state.get("status") == "error":
            yield Event(EventKind.ERROR, string(state.get("error")))
        else:
            yield Event(EventKind.RESULT, _words(state.get("output")))
    elif kind == "error":
        yield Event(EventKind.ERROR, _words(event.get("error")))


def _given(arguments: object) -> str:
    """What a tool was given: the one text that it has, else its fields, a line each."""
    fields = mapping(arguments)
    if len(fields) == 1 and string(only := next(iter(fields.values()))):
        return str(only)
    return "\n".join(f"{name}: {_value(value)}" for name, value in fields.items() if value not in (None, ""))


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _words(content: object) -> str:
    """The text of a result, whose shape differs much."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(_words, content)))
    fields = mapping(content)
    for key in ("text", "content", "message", "output", "data"):
        if key in fields and (words := _words(fields[key])):
            return words
    return f"({string(fields.get('type'))})" if fields.get("type") else ""


_SAYS: dict[Events, Callable[[Fields], Iterator[Event]]] = {
    Events.CLAUDE: _claude,
    Events.CODEX: _codex,
    Events.GEMINI: _gemini,
    Events.GOOSE: _goose,
    Events.OPENCODE: _opencode,
}
