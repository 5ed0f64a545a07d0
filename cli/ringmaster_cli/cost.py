"""What a run of an agent cost.

Each request is priced alone: long-context tiers count per request, so pricing a run's sum can double the
bill. A model without a known price has no cost (None), never 0: who adds up must be able to count what is
missing.
The price table comes as data of a package and is only loaded when there is something to price.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ringmaster_operator.resources.price_table import table_price, table_version
from ringmaster_operator.resources.prices import own_price, price_for
from ringmaster_operator.resources.protocol import MAX_USD, ModelUsage, Usage
from ringmaster_operator.resources.rates import Price


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Tokens of one request, or of one stretch that an agent tells as a whole.

    input includes cache reads and writes, output includes reasoning; cache_write_1h is the part of
    cache_write that is kept for an hour, which costs more.
    """

    position: str
    provider: str = ""
    model: str = ""
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    requests: int = 1
    reported_usd: float | None = None

    def named(self, position: str) -> Spent:
        """The same figures under another position."""
        return replace(self, position=position)

    def largest(self, other: Spent) -> Spent:
        """Figure by figure the larger: agents repeat a request's usage while it still grows."""
        return replace(
            self,
            provider=self.provider or other.provider,
            model=self.model or other.model,
            input=max(self.input, other.input),
            cache_read=max(self.cache_read, other.cache_read),
            cache_write=max(self.cache_write, other.cache_write),
            cache_write_1h=max(self.cache_write_1h, other.cache_write_1h),
            output=max(self.output, other.output),
            reasoning=max(self.reasoning, other.reasoning),
            requests=max(self.requests, other.requests),
            reported_usd=other.reported_usd if self.reported_usd is None else self.reported_usd,
        )

    def plus(self, other: Spent) -> Spent:
        """The sum of two requests under this one's position."""
        reported = [usd for usd in (self.reported_usd, other.reported_usd) if usd is not None]
        return replace(
            self,
            input=self.input + other.input,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            requests=self.requests + other.requests,
            reported_usd=sum(reported) if reported else None,
        )

    @property
    def empty(self) -> bool:
        """No token at all: a request that failed before the model answered."""
        return not (self.input or self.output)


def price_usage(spent: Iterable[Spent], *, reported_usd: float | None, at: datetime) -> Usage:
    """The usage of one iteration, each request priced at its time; reported_usd is the agent's own total."""
    rows = [row for row in spent if not row.empty or row.reported_usd]
    if not rows:
        return Usage(reported_usd=bounded(reported_usd))
    return Usage(
        requests=[_priced(row, at=at) for row in rows],
        reported_usd=bounded(reported_usd),
        price_version=table_version(),
    )


def _priced(row: Spent, *, at: datetime) -> ModelUsage:
    usage = _row(row)
    return usage.model_copy(update={"computed_usd": bounded(table_price(usage, at=at))})


def _row(row: Spent) -> ModelUsage:
    return ModelUsage(
        position=row.position[:128],
        provider=row.provider[:64],
        model=row.model[:128],
        input_tokens=row.input,
        cache_read_tokens=row.cache_read,
        cache_write_tokens=row.cache_write,
        cache_write_hour_tokens=row.cache_write_1h,
        output_tokens=row.output,
        reasoning_tokens=row.reasoning,
        requests=row.requests,
        reported_usd=bounded(row.reported_usd),
    )


def bounded(usd: float | None) -> float | None:
    """As much as a report takes: sums of what agents tell may be any number."""
    return None if usd is None else min(usd, MAX_USD)


def price(row: Spent, *, at: datetime) -> float | None:
    """US dollars of one request by the price table, or None when the model's price is not known."""
    return table_price(_row(row), at=at)


def project_price(row: Spent, prices: Iterable[Price], *, at: datetime) -> float | None:
    """US dollars of one request by the project's own list, or None when that does not list the model."""
    usage = _row(row)
    found = price_for(prices, usage, at.date())
    return None if found is None else own_price(found, usage)
