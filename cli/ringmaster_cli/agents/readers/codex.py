"""Codex: exec --json.

Traps: the usage of turn.completed is the thread's so far, not the turn's, so a resumed thread tells its
past again; it covers many requests, which must be priced one by one; it names no model; and it never comes
when the run is ended from outside. The record that Codex keeps of the thread has each request, so that is
read at the end, and the stream's figures count only where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringmaster_cli.agents.faults import classify
from ringmaster_cli.agents.readers.base import (
    EPOCH,
    PANE_LINE,
    Context,
    Heard,
    JsonReader,
    about_tool,
    count,
    items,
    mapping,
    parse,
    spoken,
    string,
    tool_line,
)
from ringmaster_cli.agents.stream import MAX_LINE
from ringmaster_cli.agents.terminal import one_line
from ringmaster_cli.cost import Spent

SPEECH = frozenset({"agent_message", "reasoning", "error"})


class CodexReader(JsonReader):
    """Reads the events of one exec, and the thread's record at the end."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._stream_total: Mapping[str, Any] = {}
        self._told: set[str] = set()

    def on_thread_started(self, event: dict[str, Any]) -> Heard:
        self.facts.session = string(event.get("thread_id"))
        return Heard([f"Codex{', model ' + self.model if self.model else ''}"])

    def on_turn_started(self, event: dict[str, Any]) -> None:
        self.facts.turn()

    def on_item_started(self, event: dict[str, Any]) -> Heard | None:
        item = mapping(event.get("item"))
        kind = string(item.get("type"))
        if kind in SPEECH or kind == "todo_list":
            return None
        name = string(item.get("tool")) or kind
        if self.facts.begin_tool(string(item.get("id")), name):
            return Heard([tool_line(name, about_tool(item) or _paths(item))])
        return None

    def on_item_updated(self, event: dict[str, Any]) -> None:
        self.facts.activity += 1

    def on_item_completed(self, event: dict[str, Any]) -> Heard | None:
        item = mapping(event.get("item"))
        kind, text = string(item.get("type")), string(item.get("text"))
        if kind == "agent_message":
            self.facts.recover()
            self.facts.say(text)
            return Heard(spoken(text))
        if kind == "reasoning":
            self.facts.activity += 1
            self.facts.note = one_line(text, 200)
            return None
        if kind == "error":
            # A warning: errors that end the run come as turn.failed.
            return self.noise(string(item.get("message")))
        self.facts.recover()
        heard = self.on_item_started(event)
        self.facts.end_tool(string(item.get("id")))
        if item.get("status") == "failed":
            failed = f"  failed: exit code {item.get('exit_code')}"
            return Heard([*(heard.show if heard else []), failed])
        return heard

    def on_turn_completed(self, event: dict[str, Any]) -> None:
        self.facts.recover()
        self.facts.finished = True
        self.facts.end_all_tools()
        self._stream_total = mapping(event.get("usage"))
        self.facts.activity += 1

    def on_turn_failed(self, event: dict[str, Any]) -> Heard:
        self.facts.finished = True
        self.facts.end_all_tools()
        return Heard(self.fail(string(mapping(event.get("error")).get("message"))))

    def on_error(self, event: dict[str, Any]) -> Heard:
        """An error that Codex may still get over: the cause if nothing follows."""
        text = string(event.get("message"))
        self.facts.suspect(text, classify(text))
        if text in self._told:
            return Heard()
        self._told.add(text)
        return Heard([f"! {one_line(text, PANE_LINE)}"])

    def close(self) -> None:
        rows = list(self._recorded())
        if not rows and self._stream_total:
            rows = [self._spent(self._stream_total, {}, self.model)]
        for row in rows:
            self.facts.spend(row)

    def _recorded(self) -> Iterator[Spent]:
        """Each request of this run, from the thread's record."""
        before: Mapping[str, Any] = {}
        model = self.model
        for entry in self._entries():
            payload = mapping(entry.get("payload"))
            if entry.get("type") == "turn_context":
                model = string(payload.get("model")) or model
            total = mapping(mapping(payload.get("info")).get("total_token_usage"))
            if payload.get("type") != "token_count" or not total or total == before:
                continue
            if _time(entry) >= self.context.started_at:
                yield self._spent(total, before, model)
            before = total

    def _entries(self) -> Iterator[dict[str, Any]]:
        home = self.context.env.get("CODEX_HOME") or f"{self.context.env.get('HOME', '')}/.codex"
        thread = self.facts.session
        if not thread or "/" in thread or any(sign in thread for sign in "*?["):
            return
        try:
            for path in sorted(Path(home, "sessions").glob(f"*/*/*/rollout-*{thread}.jsonl")):
                with path.open("rb") as file:
                    while raw := file.readline(MAX_LINE):
                        if entry := parse(raw.decode("utf-8", errors="replace")):
                            yield entry
        except OSError:
            return

    def _spent(self, total: Mapping[str, Any], before: Mapping[str, Any], model: str) -> Spent:
        def grown(key: str) -> int:
            return max(0, count(total.get(key)) - count(before.get(key)))

        so_far = count(total.get("input_tokens")) + count(total.get("output_tokens"))
        return Spent(
            position=f"{self.facts.session}:{so_far}",
            provider=self.provider,
            model=model,
            input=grown("input_tokens"),
            cache_read=grown("cached_input_tokens"),
            cache_write=grown("cache_write_input_tokens"),
            output=grown("output_tokens"),
            reasoning=grown("reasoning_output_tokens"),
        )


def _paths(item: Mapping[str, Any]) -> str:
    return " ".join(string(change.get("path")) for change in items(item.get("changes")))


def _time(entry: Mapping[str, Any]) -> datetime:
    try:
        stamp = datetime.fromisoformat(string(entry.get("timestamp")))
    except ValueError:
        return EPOCH
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
