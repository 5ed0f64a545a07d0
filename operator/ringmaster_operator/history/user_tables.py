"""The tables of people: accounts, where they sign in from, what they may do, and what they changed.

Elsewhere a person is kept by name (`user:ada`, or the cluster's own name), never by the id of an account:
what somebody decided stays readable when the account is gone. Of secrets there are hashes only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from ringmaster_operator.history.columns import Identity, UtcTime, Words
from ringmaster_operator.history.tables import Table

Unset = JSON(none_as_null=True)
"""JSON, where None is no value and not the word null."""


class AccountRow(Table, table=True):
    """A person who signs in at Ringmaster."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("name"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    name: str
    display_name: str = Field(default="", sa_type=Words)
    password: str | None = Field(default=None, sa_type=Words)
    """Argon2id, encoded; None: signs in elsewhere only."""
    groups: list[Any] = Field(sa_type=JSON)
    """As the last sign-in at an OpenID provider told them."""
    created_at: datetime = Field(sa_type=UtcTime)
    created_by: str = Field(default="", sa_type=Words)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcTime)


class AccountIdentityRow(Table, table=True):
    """Whom an OpenID provider knows as this account."""

    __tablename__ = "account_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index(None, "account_id"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    account_id: int = Field(foreign_key="account.id", sa_type=Identity)
    issuer: str = Field(sa_type=Words)
    subject: str = Field(sa_type=Words)
    created_at: datetime = Field(sa_type=UtcTime)
    last_seen_at: datetime = Field(sa_type=UtcTime)


class RoleGrantRow(Table, table=True):
    """One role of a user or group, in one namespace or in all."""

    __tablename__ = "role_grant"
    __table_args__ = (UniqueConstraint("subject", "namespace"), Index(None, "namespace"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    subject: str = Field(sa_type=Words)
    """user:NAME or group:NAME."""
    namespace: str
    """`*` is all of them."""
    role: str
    granted_at: datetime = Field(sa_type=UtcTime)
    granted_by: str = Field(default="", sa_type=Words)


class ApiTokenRow(Table, table=True):
    """A long-lived secret of an account, for programs."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("digest"), Index(None, "account_id"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    account_id: int = Field(foreign_key="account.id", sa_type=Identity)
    parent_id: int | None = Field(default=None, foreign_key="api_token.id", sa_type=Identity)
    """The token that made it; it ends with that one."""
    name: str = Field(sa_type=Words)
    digest: str
    """SHA-256 of the secret, in hexadecimal."""
    prefix: str
    """How the secret begins, so that people can tell their tokens apart."""
    role: str | None = None
    """The most that it may do; None: all that its account may."""
    namespaces: list[Any] | None = Field(default=None, sa_type=Unset)
    """Where; None: everywhere that its account may."""
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)


class SignInRow(Table, table=True):
    """A session of a browser."""

    __tablename__ = "sign_in"
    __table_args__ = (UniqueConstraint("digest"), Index(None, "account_id"), Index(None, "expires_at"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    account_id: int = Field(foreign_key="account.id", sa_type=Identity)
    digest: str
    """SHA-256 of the cookie's value, in hexadecimal."""
    how: str
    """password or oidc."""
    address: str = Field(default="", sa_type=Words)
    agent: str = Field(default="", sa_type=Words)
    created_at: datetime = Field(sa_type=UtcTime)
    last_seen_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    """At the latest; it ends sooner when nobody uses it."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)


class OneTimeCodeRow(Table, table=True):
    """A code that is good once, by what it is for."""

    __tablename__ = "one_time_code"

    purpose: str = Field(primary_key=True)
    digest: str
    created_at: datetime = Field(sa_type=UtcTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcTime)


class SignInFailureRow(Table, table=True):
    """How often signing in failed lately, of one account or address."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (Index(None, "at"),)

    digest: str = Field(primary_key=True)
    """SHA-256 of which one: what people type as their name is not always one."""
    kind: str
    """account or address."""
    count: int
    at: datetime = Field(sa_type=UtcTime)
    """When last."""
    until: datetime = Field(sa_type=UtcTime)
    """The next attempt must wait for it."""


class AuditRow(Table, table=True):
    """One change that a person made. Rows are added, and never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "namespace", "id"), Index(None, "person", "id"), Index(None, "undo_of"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    at: datetime = Field(sa_type=UtcTime)
    person: str = Field(sa_type=Words)
    credential: str = Field(default="", sa_type=Words)
    """How they were known: cluster, session, or the beginning of a token."""
    address: str = Field(default="", sa_type=Words)
    action: str
    kind: str
    namespace: str = ""
    """Empty: of no namespace."""
    name: str = Field(default="", sa_type=Words)
    before: dict[str, Any] | None = Field(default=None, sa_type=Unset)
    after: dict[str, Any] | None = Field(default=None, sa_type=Unset)
    undo_of: int | None = Field(default=None, foreign_key="audit.id", sa_type=Identity)
