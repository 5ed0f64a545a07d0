"""opencode: run --format json.

Traps: tokens.input excludes what the cache gave and took; reasoning is not part of output; a cost of 0
stands for an unknown price as often as for nothing; a tool call is told only when it has ended, so none is
ever seen open.
"""

from __future__ import annotations

from typing import Any

from ringmaster_cli.agents.readers.base import (
    Context,
    Heard,
    JsonReader,
    about_tool,
    count,
    dollars,
    mapping,
    spoken,
    string,
    tool_line,
)
from ringmaster_cli.agents.terminal import one_line
from ringmaster_cli.cost import Spent


class OpencodeReader(JsonReader):
    """Reads the events of one run."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._speech = ""

    def _part(self, event: dict[str, Any]) -> dict[str, Any]:
        self.facts.session = string(event.get("sessionID")) or self.facts.session
        return dict(mapping(event.get("part")))

    def on_step_start(self, event: dict[str, Any]) -> None:
        self._part(event)
        self._speech = ""
        self.facts.turn()

    def on_text(self, event: dict[str, Any]) -> Heard:
        text = string(self._part(event).get("text"))
        self._speech = f"{self._speech}\n{text}" if self._speech else text
        self.facts.say(self._speech)
        return Heard(spoken(text))

    def on_reasoning(self, event: dict[str, Any]) -> None:
        self._part(event)
        self.facts.activity += 1

    def on_tool_use(self, event: dict[str, Any]) -> Heard | None:
        part = self._part(event)
        state, key, name = mapping(part.get("state")), string(part.get("callID")), string(part.get("tool"))
        if not self.facts.begin_tool(key, name):
            return None
        self.facts.end_tool(key)
        show = [tool_line(name, about_tool(state.get("input")))]
        if state.get("status") == "error":
            show.append(f"  tool failed: {one_line(string(state.get('error')), 200)}")
        return Heard(show)

    def on_step_finish(self, event: dict[str, Any]) -> None:
        part = self._part(event)
        tokens = mapping(part.get("tokens"))
        cache = mapping(tokens.get("cache"))
        read, written = count(cache.get("read")), count(cache.get("write"))
        reasoning = count(tokens.get("reasoning"))
        cost = dollars(part.get("cost")) or None
        provider, _, model = self.model.partition("/")
        self.facts.spend(
            Spent(
                position=string(part.get("id")) or f"{self.facts.session}:{event.get('timestamp')}",
                provider=provider if model else self.provider,
                model=model or self.model,
                input=count(tokens.get("input")) + read + written,
                cache_read=read,
                cache_write=written,
                output=count(tokens.get("output")) + reasoning,
                reasoning=reasoning,
                reported_usd=cost,
            )
        )
        if cost is not None:
            self.facts.reported_usd = (self.facts.reported_usd or 0.0) + cost
        self.facts.stop_reason = string(part.get("reason"))
        self.facts.refused = self.facts.stop_reason == "content-filter"
        self.facts.activity += 1

    def on_error(self, event: dict[str, Any]) -> Heard:
        self._part(event)
        error = mapping(event.get("error"))
        data = mapping(error.get("data"))
        text = string(data.get("message")) or string(error.get("message")) or string(error.get("name"))
        status = count(data.get("statusCode"))
        return Heard(self.fail(f"{text} (status {status})" if status else text))
