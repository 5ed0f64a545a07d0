"""One writer to PostgreSQL: who opens it exclusively cuts off whoever wrote before, also mid-transaction."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from ringmaster_operator.history import History, HistoryUnavailable
from support.postgres import Postgres, postgres_server

__all__ = ["postgres_server"]

pytestmark = pytest.mark.postgres


def name(db: Any) -> str:
    return str(db.execute(text("SELECT current_setting('application_name')")).scalar())


def pid(db: Any) -> int:
    return int(db.execute(text("SELECT pg_backend_pid()")).scalar())


async def test_the_last_who_opens_writes(postgres_server: Postgres) -> None:
    url = postgres_server.fresh()
    first = await History.open(url, exclusive=True)
    assert (await first.write(name)).startswith("ringmaster ")
    second = await History.open(url, exclusive=True)
    with pytest.raises(HistoryUnavailable):  # its connection was ended
        await first.write(name)
    with pytest.raises(HistoryUnavailable, match="another operator leads"):
        await first.write(name)
    await second.write(name)
    for history in (first, second):
        await history.close()


async def test_a_writer_that_hangs_in_a_transaction_is_ended(postgres_server: Postgres) -> None:
    url = postgres_server.fresh()
    first = await History.open(url, exclusive=True)
    await first.write(lambda db: db.execute(text("CREATE TABLE mark (who text)")) and None)
    loop, inside, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def hang(db: Any) -> None:
        db.execute(text("INSERT INTO mark VALUES ('first')"))
        loop.call_soon_threadsafe(inside.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)

    hanging = asyncio.ensure_future(first.write(hang))
    await inside.wait()
    second = await History.open(url, exclusive=True)
    await second.write(lambda db: db.execute(text("INSERT INTO mark VALUES ('second')")) and None)
    go_on.set()
    with pytest.raises(HistoryUnavailable):
        await hanging
    found = await second.read(lambda db: [row[0] for row in db.execute(text("SELECT who FROM mark"))])
    assert found == ["second"], "what was not committed when the other took over is never committed"
    for history in (first, second):
        await history.close()


async def test_a_lost_connection_is_replaced_by_ones_own(postgres_server: Postgres) -> None:
    history = await History.open(postgres_server.fresh(), exclusive=True)
    mine, before = await history.write(name), await history.write(pid)
    with postgres_server.connect() as server:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        assert server.execute(query, (mine,)).fetchall() == [(True,)]
    assert (await history.write(name), await history.write(pid) != before) == (mine, True)
    await history.close()


async def test_schemas_of_one_database_have_writers_of_their_own(postgres_server: Postgres) -> None:
    one = await History.open(postgres_server.fresh(), exclusive=True)
    two = await History.open(postgres_server.fresh(), exclusive=True)
    for history in (one, two):
        await history.write(name)
        await history.close()
