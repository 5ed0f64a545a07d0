"""What a usage comes to: one rule for the bead's own books and for the history's.

A request costs what the price table says, else what the agent says of it. Where some have neither, the
agent's own total counts if it is more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ringmaster_operator.resources.protocol import ModelUsage, Usage

LONGEST_SECONDS = 604_800.0
"""No iteration is longer: a week is the longest timeout."""


@dataclass(frozen=True)
class Bill:
    """Sums of one usage."""

    usd: float = 0.0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0
    """Requests whose price nobody knows: usd is too low by these."""
    lump_usd: float = 0.0
    """The part of usd that no single request carries."""

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Priced(Protocol):
    """A row with the two prices that it may have, in US dollars."""

    @property
    def computed_usd(self) -> float | None: ...
    @property
    def reported_usd(self) -> float | None: ...


class Counted(Priced, Protocol):
    """With its tokens."""

    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...


def price_of(row: Priced) -> float | None:
    """US dollars of one row; None when nobody knows."""
    return row.computed_usd if row.computed_usd is not None else row.reported_usd


def bill(usage: Usage) -> Bill:
    """Add up a usage; of two readings of one position the larger counts."""
    return bill_of(readings(usage).values(), usage.reported_usd)


def bill_of(rows: Collection[ModelUsage], reported_usd: float | None) -> Bill:
    """Add up rows of as many positions; `reported_usd` is the agent's own total of them."""
    priced, unpriced, sent, cached, received = 0.0, 0, 0, 0, 0
    for row in rows:
        usd = price_of(row)
        if usd is None:
            unpriced += row.requests
        else:
            priced += usd
        sent += row.input_tokens
        cached += row.cache_read_tokens
        received += row.output_tokens
    lump = 0.0
    if reported_usd is not None and (unpriced or not rows):
        lump, unpriced = max(0.0, reported_usd - priced), 0
    return Bill(
        usd=priced + lump,
        input_tokens=sent,
        cached_input_tokens=cached,
        output_tokens=received,
        unpriced=unpriced,
        lump_usd=lump,
    )


def session_seconds(started: datetime, finished: datetime) -> float:
    """Seconds of an iteration by its worker's clock; a clock that was set meanwhile is no cost."""
    return min(max(0.0, (finished - started).total_seconds()), LONGEST_SECONDS)


def main_model(rows: Iterable[ModelUsage]) -> tuple[str, str] | None:
    """Provider and model that the most tokens were used of; None when no request is told."""
    best = max(rows, key=lambda row: row.input_tokens + row.output_tokens, default=None)
    return None if best is None else (best.provider, best.model)


def readings(usage: Usage) -> dict[str, ModelUsage]:
    """The rows by position: agents repeat their figures, and the larger reading is the later one."""
    found: dict[str, ModelUsage] = {}
    for row in usage.requests:
        other = found.get(row.position)
        if other is None or size(row) > size(other):
            found[row.position] = row
    return found


def size(row: Counted) -> tuple[int, float]:
    """What of two readings of a position tells which is the later one."""
    return row.input_tokens + row.output_tokens, price_of(row) or 0.0


def without_dollars(usage: Usage) -> Usage:
    """The same tokens under a plan that is paid as a whole: each request costs nothing more."""
    rows = [row.model_copy(update={"computed_usd": 0.0, "reported_usd": None}) for row in usage.requests]
    return Usage(requests=rows, price_version="flat rate")
