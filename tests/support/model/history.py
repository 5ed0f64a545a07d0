"""The real history on a database in memory, whose commits and reads come when the run wants them to.

Tables, migrations, recorder and queries are the product's; only the threads are not: a batch of writes is
committed, or fails, in one step, and a crash loses what was not committed.
"""

from __future__ import annotations

import asyncio
from functools import cache
from queue import SimpleQueue
from typing import Any

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from ringmaster_operator.history import History, HistoryUnavailable, migrate
from ringmaster_operator.history.writer import CAPACITY, Writer, answer


class MemoryDatabase:
    """One connection, for the writer and for readers: in one thread they never meet."""

    place = "memory"

    def __init__(self) -> None:
        self.connection = driver.connect(":memory:", check_same_thread=False)
        self.connection.isolation_level = None
        self.connection.execute("PRAGMA foreign_keys=1")
        self.writer = create_engine(
            "sqlite://", module=driver, creator=lambda: self.connection, poolclass=StaticPool
        )
        self.reader = self.writer

        @event.listens_for(self.writer, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    def settle(self, connection: Connection) -> None:
        """Nothing to do."""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What is committed."""
        found: list[tuple[Any, ...]] = self.connection.execute(query, values).fetchall()
        return found


@cache
def _databases() -> tuple[MemoryDatabase, MemoryDatabase]:
    """An empty one with the schema, and the one in use: statements are compiled once for all runs."""
    empty = MemoryDatabase()
    with empty.writer.connect() as connection, connection.begin():
        migrate.upgrade(connection, empty.place)
    return empty, MemoryDatabase()


def fresh_database() -> MemoryDatabase:
    """The database, emptied: there is one run at a time."""
    empty, used = _databases()
    empty.connection.backup(used.connection)
    return used


class SteppedWriter(Writer):
    """The product's writer without its thread."""

    def __init__(self, backend: MemoryDatabase) -> None:
        self._backend: Any = backend
        self._jobs = SimpleQueue()
        self._room = asyncio.Semaphore(CAPACITY)
        self._closed = self._down = False

    def waiting(self) -> int:
        """Writes that are not committed yet."""
        return self._jobs.qsize()

    def commit(self) -> None:
        """One group commit of all that waits."""
        if jobs := self._batch():
            answer(jobs, self._commit(jobs))

    def fail(self) -> None:
        """The disk takes nothing: all that waits is told so, and nothing was written."""
        for job in self._batch():
            job.future.set_exception(HistoryUnavailable("the database cannot be written: disk full"))

    def _batch(self) -> list[Any]:
        jobs = [self._jobs.get_nowait() for _ in range(self._jobs.qsize())]
        return [job for job in jobs if job is not None and not job.future.cancelled()]


class SteppedHistory(History):
    """The product's history with that writer; its reads are the loop's jobs."""

    def __init__(self, backend: MemoryDatabase) -> None:
        self._backend: Any = backend
        self._writer = self.writer = SteppedWriter(backend)
        self._readers: Any = None
        self._closed = False
