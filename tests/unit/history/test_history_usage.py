"""What iterations used: readings counted once, prices, sums of a day, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from ringmaster_operator.history import History
from ringmaster_operator.history.tables import AttemptRow, UsageRow
from ringmaster_operator.resources.protocol import ModelUsage, Next, Usage

from .conftest import NOON, Work

Make = Callable[..., Work]


async def test_the_day_is_utc_and_the_operators(history: History, work: Make) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    times = [midnight - timedelta(seconds=1), midnight, midnight + timedelta(days=1, seconds=-1)]
    for number, at in enumerate([*times, midnight + timedelta(days=1)], 1):
        one = work(uid=f"uid-{number}")
        await one.start(at)
        usage = Usage(requests=[ModelUsage(position="p", input_tokens=number, computed_usd=float(number))])
        await one.report(one.request(usage=usage), now=at)
    other = work(uid="uid-9", worker="others")
    await other.start()
    reported = Usage(requests=[ModelUsage(position="p", output_tokens=7, reported_usd=0.25)])
    await other.report(other.request(usage=reported))
    spent = await history.spent_today(namespace="team", worker="builders", now=NOON)
    assert (spent.usd, spent.tokens) == (5.0, 5)
    spent = await history.spent_today(namespace="team", now=NOON)
    assert (spent.usd, spent.tokens) == (5.25, 12)
    nothing = await history.spent_today(namespace="elsewhere", now=NOON)
    assert (nothing.usd, nothing.tokens) == (0.0, 0)


@pytest.mark.parametrize(
    ("rows", "total", "usd"),
    [
        ([], 2.0, 2.0),
        ([{}], 2.0, 2.0),
        ([{"computed_usd": 0.5}], 2.0, 0.5),
        ([{"computed_usd": 0.5, "reported_usd": 9.0}], None, 0.5),
        ([{"reported_usd": 0.75}, {}], 2.0, 2.0),
    ],
    ids=["total-only", "unpriced", "priced", "both", "reported"],
)
async def test_what_an_iteration_costs(
    history: History, work: Make, rows: list[dict[str, float]], total: float | None, usd: float
) -> None:
    """The table's price, else the agent's for the request, else its total where no request has a price."""
    one = work()
    await one.start()
    requests = [ModelUsage(position=str(n), **row) for n, row in enumerate(rows)]
    await one.report(one.request(usage=Usage(requests=requests, reported_usd=total)))
    assert (await history.spent_today(namespace="team", now=NOON)).usd == usd
    [summary] = await history.attempts_of(bead_uid=one.uid)
    assert summary.usd == usd


READINGS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(READINGS, min_size=1, max_size=4))
async def test_readings_in_any_order_count_once_and_the_larger_stays(
    history: History, work: Make, reports: list[list[tuple[str, int]]]
) -> None:
    uid = f"uid-{id(reports)}-{len(await history.attempts_in(namespace='team'))}"
    one = work(uid=uid)
    await one.start()
    for number, readings in enumerate(reports, 1):
        usage = Usage(requests=[ModelUsage(position=p, output_tokens=n) for p, n in readings])
        await one.report(one.request(number, usage=usage, report_id=f"{uid}-{number}"), next=Next.ITERATE)
    largest: dict[str, int] = {}
    for position, tokens in (reading for readings in reports for reading in readings):
        largest[position] = max(tokens, largest.get(position, 0))

    def rows(db: Any) -> dict[str, int]:
        ours = select(UsageRow).where(col(UsageRow.attempt_id).in_(attempts(db)))
        return {row.position: row.output_tokens for row in db.exec(ours)}

    def attempts(db: Any) -> list[int]:
        return list(db.exec(select(AttemptRow.id).where(AttemptRow.bead_uid == uid)))

    assert await history.read(rows) == largest
