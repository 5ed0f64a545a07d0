"""The tables. Rows carry namespace, worker and time again where a sum or a list needs them without joins.

There is no foreign key to `bead`: a report must be kept even when its bead was never recorded.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, MetaData, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from ringmaster_operator.history.columns import Identity, UtcTime, Words

WITHOUT_PRICE = "computed_usd IS NULL AND reported_usd IS NULL"
"""Requests that nobody knows a price for: rows of `usage` that may be priced later."""
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel, registry=registry(metadata=metadata)):
    """Base of all tables, apart from anyone else's SQLModel classes."""


class BeadRow(Table, table=True):
    """A bead as last seen; it stays when the bead is deleted from the cluster."""

    __tablename__ = "bead"
    __table_args__ = (Index(None, "namespace", "name"),)

    uid: str = Field(primary_key=True)
    namespace: str
    name: str
    title: str = Field(sa_type=Words)
    type: str
    priority: str
    phase: str | None = None
    spec: dict[str, Any] = Field(sa_type=JSON)
    status: dict[str, Any] = Field(sa_type=JSON)
    first_seen: datetime = Field(sa_type=UtcTime)
    last_seen: datetime = Field(sa_type=UtcTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcTime)


class EventRow(Table, table=True):
    """Something worth telling about an object; the same again in a row is counted, not added."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "uid", "id"), Index(None, "namespace", "at"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    namespace: str
    kind: str
    name: str
    uid: str
    type: str
    reason: str
    message: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcTime)
    count: int = 1


class AttemptRow(Table, table=True):
    """One claim, from pull to final report."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("bead_uid", "fence"),
        UniqueConstraint("claim_id"),
        Index(None, "namespace", "started_at"),
        Index(None, "ended_at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    bead_uid: str
    fence: int = Field(sa_type=BigInteger)
    namespace: str
    bead: str
    claim_id: str
    worker: str
    session: str
    profile: str
    model: str | None = Field(default=None, sa_type=Words)
    attempt: int
    """Number of the attempt as the bead counts them."""
    iteration: int
    """The iteration that runs now, or that ran last."""
    started_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    kind: str | None = None
    """Outcome, or how else it ended (lost, released)."""
    confidence: float | None = None
    reason: str | None = None
    summary: str = Field(default="", sa_type=Words)
    counted: bool = True
    """Whether it counts against maxAttempts; losses to infrastructure don't."""
    granted_usd: float | None = None
    granted_tokens: int | None = Field(default=None, sa_type=BigInteger)
    """What the iteration that runs may use, where a budget stops sessions; for the time after a restart."""
    branch: str | None = Field(default=None, sa_type=Words)
    commit: str | None = Field(default=None, sa_type=Words)


class ReportRow(Table, table=True):
    """A report as it came: what makes repeating it harmless, and, until applied, the outbox."""

    __tablename__ = "report"
    __table_args__ = (UniqueConstraint("report_id"), Index(None, "applied", "id"), Index(None, "bead_uid"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    report_id: str
    """The worker's id; a refused one has a key of its own, so that it never stands for an accepted one."""
    claim_id: str
    bead_uid: str
    fence: int = Field(sa_type=BigInteger)
    namespace: str
    bead: str
    body: dict[str, Any] = Field(sa_type=JSON)
    answer: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    received_at: datetime = Field(sa_type=UtcTime)
    applied: bool = False
    """Whether the bead's status shows it."""
    refused: bool = False
    refusal: str = Field(default="", sa_type=Words)


class IterationRow(Table, table=True):
    """One run of the agent, as reported."""

    __tablename__ = "iteration"
    __table_args__ = (
        UniqueConstraint("report_id"),
        Index(None, "attempt_id"),
        Index(None, "bead_uid", "id"),
        Index(None, "namespace", "at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=Identity)
    report_id: str = Field(foreign_key="report.report_id")
    bead_uid: str
    namespace: str
    worker: str
    iteration: int
    outcome: dict[str, Any] = Field(sa_type=JSON)
    exit_code: int | None = Field(default=None, sa_type=BigInteger)
    verify: list[Any] = Field(sa_type=JSON)
    reflexion: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    final_text: str = Field(default="", sa_type=Words)
    branch: str | None = Field(default=None, sa_type=Words)
    commit: str | None = Field(default=None, sa_type=Words)
    agent_session: str = Field(default="", sa_type=Words)
    started_at: datetime = Field(sa_type=UtcTime)
    finished_at: datetime = Field(sa_type=UtcTime)
    """Both by the worker's clock."""
    at: datetime = Field(sa_type=UtcTime)
    """When it was committed, by the operator's clock: what days are counted by."""
    reported_usd: float | None = None
    """The agent's own total."""
    lump_usd: float = 0.0
    """That total where none of its requests has a price of its own; it is added to sums over `usage`."""
    provider: str = Field(default="", sa_type=Words, sa_column_kwargs={"server_default": ""})
    model: str = Field(default="", sa_type=Words, sa_column_kwargs={"server_default": ""})
    """The model that the most tokens were used of: what belongs to no single request counts for it."""
    compared_usd: float | None = None
    """What our prices make of all that reported_usd is the total of; None where they cannot tell."""
    infrastructure_usd: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    """Its seconds at the project's rate."""


class UsageRow(Table, table=True):
    """One request to a model. input_tokens include cache reads and writes, output_tokens reasoning."""

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("attempt_id", "position"),
        Index(None, "iteration_id"),
        Index(None, "namespace", "at"),
        Index(
            None,
            "namespace",
            "provider",
            "model",
            "id",
            sqlite_where=text(WITHOUT_PRICE),
            postgresql_where=text(WITHOUT_PRICE),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=Identity)
    iteration_id: int = Field(foreign_key="iteration.id", sa_type=Identity)
    position: str = Field(sa_type=Words)
    namespace: str
    worker: str
    provider: str = Field(sa_type=Words)
    model: str = Field(sa_type=Words)
    input_tokens: int = Field(sa_type=BigInteger)
    cache_read_tokens: int = Field(sa_type=BigInteger)
    cache_write_tokens: int = Field(sa_type=BigInteger)
    cache_write_hour_tokens: int | None = Field(default=None, sa_type=BigInteger)
    """The part of cache_write_tokens that is kept for an hour."""
    output_tokens: int = Field(sa_type=BigInteger)
    reasoning_tokens: int = Field(sa_type=BigInteger)
    requests: int = Field(sa_type=BigInteger)
    computed_usd: float | None = None
    reported_usd: float | None = None
    price_version: str = Field(sa_type=Words)
    priced_at: datetime | None = Field(default=None, sa_type=UtcTime)
    """When computed_usd was settled; later than `at` where the price was missing at first."""
    at: datetime = Field(sa_type=UtcTime)


class SpendingRow(Table, table=True):
    """What one report added to the sums, and whom it counts for: what budgets are added up from."""

    __tablename__ = "spending"
    __table_args__ = (
        UniqueConstraint("source"),
        Index(None, "at"),
        Index(None, "claim_id"),
        Index(None, "namespace", "at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    source: str = Field(sa_type=Words)
    """The report's id; or what else tells that it is booked already."""
    claim_id: str
    bead_uid: str
    namespace: str
    bead: str
    worker: str
    requested_by: str = Field(default="", sa_type=Words)
    labels: str = Field(default="", sa_type=Words)
    """The bead's labels as it was worked: key=value, a line each."""
    usd: float
    tokens: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcTime)


class SessionRow(Table, table=True):
    """What a runtime must remember of a session over restarts of the operator."""

    __tablename__ = "session"
    __table_args__ = (UniqueConstraint("namespace", "worker", "name"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    namespace: str
    worker: str
    name: str
    state: str
    restarts: int = 0
    next_start_at: datetime | None = Field(default=None, sa_type=UtcTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_error: str = Field(default="", sa_type=Words)
