"""Prices that come late: requests that had none get one when a list knows their model.

They are looked at when the operator starts, when a project's own list changes, and when a person asks. What
has a price is never priced again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Amount
from ringmaster_operator.claims.bead_costs import BeadCosts
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import Gap, History, HistoryError, Unpriced
from ringmaster_operator.resources.price_table import table_price, table_version
from ringmaster_operator.resources.prices import own_price, price_for, version_of
from ringmaster_operator.resources.protocol import ModelUsage
from ringmaster_operator.resources.rates import Price

log = logging.getLogger(__name__)

BATCH = 500
"""Rows in one write: others wait for it."""
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Repriced:
    """What a look at all rows without a price came to."""

    rows: int
    usd: float
    """What the books gained, in US dollars: nothing where the agent's own total counted already."""


class Prices:
    """Gives prices to what has none."""

    def __init__(
        self, *, board: Board, history: History, funds: Funds, beads: BeadCosts, clock: Clock
    ) -> None:
        self._board = board
        self._history = history
        self._funds = funds
        self._beads = beads
        self._clock = clock
        self._turn = asyncio.Lock()
        self._due = asyncio.Event()
        self._due.set()
        self._seen: dict[str, list[Price]] = {}

    def changed(self) -> None:
        """A project's settings have changed."""
        self._due.set()

    async def run(self) -> None:
        """Price what can be priced, whenever a list has changed, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._all()
            except HistoryError as error:
                log.warning("requests without a price are looked at later: %s", error)
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)

    async def _all(self) -> None:
        gaps = await self._history.price_gaps(namespace="")
        for namespace in dict.fromkeys(gap.namespace for gap in gaps):
            prices = self._own(namespace)
            if self._seen.get(namespace) != prices:
                await self.reprice(namespace)
                self._seen[namespace] = prices

    def _own(self, namespace: str) -> list[Price]:
        project = self._board.project(namespace)
        return list(project.prices) if project is not None else []

    async def reprice(self, namespace: str) -> Repriced:
        """Price the rows of a namespace that have no price and can have one. Raises HistoryError."""
        async with self._turn:
            prices, rows, usd = self._own(namespace), 0, 0.0
            for gap in await self._history.price_gaps(namespace=namespace):
                if await asyncio.to_thread(_has_price, gap, prices):
                    done = await self._close(gap, prices)
                    rows, usd = rows + done.rows, usd + done.usd
        if rows:
            log.info("%s: %d usage rows that had no price have one, $%.4f more", namespace, rows, usd)
        return Repriced(rows, usd)

    async def _close(self, gap: Gap, prices: list[Price]) -> Repriced:
        after, rows, usd = 0, 0, 0.0
        while batch := await self._history.unpriced_usage(gap=gap, after=after, limit=BATCH):
            after = batch[-1].id
            found = await asyncio.to_thread(_priced, batch, prices)
            if found:
                rows += len(found)
                usd += await self._set(found)
                priced = {row_id for row_id, _, _ in found}
                self._beads.concerned(row.bead_uid for row in batch if row.id in priced)
        return Repriced(rows, usd)

    async def _set(self, found: list[tuple[int, float, str]]) -> float:
        corrections = await self._history.set_prices(found=found, now=self._clock.now())
        for item in corrections:
            self._funds.late(item.namespace, item.worker, item.account, Amount(item.usd, 0), item.at)
        return sum(item.usd for item in corrections)


def _has_price(gap: Gap, prices: list[Price]) -> bool:
    """Whether any of its rows can have one: models that nobody knows may have a million."""
    sample = ModelUsage.model_construct(position="1", provider=gap.provider, model=gap.model, input_tokens=1)
    return _price(sample, prices, gap.last)[0] is not None


def _priced(rows: Iterable[Unpriced], prices: list[Price]) -> list[tuple[int, float, str]]:
    found = [(row.id, *_price(row.usage, prices, row.at)) for row in rows]
    return [(row_id, usd, version) for row_id, usd, version in found if usd is not None]


def _price(usage: ModelUsage, prices: list[Price], at: datetime) -> tuple[float | None, str]:
    own = price_for(prices, usage, at.date())
    if own is not None:
        return own_price(own, usage), version_of(own)
    try:
        return table_price(usage, at=at), table_version()
    except Exception as error:  # one row that the list chokes on keeps no other from its price
        log.warning("%s cannot be priced: %s", usage.model, error)
        return None, ""
