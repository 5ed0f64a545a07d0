"""What is read of subscriptions and notices: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ringmaster_operator.history.user_records import Known

WAITING, SENT, FAILED, SETTLED = "waiting", "sent", "failed", "settled"
"""States of a notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubscription:
    """A subscription, with how it fares."""

    id: int
    owner: str
    channel: str
    address: str
    wishes: dict[str, Any]
    created_at: datetime
    created_by: str
    last_sent_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    waiting: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A thing to tell a subscription."""

    subscription_id: int
    source: str
    content: dict[str, Any]
    at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to one subscription in one piece; the id stays the same however often it is tried."""

    id: str
    subscription: StoredSubscription
    notices: list[dict[str, Any]]
    sources: list[str]
    tries: int
    first_try_at: datetime | None
    at: datetime
    """When the first of it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribers:
    """All subscriptions, and the accounts of the people among their owners."""

    items: list[StoredSubscription]
    people: dict[str, Known] = field(default_factory=dict)
