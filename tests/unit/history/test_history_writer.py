"""The writer: one commit for many, each on its own; back-pressure; nothing answered early."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select, text

from ringmaster_operator.history import History, HistoryUnavailable
from ringmaster_operator.history.sqlite import SqliteBackend
from ringmaster_operator.history.tables import SessionRow
from ringmaster_operator.history.writer import Writer
from support.postgres import Postgres


def add(name: str) -> SessionRow:
    return SessionRow(namespace="n", worker="w", name=name, state="Idle")


async def names(history: History) -> list[str]:
    return sorted(await history.read(lambda db: list(db.exec(select(SessionRow.name)))))


async def test_one_that_fails_spoils_no_other(history: History) -> None:
    gate = threading.Event()

    def insert(name: str) -> str:
        return name

    async def write(name: str) -> str:
        def run(db: Session) -> str:
            gate.wait(10)
            db.add(add(name))
            if name == "broken":
                raise ValueError("mine")
            return insert(name)

        return await history.write(run)

    tasks = [asyncio.create_task(write(name)) for name in ("a", "b", "broken", "a", "c")]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[n] for n in (0, 1, 4)] == ["a", "b", "c"]
    assert isinstance(results[2], ValueError)
    assert isinstance(results[3], IntegrityError)
    assert await names(history) == ["a", "b", "c"]


async def test_writes_that_succeed_are_made_once_and_without_savepoints(history: History) -> None:
    gate, entered = threading.Event(), threading.Event()
    ran, savepoints = list[int](), list[str]()

    def first(_: Session) -> None:
        entered.set()
        gate.wait(10)

    async def write(number: int) -> None:
        def run(db: Session) -> None:
            ran.append(number)
            db.add(add(f"{number}"))

        await history.write(run)

    event.listen(history._backend.writer, "savepoint", lambda *_: savepoints.append("made"))
    tasks = [asyncio.create_task(history.write(first))]
    await asyncio.to_thread(entered.wait, 10)
    tasks += [asyncio.create_task(write(number)) for number in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert ran == list(range(20))
    assert len(await names(history)) == 20
    assert savepoints == []


async def test_what_waits_is_committed_together(history: History) -> None:
    gate, entered, transactions = threading.Event(), threading.Event(), []

    def first(_: Session) -> None:
        entered.set()
        gate.wait(10)

    def run(db: Session) -> None:
        transactions.append(id(db))

    tasks = [asyncio.create_task(history.write(first))]
    await asyncio.to_thread(entered.wait, 10)
    tasks += [asyncio.create_task(history.write(run)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert len(transactions) == 50
    assert len(set(transactions)) == 1


async def test_nothing_is_seen_before_the_commit(history: History) -> None:
    gate, inserted = threading.Event(), threading.Event()

    def run(db: Session) -> None:
        db.add(add("a"))
        db.flush()
        inserted.set()
        gate.wait(10)

    task = asyncio.create_task(history.write(run))
    await asyncio.to_thread(inserted.wait, 10)
    assert await names(history) == []
    assert not task.done()
    gate.set()
    await task
    assert await names(history) == ["a"]


async def test_readers_cannot_write(history: History) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await history.read(lambda db: db.connection().execute(text("DELETE FROM session")).rowcount)


async def test_closing_commits_what_is_queued(database_url: str) -> None:
    history = await History.open(database_url)
    tasks = [
        asyncio.create_task(
            history.save_session(namespace="n", worker="w", name=f"w-{n}", state="Idle", restarts=0)
        )
        for n in range(30)
    ]
    await asyncio.sleep(0)
    await history.close()
    await asyncio.gather(*tasks)
    with pytest.raises(HistoryUnavailable, match="closed"):
        await history.mark_applied(report_ids=["x"])
    with pytest.raises(HistoryUnavailable, match="closed"):
        await history.find_report(report_id="x")
    history = await History.open(database_url)
    assert len(await names(history)) == 30
    await history.close()


@pytest.fixture
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Writer]:
    """A writer that takes two at a time."""
    backend = SqliteBackend(tmp_path_factory.mktemp("small") / "h.db")
    writer = Writer(backend, capacity=2)
    yield writer
    await writer.close()
    backend.close()


async def test_callers_wait_when_too_much_is_under_way(small: Writer) -> None:
    gate, started = threading.Event(), []

    def run(_: Session) -> None:
        started.append(1)
        gate.wait(10)

    tasks = [asyncio.create_task(small.write(run)) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert small._jobs.qsize() + len(started) <= 2
    gate.set()
    await asyncio.gather(*tasks)
    assert len(started) == 5


async def test_a_cancelled_caller_is_passed_over(small: Writer) -> None:
    gate, entered, ran = threading.Event(), threading.Event(), []

    def hold(_: Session) -> None:
        entered.set()
        gate.wait(10)

    busy = asyncio.create_task(small.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    waiting = asyncio.create_task(small.write(lambda _: ran.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0.01)  # the cancellation travels to the queue
    gate.set()
    await busy
    await small.write(lambda _: None)
    assert waiting.cancelled()
    assert ran == []


@pytest.mark.postgres
async def test_a_server_that_drops_connections_is_reached_again(postgres_server: Postgres) -> None:
    url = postgres_server.fresh()
    history = await History.open(url)

    def drop() -> None:
        with postgres_server.connect() as connection:
            ours = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) {ours}".encode())

    await history.save_session(namespace="n", worker="w", name="a", state="Idle", restarts=0)
    assert await names(history) == ["a"]
    drop()  # while idle: nobody notices
    await history.save_session(namespace="n", worker="w", name="b", state="Idle", restarts=0)
    assert await names(history) == ["a", "b"]

    def during(db: Session) -> None:
        db.add(add("c"))
        db.flush()
        drop()
        db.add(add("d"))

    with pytest.raises(HistoryUnavailable):
        await history.write(during)
    await history.save_session(namespace="n", worker="w", name="e", state="Idle", restarts=0)
    assert await names(history) == ["a", "b", "e"]
    await history.close()
