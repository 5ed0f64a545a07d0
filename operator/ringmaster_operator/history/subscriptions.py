"""Reads and writes of subscriptions, as functions of a database session."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, func, select

from ringmaster_operator.history import users
from ringmaster_operator.history.errors import NameTaken
from ringmaster_operator.history.notice_records import FAILED, WAITING, StoredSubscription, Subscribers
from ringmaster_operator.history.notice_tables import NoticeRow, SubscriptionRow
from ringmaster_operator.history.user_records import Known


def subscriptions(db: Session, *, owner: str | None = None) -> list[StoredSubscription]:
    """Those of one owner, or all, in the order in which they were made, with counts."""
    chosen = select(SubscriptionRow).order_by(col(SubscriptionRow.id))
    counting = select(NoticeRow.subscription_id, NoticeRow.state, func.count()).group_by(
        col(NoticeRow.subscription_id), col(NoticeRow.state)
    )
    if owner is not None:
        chosen = chosen.where(SubscriptionRow.owner == owner)
    rows = list(db.exec(chosen))
    counting = counting.where(
        col(NoticeRow.state).in_((WAITING, FAILED)),
        col(NoticeRow.subscription_id).in_([row.id for row in rows]),
    )
    counts = {(id, state): count for id, state, count in db.exec(counting)}
    return [
        plain(row, waiting=counts.get((row.id, WAITING), 0), given_up=counts.get((row.id, FAILED), 0))
        for row in rows
    ]


def subscription(db: Session, *, id: int, owner: str) -> StoredSubscription | None:
    """One of that owner's."""
    return next((item for item in subscriptions(db, owner=owner) if item.id == id), None)


def subscribers(db: Session) -> Subscribers:
    """Whom anything may be told; people whose account is gone or disabled are left out."""
    items = [plain(row) for row in db.exec(select(SubscriptionRow).order_by(col(SubscriptionRow.id)))]
    people: dict[str, Known] = {}
    for owner in {item.owner for item in items if item.owner.startswith("user:")}:
        user = users.find_user(db, name=owner.removeprefix("user:"))
        if user is not None and user.disabled_at is None:
            people[owner] = Known(user=user, grants=tuple(users.grants(db, subjects=user.subjects)))
    return Subscribers(
        items=[item for item in items if not item.owner.startswith("user:") or item.owner in people],
        people=people,
    )


def add_subscription(
    db: Session,
    *,
    owner: str,
    channel: str,
    address: str,
    wishes: dict[str, Any],
    created_by: str,
    now: datetime,
) -> StoredSubscription:
    """Raises NameTaken where the owner has one of that channel and address."""
    _free(db, owner, channel, address, None)
    row = SubscriptionRow(
        owner=owner, channel=channel, address=address, wishes=wishes, created_by=created_by, created_at=now
    )
    db.add(row)
    db.flush()
    return plain(row)


def change_subscription(
    db: Session,
    *,
    id: int,
    owner: str,
    channel: str,
    address: str,
    wishes: dict[str, Any],
    created_by: str | None = None,
) -> StoredSubscription | None:
    """Raises NameTaken; None where there is no such one. created_by stays when it is None."""
    row = _row(db, id, owner)
    if row is None:
        return None
    _free(db, owner, channel, address, id)
    row.channel, row.address, row.wishes = channel, address, wishes
    row.created_by = row.created_by if created_by is None else created_by
    db.flush()
    return plain(row)


def remove_subscription(db: Session, *, id: int, owner: str) -> StoredSubscription | None:
    """With all that waits for it; the one that there was."""
    row = _row(db, id, owner)
    if row is None:
        return None
    found = plain(row)
    db.execute(delete(NoticeRow).where(col(NoticeRow.subscription_id) == id))
    db.delete(row)
    db.flush()
    return found


def note_delivery(db: Session, *, subscription_id: int, error: str, now: datetime) -> None:
    """How the last attempt went; error is empty when it was good."""
    row = db.get(SubscriptionRow, subscription_id)
    if row is None:
        return
    if error:
        row.last_error, row.last_error_at = error, now
    else:
        row.last_error, row.last_error_at, row.last_sent_at = "", None, now


def plain(row: SubscriptionRow, *, waiting: int = 0, given_up: int = 0) -> StoredSubscription:
    """The row as a value."""
    told = {name: getattr(row, name) for name in StoredSubscription.__slots__ if hasattr(row, name)}
    return StoredSubscription(**told, waiting=waiting, given_up=given_up)


def _row(db: Session, id: int, owner: str) -> SubscriptionRow | None:
    row = db.get(SubscriptionRow, id)
    return row if row is not None and row.owner == owner else None


def _free(db: Session, owner: str, channel: str, address: str, but: int | None) -> None:
    chosen = select(SubscriptionRow.id).where(
        SubscriptionRow.owner == owner,
        SubscriptionRow.channel == channel,
        SubscriptionRow.address == address,
    )
    if any(id != but for id in db.exec(chosen)):
        raise NameTaken(f"there is one by {channel} already: change that")
