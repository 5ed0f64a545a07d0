"""What a run has used so far, told while it goes on: budgets may end it between two turns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ringmaster_cli.agents.facts import Facts
from ringmaster_cli.cost import Spent, bounded, price


class Meter:
    """Reads one run's facts. Each request is priced once, and again when its figures have grown."""

    def __init__(self, *, at: datetime) -> None:
        self._at = at
        self._priced: dict[str, tuple[Spent, float | None]] = {}

    def read(self, facts: Facts) -> tuple[int, float | None]:
        """Input and output tokens, and US dollars where anyone tells."""
        tokens = sum(row.input + row.output for row in facts.spent.values())
        known = [usd for usd in self._prices(facts.spent) if usd is not None]
        usd = max(sum(known), facts.reported_usd or 0.0)
        return tokens, bounded(usd) if known or facts.reported_usd is not None else None

    def _prices(self, spent: Mapping[str, Spent]) -> list[float | None]:
        found: list[float | None] = []
        for position, row in spent.items():
            before = self._priced.get(position)
            if before is None or before[0] != row:
                usd = price(row, at=self._at)
                before = self._priced[position] = (row, row.reported_usd if usd is None else usd)
            found.append(before[1])
        return found
