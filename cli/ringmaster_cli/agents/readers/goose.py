"""goose: run --output-format stream-json.

Traps: words come in pieces that share a message id; the tokens at the end are one sum for the whole
session, and only newer versions tell input and output apart; there are no figures for the cache, and no
dollars.
"""

from __future__ import annotations

from typing import Any

from ringmaster_cli.agents.readers.base import (
    Context,
    Heard,
    JsonReader,
    about_tool,
    count,
    items,
    mapping,
    spoken,
    string,
    tool_line,
)
from ringmaster_cli.cost import Spent


class GooseReader(JsonReader):
    """Reads the messages of one run."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._message: object = None
        self._speech = ""

    def on_message(self, event: dict[str, Any]) -> Heard:
        message = mapping(event.get("message"))
        show: list[str] = []
        if message.get("role") == "assistant" and (
            self._message is None or message.get("id") != self._message
        ):
            self._message, self._speech = message.get("id") or "", ""
            self.facts.turn()
        for block in items(message.get("content")):
            kind = block.get("type")
            if kind == "text" and message.get("role") == "assistant":
                text = string(block.get("text"))
                self._speech += text
                self.facts.say(self._speech)
                show += spoken(text)
            elif kind == "toolRequest":
                call = mapping(mapping(block.get("toolCall")).get("value"))
                name = string(call.get("name"))
                if self.facts.begin_tool(string(block.get("id")), name):
                    show.append(tool_line(name, about_tool(call.get("arguments"))))
            elif kind == "toolResponse":
                self.facts.end_tool(string(block.get("id")))
        return Heard(show)

    def on_complete(self, event: dict[str, Any]) -> None:
        self.facts.finished = True
        self.facts.end_all_tools()
        read, written = count(event.get("input_tokens")), count(event.get("output_tokens"))
        total = count(event.get("total_tokens"))
        # What is not told apart counts as input: it mostly is.
        stamp = self.context.started_at.isoformat(timespec="seconds")
        self.facts.spend(
            Spent(
                position=f"{self.facts.session or 'goose'}:{stamp}",
                provider=self.provider,
                model=self.model,
                input=read or max(0, total - written),
                output=max(written, total - read) if read else written,
            )
        )

    def on_error(self, event: dict[str, Any]) -> Heard:
        return Heard(self.fail(string(event.get("error")) or string(event.get("message"))))
