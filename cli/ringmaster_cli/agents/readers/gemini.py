"""Gemini CLI: --output-format stream-json, or json.

Traps: prompt tokens include the cached ones; thoughts are billed as output but told apart; totals come
once, at the end, summed over all requests of a model, so their number is counted along the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ringmaster_cli.agents.faults import classify
from ringmaster_cli.agents.readers.base import (
    PANE_LINE,
    Context,
    Heard,
    JsonReader,
    about_tool,
    count,
    mapping,
    parse,
    spoken,
    string,
    tool_line,
)
from ringmaster_cli.agents.terminal import one_line
from ringmaster_cli.cost import Spent


class GeminiReader(JsonReader):
    """Reads the events; a single JSON object over many lines is read at the end."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.provider = self.provider or "google"
        self._speech = ""
        self._answering = False
        self._document: list[str] = []

    def line(self, text: str) -> Heard:
        if text.strip() == "{" or self._document:
            self._document.append(text)
            self._document = self._document[-20_000:]
            return Heard()
        return super().line(text)

    def close(self) -> None:
        if document := parse("\n".join(self._document)):
            self.facts.session = string(document.get("session_id")) or self.facts.session
            self.on_result(document)
            self.facts.say(string(document.get("response")))

    def on_init(self, event: dict[str, Any]) -> Heard:
        self.facts.session = string(event.get("session_id"))
        self.model = string(event.get("model")) or self.model
        return Heard([f"Gemini CLI, model {self.model or 'unknown'}"])

    def on_message(self, event: dict[str, Any]) -> Heard | None:
        if event.get("role") != "assistant":
            return None
        self._request()
        text = string(event.get("content"))
        # A delta goes on with the words before it; anything else stands for itself.
        self._speech = (self._speech if event.get("delta") else "") + text
        self.facts.say(self._speech)
        return Heard(spoken(text))

    def _request(self) -> None:
        """The model's first sign of life after the tools' results: another request."""
        if not self._answering:
            self._answering = True
            self.facts.turn()

    def on_tool_use(self, event: dict[str, Any]) -> Heard | None:
        self._request()
        self._speech = ""
        name = string(event.get("tool_name"))
        if not self.facts.begin_tool(string(event.get("tool_id")), name):
            return None
        return Heard([tool_line(name, about_tool(event.get("parameters")))])

    def on_tool_result(self, event: dict[str, Any]) -> Heard | None:
        self._answering = False
        self.facts.end_tool(string(event.get("tool_id")))
        if event.get("status") == "error":
            return Heard([f"  tool failed: {one_line(_message(event), 200)}"])
        return None

    def on_error(self, event: dict[str, Any]) -> Heard:
        text = _message(event)
        if event.get("severity") != "warning":
            self.facts.suspect(text, classify(text))
        return Heard([f"! {one_line(text, PANE_LINE)}"])

    def on_result(self, event: dict[str, Any]) -> Heard | None:
        self.facts.finished = True
        self.facts.end_all_tools()
        self._totals(mapping(event.get("stats")))
        if event.get("status") == "error" or event.get("error"):
            return Heard(self.fail(_message(event)))
        self.facts.recover()
        return None

    def _totals(self, stats: Mapping[str, Any]) -> None:
        models = mapping(stats.get("models"))
        for model, figures in models.items():
            self.facts.spend(self._of_model(model, mapping(figures)))
        if not models and stats:
            self.facts.spend(
                Spent(
                    position=self._position(self.model),
                    provider=self.provider,
                    model=self.model,
                    input=count(stats.get("input_tokens")),
                    cache_read=count(stats.get("cached")),
                    output=max(
                        count(stats.get("output_tokens")),
                        count(stats.get("total_tokens")) - count(stats.get("input_tokens")),
                    ),
                )
            )

    def _of_model(self, model: str, figures: Mapping[str, Any]) -> Spent:
        """Figures of --output-format json are nested; those of stream-json are flat."""
        tokens = mapping(figures.get("tokens"))
        if tokens:
            thoughts = count(tokens.get("thoughts"))
            return Spent(
                position=self._position(model),
                provider=self.provider,
                model=model,
                input=count(tokens.get("prompt")) + count(tokens.get("tool")),
                cache_read=count(tokens.get("cached")),
                output=count(tokens.get("candidates")) + thoughts,
                reasoning=thoughts,
                requests=count(mapping(figures.get("api")).get("totalRequests")) or 1,
            )
        prompt, written = count(figures.get("input_tokens")), count(figures.get("output_tokens"))
        thoughts = max(0, count(figures.get("total_tokens")) - prompt - written)
        return Spent(
            position=self._position(model),
            provider=self.provider,
            model=model,
            input=prompt,
            cache_read=count(figures.get("cached")),
            output=written + thoughts,
            reasoning=thoughts,
            requests=max(1, self.facts.turns),
        )

    def _position(self, model: str) -> str:
        stamp = self.context.started_at.isoformat(timespec="seconds")
        return f"{self.facts.session}:{stamp}:{model}"


def _message(event: Mapping[str, Any]) -> str:
    error = event.get("error")
    return (
        string(mapping(error).get("message"))
        or string(error)
        or string(event.get("message"))
        or string(event.get("output"))
    )
