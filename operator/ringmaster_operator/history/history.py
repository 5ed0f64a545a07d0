"""The door to the history: async, keyword-only, one call a transaction.

Every write returns after its commit. Reads have connections and threads of their own, so that a long list
never delays a report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session

from ringmaster_operator.history import (
    answers,
    attempts,
    audit,
    booking,
    capabilities,
    cost_queries,
    done,
    event_records,
    iteration_records,
    lesson_queries,
    lesson_search,
    lesson_undo,
    lesson_uses,
    lessons,
    notices,
    outcomes,
    queries,
    recorder,
    reports,
    repricing,
    saved,
    spending,
    subscriptions,
    taught,
    timeline,
)
from ringmaster_operator.history.errors import HistoryError, damaged, explained, unavailable
from ringmaster_operator.history.freshness import Freshness
from ringmaster_operator.history.lesson_queries import StoredLesson
from ringmaster_operator.history.postgres import READERS, PostgresBackend
from ringmaster_operator.history.report_rows import Report
from ringmaster_operator.history.sqlite import SqliteBackend
from ringmaster_operator.history.taught import TAUGHT, Taught
from ringmaster_operator.history.writer import Joint, Writer
from ringmaster_operator.recall import Match, Situation

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")
_HINT = "give RINGMASTER_DATABASE_URL as sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"


def _backend(url: str, *, exclusive: bool) -> SqliteBackend | PostgresBackend:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise HistoryError(f"the address of the history database is not a URL; {_HINT}") from error
    if parsed.get_backend_name() == "postgresql":
        return PostgresBackend(parsed, exclusive=exclusive)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        shown = parsed.render_as_string(hide_password=True)
        raise HistoryError(f"the history cannot be kept in {shown}; {_HINT}")
    return SqliteBackend(Path(parsed.database).expanduser().absolute())


def _writes(
    function: Callable[Concatenate[Session, P], T],
) -> Callable[Concatenate[History, P], Coroutine[Any, Any, T]]:
    @wraps(function)
    async def call(self: History, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.write(lambda db: function(db, *args, **kwargs))

    return call


def _joins(
    make: Callable[P, A], joint: Joint[A, T]
) -> Callable[Concatenate[History, P], Coroutine[Any, Any, T]]:
    """One of what may be written together: `make` takes the call's arguments."""

    async def call(self: History, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.join(joint, make(*args, **kwargs))

    return call


def _reads(
    function: Callable[Concatenate[Session, P], T],
) -> Callable[Concatenate[History, P], Coroutine[Any, Any, T]]:
    @wraps(function)
    async def call(self: History, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.read(lambda db: function(db, *args, **kwargs))

    return call


class History:
    """One open history database. Use it from one event loop.

    The calls are those of recorder.py and queries.py without their database session; each may raise
    HistoryUnavailable (nothing was written, try again) or HistoryCorrupt.
    """

    sole = True
    """Whether nobody else writes to the database."""
    _taught: Taught | None = None
    """None where others may write lessons to the database meanwhile."""

    def __init__(self, backend: SqliteBackend | PostgresBackend) -> None:
        self._backend = backend
        self.sole = backend.sole
        self._taught = Taught() if self.sole else None
        self._writer = Writer(backend, info={TAUGHT: self._taught})
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="history-reader")
        self._closed = False
        self.freshness = Freshness()
        """Of all that `write` writes: who remembers users, roles, tokens or sessions asks it."""

    @classmethod
    async def open(cls, url: str, *, exclusive: bool = False) -> History:
        """Open and, if need be, make or upgrade the database.

        `url` is sqlite:///PATH (~ is understood) or postgresql+psycopg://. Raises HistoryError: in use by
        another process, damaged, of a newer version, not reachable; each says what to do. With `exclusive`
        whoever wrote to it before is cut off; a SQLite file has one writer always.
        """
        return cls(await asyncio.to_thread(_backend, url, exclusive=exclusive))

    async def close(self) -> None:
        """Commit what is queued and let the database go; it may be called again."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._backend.reader.dispose)
        await self._writer.close()
        await asyncio.to_thread(self._backend.close)

    async def write(self, run: Callable[[Session], T]) -> T:
        """Run `run` in the writer's next commit, and return what it returned, once committed.

        For what has no call of its own below: everything about users, and nothing that is written often.
        """
        return await self.freshness.writing(self._writer.write(run))

    async def matching_lessons(
        self, *, namespace: str, text: str, here: Situation, now: datetime
    ) -> list[tuple[StoredLesson, Match]]:
        """As search_lessons, without a look into the database where nothing was ever taught."""
        if self._taught and not await self._taught.may_have(namespace, self.taught_namespaces):
            return []
        return await self.search_lessons(namespace=namespace, text=text, here=here, now=now)

    async def read(self, run: Callable[[Session], T]) -> T:
        """Run `run` on a read-only connection, in a thread."""
        if self._closed:
            raise unavailable(self._backend.place, "it was closed")

        def reading() -> T:
            try:
                with Session(self._backend.reader, expire_on_commit=False) as session:
                    return run(session)
            except ValueError as error:  # no query checks anything: a stored value is not what was written
                raise damaged(self._backend.place, f"a record cannot be read: {error}") from error
            except Exception as error:
                if (known := explained(error, self._backend.place)) is not None:
                    raise known from error
                raise

        return await asyncio.get_running_loop().run_in_executor(self._readers, reading)

    record_beads = _writes(recorder.record_beads)
    forget_beads = _writes(recorder.forget_beads)
    record_events = _writes(event_records.record_events)
    start_attempt = _writes(attempts.start_attempt)
    end_attempt = _writes(recorder.end_attempt)
    commit_report = _joins(Report, reports.commit_reports)
    refuse_report = _writes(reports.refuse_report)
    book = _writes(booking.book)
    grant = _writes(spending.grant)
    set_prices = _writes(repricing.set_prices)
    mark_applied = _writes(reports.mark_applied)
    save_work = _writes(saved.save_work)
    save_session = _writes(recorder.save_session)
    forget_sessions = _writes(recorder.forget_sessions)
    keep_answer = _writes(answers.keep_answer)
    reset_capability = _writes(capabilities.reset_capability)
    note_override = _writes(capabilities.note_override)
    record_audit = _writes(audit.record_audit)
    keep_records = _writes(iteration_records.keep_records)
    forget_old_records = _writes(iteration_records.forget_old_records)
    forget_first_records = _writes(iteration_records.forget_first_records)

    teach = _writes(lessons.teach)
    teach_all = _writes(lessons.teach_all)
    add_lesson = _writes(lesson_undo.add_lesson)
    undo_lesson = _writes(lesson_undo.undo_lesson)
    note_uses = _writes(lesson_uses.note_uses)
    endorse_lesson = _writes(lessons.endorse)
    retire_lesson = _writes(lessons.retire_lesson)

    add_subscription = _writes(subscriptions.add_subscription)
    change_subscription = _writes(subscriptions.change_subscription)
    remove_subscription = _writes(subscriptions.remove_subscription)
    note_delivery = _writes(subscriptions.note_delivery)
    add_notices = _writes(notices.add_notices)
    put_off_notices = _writes(notices.put_off_notices)
    take_due_notices = _writes(notices.take_due_notices)
    begin_delivery = _writes(notices.begin_delivery)
    settle_notices = _writes(notices.settle_notices)
    deliver_later = _writes(notices.deliver_later)
    forget_notices = _writes(notices.forget_notices)

    find_report = _reads(queries.find_report)
    unapplied_reports = _reads(queries.unapplied_reports)
    find_claim = _reads(queries.find_claim)
    claim_ids = _reads(queries.claim_ids)
    count_claims = _reads(queries.count_claims)
    phases_of_beads = _reads(queries.phases_of_beads)
    open_attempts = _reads(queries.open_attempts)
    iterations_of = _reads(queries.iterations_of)
    failed_checks = _reads(queries.failed_checks)
    saved_work = _reads(saved.saved_work)
    agent_session_of = _reads(queries.agent_session_of)
    spent_today = _reads(spending.spent_today)
    spent_since = _reads(spending.spent_since)
    roll_up = _reads(cost_queries.roll_up)
    count_attempts = _reads(cost_queries.count_attempts)
    roll_up_with_total = _reads(cost_queries.roll_up_with_total)
    finished_since = _reads(done.finished_since)
    price_gaps = _reads(repricing.price_gaps)
    unpriced_usage = _reads(repricing.unpriced_usage)
    bead_sums = _reads(repricing.bead_sums)
    session = _reads(queries.session)
    outcome_counts = _reads(queries.outcome_counts)
    attempts_of = _reads(queries.attempts_of)
    attempts_in = _reads(queries.attempts_in)
    find_answer = _reads(answers.find_answer)
    uid_of = _reads(timeline.uid_of)
    attempts_before = _reads(timeline.attempts_before)
    iterations_before = _reads(timeline.iterations_before)
    events_before = _reads(timeline.events_before)
    events_in = _reads(timeline.events_in)
    report_place = _reads(iteration_records.report_place)
    iteration_of = _reads(iteration_records.iteration_of)
    records_of = _reads(iteration_records.records_of)
    record_content = _reads(iteration_records.record_content)
    record_sizes = _reads(iteration_records.record_sizes)
    past_attempts = _reads(outcomes.past_attempts)
    evidence_of = _reads(capabilities.evidence_of)
    capability_changes = _reads(capabilities.capability_changes)
    audit_entry = _reads(audit.audit_entry)
    audit_entries = _reads(audit.audit_entries)
    taught_namespaces = _reads(taught.taught_namespaces)
    search_lessons = _reads(lesson_search.matching_lessons)
    lesson_uses = _reads(lesson_queries.lesson_uses)
    lesson_present = _reads(lesson_undo.lesson_present)
    lessons_in = _reads(lesson_queries.lessons_in)
    lesson = _reads(lesson_queries.lesson)
    lesson_evidence = _reads(lesson_queries.lesson_evidence)
    lesson_counts = _reads(lesson_queries.lesson_counts)
    base_rate = _reads(lesson_queries.base_rate)
    tried = _reads(lesson_queries.tried)
    subscription = _reads(subscriptions.subscription)
    subscribers = _reads(subscriptions.subscribers)
    next_notice_due = _reads(notices.next_notice_due)
    waiting_notices = _reads(notices.waiting_notices)
    subscriptions = _reads(subscriptions.subscriptions)
