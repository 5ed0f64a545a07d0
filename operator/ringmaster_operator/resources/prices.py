"""Price lists: the project's own, for models that no public list knows or that cost it something else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from fnmatch import fnmatchcase

from ringmaster_operator.resources.protocol import MAX_USD, ModelUsage, Usage
from ringmaster_operator.resources.rates import Price

MILLION = 1_000_000


def price_for(prices: Iterable[Price], row: ModelUsage, day: date) -> Price | None:
    """The price that holds: the one whose name says the most, of these the latest; None: not listed."""
    fitting = [
        price
        for price in prices
        if (price.since is None or price.since <= day)
        and price.provider in ("", row.provider)
        and fnmatchcase(row.model, _pattern(price.model))
    ]
    return max(fitting, key=lambda price: (_weight(price), price.since or date.min), default=None)


def in_force(prices: Iterable[Price], day: date) -> list[Price]:
    """Those that may count on a day: of each name the latest that has begun."""
    begun = [price for price in prices if price.since is None or price.since <= day]
    latest: dict[tuple[str, str], Price] = {}
    for price in begun:
        other = latest.setdefault((price.provider, price.model), price)
        if (price.since or date.min) > (other.since or date.min):
            latest[price.provider, price.model] = price
    return [price for price in begun if latest[price.provider, price.model] is price]


def _pattern(model: str) -> str:
    """Only * is special."""
    return model.replace("[", "[[]").replace("?", "[?]")


def _weight(price: Price) -> tuple[bool, int, bool]:
    return "*" not in price.model, len(price.model), bool(price.provider)


def own_price(price: Price, row: ModelUsage) -> float:
    """US dollars of one row. Figures that contradict each other (more cached than sent) are evened out.

    At most MAX_USD: no request costs more.
    """
    read = min(row.cache_read_tokens, row.input_tokens)
    written = min(row.cache_write_tokens, row.input_tokens - read)
    hour = min(row.cache_write_hour_tokens, written)
    thought = min(row.reasoning_tokens, row.output_tokens)
    write = price.input if price.cache_write is None else price.cache_write
    parts = (
        ((row.input_tokens - read - written), price.input),
        (read, price.input if price.cached_input is None else price.cached_input),
        (written - hour, write),
        (hour, write if price.cache_write_hour is None else price.cache_write_hour),
        (row.output_tokens - thought, price.output),
        (thought, price.output if price.reasoning is None else price.reasoning),
    )
    usd = sum(tokens * rate for tokens, rate in parts) / MILLION + row.requests * price.request
    return min(usd, MAX_USD)


def version_of(price: Price) -> str:
    """How the history names the list that a figure is from."""
    return f"project {price.since}" if price.since else "project"


def priced(usage: Usage, prices: Iterable[Price], at: datetime) -> Usage:
    """The usage with the project's own prices in place of others, for the models that it lists."""
    prices = list(prices)
    if not prices:
        return usage
    return usage.model_copy(update={"requests": [_priced(row, prices, at.date()) for row in usage.requests]})


def _priced(row: ModelUsage, prices: list[Price], day: date) -> ModelUsage:
    price = price_for(prices, row, day)
    if price is None:
        return row
    return row.model_copy(update={"computed_usd": own_price(price, row), "price_version": version_of(price)})
