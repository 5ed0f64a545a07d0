"""The books: each report once, what a lost session told, what came late; rows from before the books."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from ringmaster_operator.history import Account, History, heard_source, migrate
from ringmaster_operator.resources.protocol import ModelUsage, Next, Usage

from .conftest import NOON, Work

Make = Callable[..., Work]


def used(usd: float, tokens: int, position: str = "p") -> Usage:
    return Usage(requests=[ModelUsage(position=position, input_tokens=tokens, computed_usd=usd)])


async def booked(history: History) -> list[tuple[str, float, int]]:
    rows = await history.spent_since(since=NOON - timedelta(days=1))
    return [(row.worker, row.usd, row.tokens) for row in rows]


async def test_a_report_is_booked_once_for_whom_it_counts(history: History, work: Make) -> None:
    one = work()
    await one.start()
    account = Account(requested_by="alice", labels=frozenset({("team", "a"), ("size", "")}))
    for _ in range(2):
        await one.report(one.request(usage=used(0.5, 100)), account=account)
    [row] = await history.spent_since(since=NOON)
    assert (row.usd, row.tokens, row.account, row.at) == (0.5, 100, account, NOON)
    assert (row.profile, row.model, row.type) == ("claude-code", "opus", "")
    assert await history.spent_since(since=NOON + timedelta(seconds=1)) == []


async def test_repeated_readings_of_a_resumed_conversation_are_booked_by_what_they_add(
    history: History, work: Make
) -> None:
    one = work()
    await one.start()
    await one.report(one.request(1, usage=used(0.5, 100)), next=Next.ITERATE)
    await one.report(one.request(2, usage=used(0.75, 150)), next=Next.ITERATE)
    await one.report(one.request(3, usage=used(0.75, 150)))
    assert await booked(history) == [
        ("builders", 0.5, 100),
        ("builders", 0.25, 50),
        ("builders", 0.0, 0),
    ]


async def book(history: History, one: Work, usd: float, tokens: int) -> bool:
    return await history.book(
        source=heard_source(one.claim_id, 1),
        claim_id=one.claim_id,
        bead_uid=one.uid,
        namespace=one.namespace,
        bead=one.bead,
        worker=one.worker,
        account=Account(),
        usd=usd,
        tokens=tokens,
        now=NOON,
    )


async def refuse(history: History, one: Work, **more: Any) -> tuple[float, int]:
    return await history.refuse_report(
        bead_uid=one.uid,
        namespace=one.namespace,
        bead=one.bead,
        claim_id=one.claim_id,
        request=one.request(**more),
        reason="too late",
        worker=one.worker,
        now=NOON,
    )


async def test_a_late_report_adds_what_was_not_heard_before(history: History, work: Make) -> None:
    one = work()
    await one.start()
    assert await book(history, one, 0.25, 40)
    assert not await book(history, one, 9.0, 9)
    assert await refuse(history, one, usage=used(1.0, 100)) == (0.75, 60)
    assert await refuse(history, one, usage=used(1.0, 100)) == (0.0, 0)
    assert await booked(history) == [("builders", 0.25, 40), ("builders", 0.75, 60)]


async def test_a_second_report_of_the_same_iteration_is_not_booked(history: History, work: Make) -> None:
    one = work()
    await one.start()
    await one.report(one.request(usage=used(0.5, 100)))
    again = {"usage": used(0.5, 100), "report_id": "another-report-id"}
    assert await refuse(history, one, **again) == (0.0, 0)
    assert await booked(history) == [("builders", 0.5, 100)]


async def test_rows_from_before_the_books_are_booked(history: History, work: Make) -> None:
    one, two = work(), work(uid="uid-2")
    for item in (one, two):
        await item.start()
    await one.report(one.request(usage=used(0.5, 100)))
    await two.report(two.request(usage=Usage(reported_usd=2.0)))
    before = await booked(history)
    path = Path(migrate.__file__).with_name("migrations") / "versions" / "0002_spending.py"
    spec = importlib.util.spec_from_file_location("spending_migration", path)
    assert spec is not None
    assert spec.loader is not None
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)

    def anew(db: Session) -> None:
        db.connection().execute(text("DELETE FROM spending"))
        db.connection().execute(text(migration.FILL))

    await history.write(anew)
    assert await booked(history) == before == [("builders", 0.5, 100), ("builders", 2.0, 0)]
