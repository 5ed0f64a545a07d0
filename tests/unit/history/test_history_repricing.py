"""Prices that come late: which rows they reach, in how many steps, and what the budgets hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Amount
from ringmaster_operator.board.reporting import add
from ringmaster_operator.claims import prices as module
from ringmaster_operator.claims.bead_costs import BeadCosts, corrected
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.prices import Prices
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import BeadSums, History, Question
from ringmaster_operator.resources.bead_status import Cost
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.protocol import ModelUsage, Usage
from ringmaster_operator.resources.rates import Price

from .conftest import NOON, Work

Make = Callable[..., Work]
LATER = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class Books:
    """Hears what the budgets are told."""

    told: list[tuple[str, float, datetime | None]] = field(default_factory=list)

    def late(self, namespace: str, worker: str, account: Any, amount: Amount, at: datetime | None) -> None:
        self.told.append((f"{namespace}/{worker}", amount.usd, at))


@dataclass
class Touched:
    """Hears which beads are concerned."""

    uids: set[str] = field(default_factory=set)

    def concerned(self, uids: Iterable[str]) -> None:
        self.uids.update(uids)


@pytest.fixture
def touched() -> Touched:
    return Touched()


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def prices(history: History, board: Board, books: Books, touched: Touched) -> Prices:
    clock = Clock(now=lambda: LATER, monotonic=lambda: 0.0)
    beads = cast(BeadCosts, touched)
    return Prices(board=board, history=history, funds=cast(Funds, books), beads=beads, clock=clock)


def mine(**more: Any) -> Project:
    return Project(prices=[Price(model="mine", input=1.0, output=2.0, **more)])


def rows(model: str, number: int) -> list[ModelUsage]:
    return [
        ModelUsage(position=f"{model}-{n}", model=model, input_tokens=500_000, output_tokens=0)
        for n in range(number)
    ]


async def used(work: Make, *usage: ModelUsage) -> None:
    one = work()
    await one.start()
    await one.report(one.request(usage=Usage(requests=list(usage), price_version="table 1")))


async def usd(history: History) -> float:
    [whole] = await history.roll_up(question=Question())
    return whole.figures["usd"]


async def test_every_row_of_a_listed_model_gets_its_price_in_steps(
    history: History,
    work: Make,
    prices: Prices,
    board: Board,
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    await used(work, *rows("mine", 7), *rows("nobodys", 4), *rows("claude-sonnet-4-5", 1))
    board.set_project("team", mine())
    done = await prices.reprice("team")
    assert done.rows == 8
    assert done.usd == pytest.approx(7 * 0.5 + 0.5 * 6.0)  # a request of more than 200,000 tokens costs twice
    assert await usd(history) == pytest.approx(done.usd)
    assert sum(amount for _, amount, _ in books.told) == pytest.approx(done.usd)
    assert {(who, at) for who, _, at in books.told} == {("team/builders", NOON)}
    assert [gap.model for gap in await history.price_gaps(namespace="")] == ["nobodys"]
    assert (await prices.reprice("team")).rows == 0


async def test_the_price_is_that_of_the_rows_own_day(
    history: History, work: Make, prices: Prices, board: Board
) -> None:
    await used(work, *rows("mine", 1))
    board.set_project("team", mine(since=date(2026, 11, 25)))
    assert (await prices.reprice("team")).rows == 0
    board.set_project("team", mine(since=date(2026, 11, 24)))
    assert (await prices.reprice("team")).rows == 1


async def test_a_changed_list_is_looked_at_by_itself(
    history: History, work: Make, prices: Prices, board: Board
) -> None:
    await used(work, *rows("mine", 1))
    running = asyncio.create_task(prices.run())
    board.set_project("team", mine())
    prices.changed()
    async with asyncio.timeout(30):
        while await history.price_gaps(namespace=""):
            await asyncio.sleep(0.01)
    running.cancel()
    assert await usd(history) == 0.5


async def test_a_row_that_the_list_chokes_on_keeps_no_other_from_its_price(
    history: History, work: Make, prices: Prices, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choke(row: ModelUsage, *, at: datetime) -> float | None:
        raise ArithmeticError(row.model)

    monkeypatch.setattr(module, "table_price", choke)
    await used(work, *rows("another", 1), *rows("mine", 1))
    board.set_project("team", mine())
    assert (await prices.reprice("team")).rows == 1


async def test_the_cost_of_a_bead_becomes_what_its_reports_cost_with_the_price(
    history: History, work: Make, prices: Prices, board: Board, touched: Touched
) -> None:
    """Several attempts: priced, told by the agent, without a price, in a total, and with one that is less."""
    known = ModelUsage(position="known", model="other", input_tokens=7, computed_usd=0.123_456_7)
    said = ModelUsage(position="said", model="mine", output_tokens=3, reported_usd=0.25)
    told = [
        Usage(requests=[known, *rows("mine", 2), *rows("nobodys", 1)]),
        Usage(requests=[said, *rows("mine", 1)]),
        Usage(requests=rows("mine", 1), reported_usd=0.75),
        Usage(requests=rows("mine", 1), reported_usd=0.125),
    ]
    cost = Cost()
    for fence, usage in enumerate(told, start=1):
        one = work(fence=fence)
        await one.start()
        report = one.request(usage=usage)
        await one.report(report)
        assert not (await sums(history)).applied
        await history.mark_applied(report_ids=[report.report_id])
        cost = add(cost, usage)
    assert corrected(cost, await sums(history)) == cost, "no price was found, so nothing is to be written"
    assert cost.usd == pytest.approx(0.123457 + 0.25 + 0.75 + 0.125)
    assert cost.unpriced_requests == 4
    board.set_project("team", mine())
    await prices.reprice("team")
    assert touched.uids == {"uid-1"}
    found = corrected(cost, await sums(history))
    assert found.usd == pytest.approx(0.123457 + 2 * 0.5 + 0.25 + 0.5 + 0.75 + 0.5)
    assert found == cost.model_copy(update={"usd": found.usd, "unpriced_requests": 1})
    assert corrected(found, await sums(history)) is found


async def test_a_price_of_nothing_is_a_price(
    history: History, work: Make, prices: Prices, board: Board, touched: Touched
) -> None:
    usage = Usage(requests=rows("mine", 2))
    one = work()
    await one.start()
    await one.report(one.request(usage=usage))
    board.set_project("team", Project(prices=[Price(model="mine", input=0.0, output=0.0)]))
    await prices.reprice("team")
    assert touched.uids == {"uid-1"}
    assert corrected(add(Cost(), usage), await sums(history)).unpriced_requests == 0


async def test_reports_that_the_history_does_not_know_are_not_taken_away(
    history: History, work: Make
) -> None:
    before = Cost(usd=5.0, input_tokens=9, unpriced_requests=1)
    await used(work, *rows("claude-sonnet-4-5", 1))
    assert corrected(before, await sums(history)) is before
    assert await history.bead_sums(uids=["another"]) == {}
    assert corrected(before, BeadSums()) is before


async def sums(history: History) -> BeadSums:
    return (await history.bead_sums(uids=["uid-1", "another"]))["uid-1"]
