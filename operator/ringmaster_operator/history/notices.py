"""The outbox: what is to be told to whom, and what became of it. Functions of a database session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from sqlmodel import Session, col, delete, func, select

from ringmaster_operator.history.notice_records import WAITING, Message, NewNotice, StoredSubscription
from ringmaster_operator.history.notice_tables import NoticeRow, SubscriptionRow
from ringmaster_operator.history.subscriptions import plain

MOST_IN_MESSAGE = 200
_ASKED = 500
"""Keys in one question: SQLite takes a bounded number."""


def add_notices(db: Session, *, notices: Sequence[NewNotice]) -> int:
    """Those that are not there yet, and whose subscription still is; how many that were."""
    known: set[tuple[str, int]] = set()
    sources = sorted({item.source for item in notices})
    for start in range(0, len(sources), _ASKED):
        part = sources[start : start + _ASKED]
        asked = select(NoticeRow.source, NoticeRow.subscription_id).where(col(NoticeRow.source).in_(part))
        known.update(db.exec(asked).all())
    there = set(db.exec(select(SubscriptionRow.id)).all())
    added = 0
    for item in notices:
        key = (item.source, item.subscription_id)
        if key in known or item.subscription_id not in there:
            continue
        known.add(key)
        db.add(NoticeRow(state=WAITING, **{name: getattr(item, name) for name in NewNotice.__slots__}))
        added += 1
    db.flush()
    return added


def next_notice_due(db: Session) -> datetime | None:
    """When the first of what waits may go."""
    asked = select(func.min(NoticeRow.due_at)).where(NoticeRow.state == WAITING)
    return db.exec(asked).one()


def put_off_notices(db: Session, *, subscription_id: int, due_at: datetime) -> None:
    """What waits without having been tried becomes due then: quiet hours or digest were changed."""
    chosen = select(NoticeRow).where(
        NoticeRow.subscription_id == subscription_id,
        NoticeRow.state == WAITING,
        col(NoticeRow.batch).is_(None),
    )
    for row in db.exec(chosen):
        row.due_at = due_at


def take_due_notices(db: Session, *, now: datetime, not_of: Iterable[int] = ()) -> list[Message]:
    """The next message of each subscription that has something due, but those that are being sent to.

    What was tried before goes as it went then. Else all that is due becomes one message, with a fresh id.
    """
    due = select(NoticeRow.subscription_id).where(NoticeRow.state == WAITING, NoticeRow.due_at <= now)
    ids = sorted(set(db.exec(due.distinct()).all()) - set(not_of))
    found = []
    for id in ids:
        row = db.get(SubscriptionRow, id)
        rows = _begun(db, id)
        if row is None or (rows and rows[0].due_at > now):
            continue
        if not rows:
            chosen = select(NoticeRow).where(
                NoticeRow.subscription_id == id, NoticeRow.state == WAITING, NoticeRow.due_at <= now
            )
            rows = list(db.exec(chosen.order_by(col(NoticeRow.id)).limit(MOST_IN_MESSAGE)))
            name = str(uuid4())
            for notice in rows:
                notice.batch = name
        found.append(_message(plain(row), rows))
    db.flush()
    return found


def begin_delivery(db: Session, *, batch: str, now: datetime) -> None:
    """It is about to be sent."""
    for row in _of_batch(db, batch):
        row.tries += 1
        row.first_try_at = row.first_try_at or now


def settle_notices(
    db: Session, *, batch: str, state: str, sources: Iterable[str] | None, now: datetime
) -> None:
    """Those of the message (all when None) are sent, failed or settled."""
    chosen = None if sources is None else set(sources)
    for row in _of_batch(db, batch):
        if chosen is None or row.source in chosen:
            row.state, row.settled_at = state, now


def deliver_later(db: Session, *, batch: str, due_at: datetime) -> None:
    """The message failed, and is tried again then."""
    for row in _of_batch(db, batch):
        row.due_at = due_at


def waiting_notices(db: Session) -> int:
    return db.exec(select(func.count()).select_from(NoticeRow).where(NoticeRow.state == WAITING)).one()


def forget_notices(db: Session, *, before: datetime) -> None:
    """What was settled before then goes."""
    db.execute(delete(NoticeRow).where(col(NoticeRow.settled_at) < before))


def _of_batch(db: Session, batch: str) -> list[NoticeRow]:
    return list(db.exec(select(NoticeRow).where(NoticeRow.batch == batch, NoticeRow.state == WAITING)))


def _begun(db: Session, id: int) -> list[NoticeRow]:
    """What has a message that is not settled: one at a time."""
    chosen = select(NoticeRow).where(
        NoticeRow.subscription_id == id, NoticeRow.state == WAITING, col(NoticeRow.batch).is_not(None)
    )
    rows = list(db.exec(chosen.order_by(col(NoticeRow.id))))
    return [row for row in rows if row.batch == rows[0].batch]


def _message(subscription: StoredSubscription, rows: list[NoticeRow]) -> Message:
    return Message(
        id=rows[0].batch or "",
        subscription=subscription,
        notices=[row.content for row in rows],
        sources=[row.source for row in rows],
        tries=rows[0].tries,
        first_try_at=rows[0].first_try_at,
        at=min(row.at for row in rows),
    )
