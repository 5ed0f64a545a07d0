"""aider: plain text with a line of tokens and one of money after each answer.

Traps: figures are rounded ("1.2k"); cached tokens are part of those sent; the session's cost includes earlier
messages, so each message's own is added up.
"""

from __future__ import annotations

import re

from ringmaster_cli.agents.faults import classify
from ringmaster_cli.agents.readers.base import Context, Heard
from ringmaster_cli.agents.readers.text import TextReader
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.cost import Spent

NUMBER = r"([\d.,]+)\s*([kKmM]?)"
SENT = re.compile(rf"^[>\s]*Tokens:\s*{NUMBER} sent")
RECEIVED = re.compile(rf"{NUMBER} received")
CACHE_WRITE = re.compile(rf"{NUMBER} cache write")
CACHE_HIT = re.compile(rf"{NUMBER} cache hit")
MONEY = re.compile(r"Cost:\s*\$([\d.]+) message")
MODEL = re.compile(r"^(?:Main )?[Mm]odel: (\S+)")
EDITED = re.compile(r"^Applied edit to (.+)$")
FAULT = re.compile(
    r"^(?:litellm\.|The API provider|Unable to|.*(?:APIError|AuthenticationError|RateLimitError))"
)
FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}


class AiderReader(TextReader):
    """Reads lines of text, and the figures among them."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._number = 0

    def line(self, text: str) -> Heard:
        words = plain(text).strip()
        if match := MODEL.match(words):
            self.model = match[1]
        elif EDITED.match(words):
            self.facts.tool_calls += 1
            self.facts.activity += 1
        elif match := SENT.match(words):
            self._request(words, _tokens(match))
            return Heard([words])
        elif FAULT.match(words):
            self.facts.suspect(words, classify(words))
        return super().line(text)

    def close(self) -> None:
        super().close()
        if self.facts.error_text and not self.facts.spent:
            # aider exits 0 after an error of the model's service.
            self.facts.is_error = True

    def _request(self, words: str, sent: int) -> None:
        self._number += 1
        self.facts.turn()
        self.facts.recover()
        money = MONEY.search(words)
        usd = float(money[1]) if money else None
        stamp = self.context.started_at.isoformat(timespec="seconds")
        self.facts.spend(
            Spent(
                position=f"{stamp}:{self._number}",
                provider=self.provider,
                model=self.model,
                input=sent,
                cache_read=_tokens(CACHE_HIT.search(words)),
                cache_write=_tokens(CACHE_WRITE.search(words)),
                output=_tokens(RECEIVED.search(words)),
                reported_usd=usd,
            )
        )
        if usd is not None:
            self.facts.reported_usd = (self.facts.reported_usd or 0.0) + usd


def _tokens(match: re.Match[str] | None) -> int:
    if match is None:
        return 0
    try:
        return round(float(match[1].replace(",", "")) * FACTORS[match[2].lower()])
    except ValueError:
        return 0
