"""The bodies of the people's API about costs: sums by groups, what is still to come, prices."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.rates import Price
from ringmaster_operator.resources.scalars import Time

DIFFERS = 0.05
"""Share of the larger from which on the agent's figure and ours are said to differ."""


class CostSums(Model):
    """What was used. Where capabilities divide a claim's costs, tokens and requests are divided too."""

    usd: float = 0.0
    """US dollars of tokens and requests."""
    infrastructure_usd: float = 0.0
    """US dollars of the sessions' time; not part of usd."""
    tokens: float = 0
    """Input and output."""
    input_tokens: float = 0
    """With those read from and written to caches."""
    cache_read_tokens: float = 0
    cache_write_tokens: float = 0
    output_tokens: float = 0
    """With those of reasoning."""
    reasoning_tokens: float = 0
    requests: float = 0
    unpriced_requests: float = 0
    """Requests that nobody knows a price for: usd may be too low by these."""
    seconds: float = 0
    """Of iterations."""
    attempts: int = 0
    """Claims that used something."""
    agent_usd: float = 0.0
    """What agents say of the iterations that they and the price lists price in whole."""
    compared_usd: float = 0.0
    """What the price lists say of the same iterations."""
    differs: bool = False
    """Whether these two differ by more than 5 %."""


class CostGroup(CostSums):
    """The sums of one group."""

    keys: list[str]
    """Its value of each grouping, in order; empty where there is none."""


class CostReport(Model):
    """Costs by groups."""

    by: list[str]
    since: date | None = None
    until: date | None = None
    total: CostSums
    """Of all groups, on all pages."""
    items: list[CostGroup]
    next: str | None = None


class Expected(Model):
    """US dollars at the end."""

    spent: float
    """So far."""
    expected: float | None = None
    """None: nothing is known to reckon with."""
    low: float | None = None
    high: float | None = None
    """Four times in five the end is between these; None: too little is known."""
    method: str
    """What was reckoned from what, in words."""


class MonthForecast(Expected):
    """At the end of the month (UTC)."""

    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]


class EpicForecast(Expected):
    """When all that belongs to an epic is done."""

    epic: str
    open: int
    """Beads that are still to be done."""
    done: int
    """Beads that have succeeded."""


class CostForecast(Model):
    """What is still to come, beside the budgets."""

    month: MonthForecast
    epic: EpicForecast | None = None
    budgets: list[BudgetState]


class PriceGap(Model):
    """A model that nobody knows a price for."""

    provider: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    first: Time
    last: Time


class Prices(Model):
    """Where prices are from, and where there are none."""

    table: str
    """Name and version of the public list."""
    own: list[Price]
    """The project's list, which goes first."""
    gaps: list[PriceGap]


class RepriceAnswer(Model):
    """What was priced, and what has still no price."""

    rows: int
    """Usage rows that have a price since."""
    usd: float
    """What the books gained; nothing where an agent's total counted already."""
    gaps: list[PriceGap]
