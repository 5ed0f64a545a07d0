"""The tables of notifications: who wants to be told, and the outbox of what they are told.

No secret is in them: a subscription names a channel, and the operator's file knows its address and tokens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from ringmaster_operator.history.columns import Identity, UtcTime, Words
from ringmaster_operator.history.tables import Table


class SubscriptionRow(Table, table=True):
    """One way in which a person or a namespace is told."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("owner", "channel", "address"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    owner: str
    """user:NAME or namespace:NAME."""
    channel: str
    address: str = Field(default="", sa_type=Words)
    wishes: dict[str, Any] = Field(sa_type=JSON)
    """All else that was asked for, as the API has it."""
    created_at: datetime = Field(sa_type=UtcTime)
    created_by: str = Field(sa_type=Words)
    last_sent_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_error: str = Field(default="", sa_type=Words)
    last_error_at: datetime | None = Field(default=None, sa_type=UtcTime)


class NoticeRow(Table, table=True):
    """One thing for one subscription. Nobody is told twice: the source says which thing it is."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("source", "subscription_id"),
        Index(None, "subscription_id", "state"),
        Index(None, "state", "due_at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    subscription_id: int = Field(foreign_key="subscription.id", sa_type=Identity)
    source: str = Field(sa_type=Words)
    content: dict[str, Any] = Field(sa_type=JSON)
    """What is told."""
    at: datetime = Field(sa_type=UtcTime)
    """When it happened."""
    due_at: datetime = Field(sa_type=UtcTime)
    """When it may go, and after a failure when it is tried again."""
    state: str
    """waiting, sent, failed (given up) or settled (it had come to an end before it was told)."""
    batch: str | None = None
    """Id of the message that it goes with; what has one was or is being sent."""
    tries: int = 0
    first_try_at: datetime | None = Field(default=None, sa_type=UtcTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcTime)
