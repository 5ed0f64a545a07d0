"""What is read of accounts, credentials and the audit log: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

EVERYWHERE = "*"
"""The namespace of a role that holds in all of them."""
ADMIN = "admin"
"""The role that manages users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who signs in at Ringmaster. The password's hash is not part of it."""

    id: int
    name: str
    display_name: str
    groups: tuple[str, ...]
    has_password: bool
    created_at: datetime
    created_by: str
    disabled_at: datetime | None

    @property
    def subject(self) -> str:
        return f"user:{self.name}"

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everything that grants may name and that is this person."""
        return (self.subject, *(f"group:{group}" for group in self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role of a user or group, in one namespace or EVERYWHERE."""

    subject: str
    namespace: str
    role: str
    granted_at: datetime
    granted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """An API token, without its secret."""

    id: int
    account_id: int
    name: str
    prefix: str
    role: str | None
    namespaces: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session of a browser, without its secret."""

    id: int
    account_id: int
    how: str
    address: str
    agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Whose a secret is: the user, their grants, and the token or the session that the secret is."""

    user: User
    grants: tuple[Grant, ...]
    token: ApiToken | None = None
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How often signing in failed lately, of one account or address."""

    digest: str
    kind: str
    count: int
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who changes something, how they were known, and from where."""

    person: str
    credential: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was changed. `before` and `after` hold no secrets; None: there was nothing, or nothing is left."""

    action: str
    """Kind and verb in lower case: role.grant, worker.scale."""
    kind: str
    name: str
    namespace: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    undo_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log."""

    id: int
    at: datetime
    actor: Actor
    change: Change
    undone_by: int | None
    """The entry that undid it."""
