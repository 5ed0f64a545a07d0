"""The one writer: one thread, one connection, group commit.

While a commit waits for the disk, further writes queue up; the next commit takes them all at once. When one
of them fails, nothing stays: all are made again, each inside a savepoint, so that it spoils no other. Like
writes that follow each other may be made by one call, a statement for each table in place of each row. Nobody
is answered before the commit, and then all of it with one word to the event loop: a lock and a wake-up for
each would cost more than the write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlmodel import Session

from ringmaster_operator.history.errors import HistoryError, HistoryUnavailable, explained, unavailable

log = logging.getLogger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Joint = Callable[[Session, Sequence[A]], Sequence[T | HistoryError]]
"""A write of several like things: what each comes to, or what is wrong with it alone."""
CAPACITY = 1000
"""Writes under way; further callers wait. Bounds memory while the disk is slow."""
BATCH = 200
"""Writes in one commit at most, so that the first of them does not wait long."""


class Backend(Protocol):
    """What the writer needs of a database."""

    place: str
    writer: Engine
    """With a pool of one connection."""

    def settle(self, connection: Connection) -> None:
        """Last work on the connection before it closes."""


@dataclass(slots=True)
class _Job:
    run: Callable[[Session], Any]
    future: asyncio.Future[Any]
    joint: Joint[Any, Any] | None = None
    """What makes it together with others like it."""
    item: Any = None


_Result = tuple[Any, BaseException | None]


class Writer:
    """Runs closures in the database, in order, in one thread."""

    _info: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self, backend: Backend, *, capacity: int = CAPACITY, info: Mapping[str, Any] | None = None
    ) -> None:
        """`info` is what writes find in their session's info."""
        self._backend = backend
        self._info = info or {}
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._room = asyncio.Semaphore(capacity)
        self._closed = False
        self._down = False
        self._thread = Thread(target=self._work, name="history-writer", daemon=True)
        self._thread.start()

    async def write(self, run: Callable[[Session], T]) -> T:
        """Run it and commit; returns what it returns. It must return plain values, not rows.

        It may be run a second time, after what it did the first time was undone in the database.
        Raises HistoryUnavailable or HistoryCorrupt when nothing was written, or what `run` raised.
        """
        result: T = await self._queue(_Job(run, asyncio.get_running_loop().create_future()))
        return result

    async def join(self, joint: Joint[A, T], item: A) -> T:
        """As write, of one thing; those that come one after the other are written by one call."""

        def alone(db: Session) -> T:
            (result,) = joint(db, [item])
            if isinstance(result, HistoryError):
                raise result
            return result

        job = _Job(alone, asyncio.get_running_loop().create_future(), joint, item)
        found: T = await self._queue(job)
        return found

    async def _queue(self, job: _Job) -> Any:
        async with self._room:
            if self._closed:
                raise unavailable(self._backend.place, "it was closed")
            self._jobs.put(job)
            return await job.future

    async def close(self) -> None:
        """Commit what is queued, then let the backend settle."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        last = False
        while not last:
            jobs, last = self._take()
            wanted = [job for job in jobs if not job.future.cancelled()]
            if wanted:
                _deliver(wanted, self._commit(wanted))
        self._settle()

    def _take(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == BATCH:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> Sequence[_Result]:
        try:
            results = self._together(jobs) or self._each(jobs)
        except BaseException as error:
            known = explained(error, self._backend.place)
            if isinstance(known, HistoryUnavailable) and not self._down:
                self._down = True
                log.error("%s", known)
            return [(None, type(known)(str(known)) if known else error) for _ in jobs]
        if self._down:
            self._down = False
            log.info("the history database can be used again")
        return results

    def _together(self, jobs: list[_Job]) -> Sequence[_Result] | None:
        """Without savepoints, as nearly all are; None when one of several failed, and nothing was written."""
        with self._session() as session:
            results: list[_Result] = []
            for joint, group in groupby(jobs, key=lambda job: job.joint):
                try:
                    results += _made_together(session, joint, list(group))
                except Exception as error:
                    session.rollback()
                    result = self._failed(error)
                    return [result] if len(jobs) == 1 else None
            session.commit()
        return results

    def _session(self) -> Session:
        return Session(self._backend.writer, expire_on_commit=False, info=dict(self._info))

    def _each(self, jobs: list[_Job]) -> Sequence[_Result]:
        with self._session() as session:
            results = [self._apart(session, job) for job in jobs]
            session.commit()
        return results

    def _apart(self, session: Session, job: _Job) -> _Result:
        try:
            with session.begin_nested():
                return _made(session, job), None
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> _Result:
        """What its caller is told. Raises what is the database's fault: then the whole commit fails."""
        if isinstance(error, HistoryError):
            return None, error
        if (known := explained(error, self._backend.place)) is not None:
            raise known from error
        return None, error

    def _settle(self) -> None:
        try:
            with self._backend.writer.connect() as connection:
                self._backend.settle(connection)
        except Exception as error:
            log.warning("the history database was not checkpointed: %s", error)


def _made(session: Session, job: _Job) -> Any:
    result = job.run(session)
    _forget(session)
    return result


def _made_together(session: Session, joint: Joint[Any, Any] | None, jobs: list[_Job]) -> list[_Result]:
    """Each by itself, or where something makes them together by that. Raises what any of them raised."""
    if joint is None:
        return [(_made(session, job), None) for job in jobs]
    found = joint(session, [job.item for job in jobs])
    _forget(session)
    return [(None, each) if isinstance(each, HistoryError) else (each, None) for each in found]


def _forget(session: Session) -> None:
    """Statements that go round the session would leave its rows out of date."""
    session.flush()
    if session.identity_map:
        session.expunge_all()


def _deliver(jobs: list[_Job], results: Sequence[_Result]) -> None:
    with suppress(RuntimeError):  # a loop that was closed: nobody waits for an answer any more
        jobs[0].future.get_loop().call_soon_threadsafe(answer, jobs, results)


def answer(jobs: list[_Job], results: Sequence[_Result]) -> None:
    """Tell the callers what came of their writes, in their loop."""
    for job, (result, failure) in zip(jobs, results, strict=True):
        if job.future.done():
            continue  # its caller was cancelled
        if failure is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(failure)
