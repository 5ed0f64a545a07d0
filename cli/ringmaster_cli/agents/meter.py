"""What a run has used so far, told while it goes on: budgets may end it between two turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ringmaster_cli.agents.facts import Facts
from ringmaster_cli.cost import Spent, bounded, price, project_price
from ringmaster_operator.resources.rates import Price


@dataclass(frozen=True)
class _Priced:
    row: Spent
    usd: float | None
    own: bool
    """By the project's list: nothing that the agent says counts beside it."""


class Meter:
    """Reads one run's facts. Each request is priced once, and again when its figures have grown.

    A request costs what the project's own list says, else the public one, else the agent.
    """

    def __init__(self, *, at: datetime, prices: Sequence[Price] = ()) -> None:
        self._at = at
        self._prices = prices
        self._known: dict[str, _Priced] = {}

    def read(self, facts: Facts) -> tuple[int, float | None]:
        """Input and output tokens, and US dollars where anyone tells."""
        tokens = sum(row.input + row.output for row in facts.spent.values())
        rows = list(self._priced(facts.spent))
        known = [item.usd for item in rows if item.usd is not None]
        total = None if rows and all(item.own for item in rows) else facts.reported_usd
        usd = max(sum(known), total or 0.0)
        return tokens, bounded(usd) if known or total is not None else None

    def _priced(self, spent: Mapping[str, Spent]) -> Iterator[_Priced]:
        for position, row in spent.items():
            if row.empty and not row.reported_usd:
                continue  # a request that failed
            before = self._known.get(position)
            if before is None or before.row != row:
                before = self._known[position] = self._price(row)
            yield before

    def _price(self, row: Spent) -> _Priced:
        own = project_price(row, self._prices, at=self._at)
        if own is not None:
            return _Priced(row, own, own=True)
        usd = price(row, at=self._at)
        return _Priced(row, row.reported_usd if usd is None else usd, own=False)
