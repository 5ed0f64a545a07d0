"""The tables of what was learned of capabilities: the state that counts, and how it came about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from ringmaster_operator.history.columns import Identity, UtcTime, Words
from ringmaster_operator.history.tables import Table


class CapabilityRow(Table, table=True):
    """Evidence about one Worker with one agent and one capability; `model` "" is the agent's default."""

    __tablename__ = "capability"
    __table_args__ = (UniqueConstraint("namespace", "worker", "profile", "model", "capability"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    namespace: str
    worker: str
    profile: str
    model: str = Field(default="", sa_type=Words)
    capability: str
    successes: float = 0.0
    failures: float = 0.0
    at: datetime | None = Field(default=None, sa_type=UtcTime)
    """Time that the two weights are of."""
    succeeded: int = 0
    failed: int = 0
    recent: str = ""
    last_reset: str | None = Field(default=None, sa_type=Words)
    version: int = Field(default=0, sa_type=BigInteger)


class CapabilityChangeRow(Table, table=True):
    """One change of a confidence. It stays when the evidence is reset."""

    __tablename__ = "capability_change"
    __table_args__ = (Index(None, "namespace", "capability", "id"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    namespace: str
    worker: str
    profile: str
    model: str = Field(default="", sa_type=Words)
    capability: str
    at: datetime = Field(sa_type=UtcTime)
    cause: str
    """outcome, reset or override."""
    success: bool | None = None
    weight: float = 0.0
    confidence: float
    """What was learned, after the change."""
    override: float | None = None
    """The override in force after it."""
    bead_uid: str | None = None
    bead: str | None = None
    report_id: str | None = None
    person: str = Field(default="", sa_type=Words)
    """Who asked for it over the API; empty for outcomes and changes of the resource."""
