"""Claude Code: --print --output-format stream-json [--include-partial-messages].

Traps: the usage of a request is repeated with each content block, the early ones with a placeholder for the
output (so the largest per message id counts); input_tokens excludes what the cache gave; requests in the
background (titles, summaries) are only in the result's modelUsage; with --resume, total_cost_usd and
modelUsage are those of the whole conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ringmaster_cli.agents.faults import by_status, classify
from ringmaster_cli.agents.readers.base import (
    PANE_LINE,
    Context,
    Heard,
    JsonReader,
    about_tool,
    count,
    dollars,
    items,
    mapping,
    spoken,
    string,
    tool_line,
)
from ringmaster_cli.agents.terminal import one_line
from ringmaster_cli.cost import Spent
from ringmaster_operator.resources.bead import Reason

TOOL_RESULT = re.compile(r'"tool_use_id"\s*:\s*"([^"]{1,128})"')


class ClaudeReader(JsonReader):
    """Reads stream-json, and the single result object of --output-format json."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.provider = self.provider or "anthropic"
        self._turns: set[str] = set()
        self._current: dict[str, tuple[str, str]] = {}
        self._told: set[str] = set()

    def cut_line(self, head: str, size: int) -> Heard:
        if '"tool_result"' in head and (match := TOOL_RESULT.search(head)):
            self.facts.end_tool(match[1])
        return super().cut_line(head, size)

    def on_system(self, event: dict[str, Any]) -> Heard | None:
        self.facts.session = string(event.get("session_id")) or self.facts.session
        subtype = event.get("subtype")
        if subtype == "init":
            self.model = string(event.get("model")) or self.model
            return Heard([f"Claude Code, model {self.model or 'unknown'}"])
        if subtype == "api_retry":
            return self._retry(event)
        return None

    def _retry(self, event: dict[str, Any]) -> Heard:
        """The model's service failed and is asked again: not progress, but the cause if nothing follows."""
        status, words = count(event.get("error_status")), string(event.get("error"))
        text = f"API error {status or ''} {words}"
        self.facts.suspect(text, by_status(status) or classify(words) or Reason.PROVIDER)
        if text in self._told:
            return Heard()
        self._told.add(text)
        return Heard([f"! {one_line(text, PANE_LINE)}: trying again"])

    def on_stream_event(self, event: dict[str, Any]) -> Heard:
        inner, where = mapping(event.get("event")), string(event.get("parent_tool_use_id"))
        kind = inner.get("type")
        if kind == "message_start":
            message = mapping(inner.get("message"))
            self._current[where] = (string(message.get("id")), string(message.get("model")))
            self._message_began(message)
        elif kind == "content_block_delta":
            self.facts.activity += 1
        elif kind == "message_delta":
            key, model = self._current.get(where, ("", ""))
            delta = mapping(inner.get("delta"))
            self._stop(delta)
            if key:
                self.facts.spend(self._spent(key, model, mapping(inner.get("usage"))))
        return Heard(keep=False)

    def _message_began(self, message: Mapping[str, Any]) -> None:
        key = string(message.get("id"))
        if key and key not in self._turns:
            self._turns.add(key)
            self.facts.turn()
            self.facts.recover()
        if key and mapping(message.get("usage")):
            self.facts.spend(self._spent(key, string(message.get("model")), mapping(message.get("usage"))))

    def _stop(self, message: Mapping[str, Any]) -> None:
        if reason := string(message.get("stop_reason")):
            self.facts.stop_reason = reason
            self.facts.refused = reason == "refusal"

    def on_assistant(self, event: dict[str, Any]) -> Heard:
        message = mapping(event.get("message"))
        if message.get("model") == "<synthetic>":
            # Claude Code's own words about an error; the result that follows has them too.
            return Heard()
        self._message_began(message)
        self._stop(message)
        show: list[str] = []
        inside = bool(event.get("parent_tool_use_id"))
        for block in items(message.get("content")):
            if block.get("type") == "text" and not inside:
                self.facts.say(string(block.get("text")))
                show += spoken(string(block.get("text")))
            elif block.get("type") in ("tool_use", "server_tool_use"):
                name = string(block.get("name"))
                if block.get("type") == "server_tool_use":
                    self.facts.tool_calls += 1
                elif not self.facts.begin_tool(string(block.get("id")), name):
                    continue
                show.append(tool_line(name, about_tool(block.get("input"))))
        return Heard(show)

    def on_user(self, event: dict[str, Any]) -> Heard | None:
        show: list[str] = []
        for block in items(mapping(event.get("message")).get("content")):
            if block.get("type") == "tool_result":
                self.facts.end_tool(string(block.get("tool_use_id")))
                if block.get("is_error"):
                    show.append(one_line(f"  tool failed: {_text(block.get('content'))}", 200))
        return Heard(show)

    def on_result(self, event: dict[str, Any]) -> Heard:
        facts = self.facts
        facts.finished = True
        facts.session = string(event.get("session_id")) or facts.session
        facts.end_all_tools()
        text, subtype = string(event.get("result")), string(event.get("subtype"))
        self._stop(event)
        self._totals(event)
        if event.get("is_error") or subtype not in ("", "success"):
            words = text or "; ".join(_strings(event.get("errors"))) or subtype.replace("_", " ")
            facts.fail(words, by_status(count(event.get("api_error_status"))) or classify(words))
            return Heard([f"! {one_line(words, PANE_LINE)}"])
        facts.recover()
        facts.say(text)
        return Heard()

    def _totals(self, event: dict[str, Any]) -> None:
        """The run's cost, and what its totals have beyond the requests seen in the stream."""
        since = event.get("model_usage_since_last_result")
        per_model = mapping(since if isinstance(since, dict) else event.get("modelUsage"))
        if isinstance(since, dict):
            costs = [dollars(mapping(figures).get("costUSD")) for figures in since.values()]
            self.facts.reported_usd = sum(cost for cost in costs if cost is not None)
        elif not self.context.resumed:
            # A sum that only grows: a later line that says less is not the program's.
            told = [self.facts.reported_usd, dollars(event.get("total_cost_usd"))]
            self.facts.reported_usd = max((usd for usd in told if usd is not None), default=None)
        else:
            # Totals of the whole conversation: what of it is this run's cannot be told.
            return
        seen: dict[str, Spent] = {}
        for row in self.facts.spent.values():
            seen[row.model] = seen[row.model].plus(row) if row.model in seen else row
        position = string(event.get("uuid")) or self.facts.session or "result"
        if not per_model and not seen:
            self.facts.spend(self._spent(position, self.model, mapping(event.get("usage"))))
        for model, figures in per_model.items():
            total = _model_usage(f"{position}:{model}", model, mapping(figures))
            known = seen.get(model) or next((row for name, row in seen.items() if _same(name, model)), None)
            rest = total if known is None else _minus(total, known)
            if not rest.empty:
                self.facts.spend(rest)

    def _spent(self, key: str, model: str, usage: Mapping[str, Any]) -> Spent:
        read, written = (
            count(usage.get("cache_read_input_tokens")),
            count(usage.get("cache_creation_input_tokens")),
        )
        split = mapping(usage.get("cache_creation"))
        return Spent(
            position=key,
            provider=self.provider,
            model=model or self.model,
            input=count(usage.get("input_tokens")) + read + written,
            cache_read=read,
            cache_write=written,
            cache_write_1h=count(split.get("ephemeral_1h_input_tokens")),
            output=count(usage.get("output_tokens")),
        )


def _model_usage(position: str, model: str, figures: Mapping[str, Any]) -> Spent:
    read, written = count(figures.get("cacheReadInputTokens")), count(figures.get("cacheCreationInputTokens"))
    return Spent(
        position=position,
        provider="anthropic",
        model=model,
        input=count(figures.get("inputTokens")) + read + written,
        cache_read=read,
        cache_write=written,
        cache_write_1h=count(figures.get("cacheCreationEphemeral1hInputTokens")),
        output=count(figures.get("outputTokens")),
    )


def _minus(total: Spent, known: Spent) -> Spent:
    return Spent(
        position=total.position,
        provider=total.provider,
        model=total.model,
        input=max(0, total.input - known.input),
        cache_read=max(0, total.cache_read - known.cache_read),
        cache_write=max(0, total.cache_write - known.cache_write),
        cache_write_1h=max(0, total.cache_write_1h - known.cache_write_1h),
        output=max(0, total.output - known.output),
    )


def _same(one: str, other: str) -> bool:
    """Whether two names mean one model: a dated name begins with the short one."""
    return one.startswith(other) or other.startswith(one)


def _strings(value: object) -> list[str]:
    return [string(entry) for entry in value if string(entry)] if isinstance(value, list) else []


def _text(content: object) -> str:
    return string(content) or " ".join(string(block.get("text")) for block in items(content))
