"""What all readers share.

A reader never fails on its input: a line that it does not understand is noise, shown to the person who
watches and kept as a possible cause, but not progress. Formats change between versions, so every field is
optional.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ringmaster_cli.agents.facts import Facts, clip
from ringmaster_cli.agents.faults import classify
from ringmaster_cli.agents.terminal import one_line, plain
from ringmaster_operator.resources.protocol import MAX_USD

PANE_LINE = 400
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a reader knows of the run besides its output."""

    provider: str = ""
    """Whose prices count where the stream doesn't say."""
    model: str = ""
    """The model asked for; a stream that names one knows better."""
    resumed: bool = False
    """An earlier conversation goes on: totals that the agent tells may include it."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Where the agent keeps its own records."""
    started_at: datetime = EPOCH


@dataclass(frozen=True)
class Heard:
    """What one line of output means to those who watch."""

    show: list[str] = field(default_factory=list)
    """Lines for a person."""
    keep: bool = True
    """Whether the raw line belongs in the transcript: fragments of what comes whole later do not."""


class Reader(ABC):
    """Reads one run. Subclasses understand standard output; standard error is noise for all of them."""

    def __init__(self, context: Context) -> None:
        self.facts = Facts()
        self.context = context
        self.provider = context.provider
        self.model = context.model

    @abstractmethod
    def line(self, text: str) -> Heard:
        """One line of standard output, without its end."""

    def error_line(self, text: str) -> Heard:
        """One line of standard error."""
        return self.noise(text)

    def cut_line(self, head: str, size: int) -> Heard:
        """The beginning of a line of size bytes that was too long to be held."""
        return Heard([f"({size:,} bytes on one line, not read) {one_line(head, 80)}"])

    def close(self) -> None:  # noqa: B027 - most formats leave nothing pending
        """The stream has ended: whatever was pending counts now."""

    def noise(self, text: str) -> Heard:
        """A line that is no event."""
        words = plain(text).strip()
        if not words:
            return Heard()
        self.facts.tail.append(clip(words, 1000))
        return Heard([one_line(words, PANE_LINE)])


class JsonReader(Reader):
    """Reads JSON lines: dispatches on each event's type to the method on_<type>."""

    def line(self, text: str) -> Heard:
        event = parse(text)
        if event is None:
            return self.noise(text)
        kind = string(event.get("type")).replace(".", "_").replace("-", "_")
        handler: Callable[[dict[str, Any]], Heard | None] | None = getattr(self, f"on_{kind}", None)
        return (handler(event) if handler else None) or Heard()

    def fail(self, text: str) -> list[str]:
        """An error event of the agent; returns what to show. The same words again are no news."""
        text = text.strip() or "the agent reported an error without words"
        self.facts.fail(text, classify(text))
        return [f"! {one_line(text, PANE_LINE)}"]


def parse(text: str) -> dict[str, Any] | None:
    """A JSON object on a line of its own, or None."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def string(value: object) -> str:
    """The value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of tokens: 0 for what is missing, negative or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**12:
        return 0
    return int(value)


def dollars(value: object) -> float | None:
    """An amount of money, None for what is missing or no amount: a million dollars at most."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_USD:
        return None
    return float(value)


def tool_line(name: str, about: object = "") -> str:
    """How the beginning of a tool call is shown."""
    return one_line(f"> {name} {about}".rstrip(), PANE_LINE)


def about_tool(arguments: object) -> str:
    """What a tool call is about: the argument that tells a person most."""
    fields = mapping(arguments)
    for key in ("command", "file_path", "filePath", "path", "pattern", "query", "url", "description"):
        value = fields.get(key)
        if isinstance(value, list):
            return " ".join(string(part) for part in value)
        if string(value):
            return string(value)
    return ""


def spoken(text: str) -> list[str]:
    """The agent's words as lines for a person, a long speech shortened."""
    lines = [one_line(line, PANE_LINE) for line in clip(text, 20_000).splitlines() if line.strip()]
    return lines if len(lines) <= 40 else [*lines[:39], f"… {len(lines) - 39} more lines"]
