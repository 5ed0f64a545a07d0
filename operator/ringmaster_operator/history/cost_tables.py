"""The tables that costs are added up from: one row for each claim, model and day, kept with every report.

The usage rows stay the truth; these are their sums, so that a year of work is added up in milliseconds.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, Index, UniqueConstraint
from sqlmodel import Field

from ringmaster_operator.history.columns import Identity, Words
from ringmaster_operator.history.tables import Table


class CostWorkRow(Table, table=True):
    """One claim: what its costs can be told apart by, as it was when it first cost something."""

    __tablename__ = "cost_work"
    __table_args__ = (UniqueConstraint("claim_id"), Index(None, "namespace", "bead"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    claim_id: str
    bead_uid: str
    namespace: str
    bead: str
    worker: str
    profile: str
    requested_by: str = Field(default="", sa_type=Words)
    repository: str = Field(default="", sa_type=Words)
    """Address of the repository; empty where there is none."""
    epic: str = ""
    """The topmost parent, or the bead itself where it is an epic without parent; empty for the others."""


class CostTagRow(Table, table=True):
    """What a claim may have several of: labels, capabilities, parents."""

    __tablename__ = "cost_tag"
    __table_args__ = (Index(None, "kind", "value"),)

    work_id: int = Field(primary_key=True, foreign_key="cost_work.id", sa_type=Identity)
    kind: str = Field(primary_key=True)
    """label, capability or parent."""
    name: str = Field(primary_key=True)
    """Key of the label; empty for the others."""
    value: str = Field(primary_key=True)
    share: float = 1.0
    """The part of the claim's costs that counts for it: capabilities divide them evenly."""


class CostUseRow(Table, table=True):
    """What a claim used of one model on one day (UTC)."""

    __tablename__ = "cost_use"
    __table_args__ = (Index(None, "namespace", "day"),)

    work_id: int = Field(primary_key=True, foreign_key="cost_work.id", sa_type=Identity)
    day: date = Field(primary_key=True, sa_type=Date)
    provider: str = Field(primary_key=True, sa_type=Words)
    model: str = Field(primary_key=True, sa_type=Words)
    namespace: str
    usd: float = 0.0
    tokens: int = Field(default=0, sa_type=BigInteger)
    """Input and output; more than those two where only a sum is known (of a session that was lost)."""
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_read_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    reasoning_tokens: int = Field(default=0, sa_type=BigInteger)
    requests: int = Field(default=0, sa_type=BigInteger)
    unpriced_requests: int = Field(default=0, sa_type=BigInteger)
    """Those that neither a price list nor the agent gives a price."""
    agent_usd: float = 0.0
    """The agent's own totals, of iterations whose every request has a price of ours."""
    compared_usd: float = 0.0
    """What our prices make of those same iterations."""
    seconds: float = 0.0
    """Of the iterations, by the workers' clocks."""
    infrastructure_usd: float = 0.0
    """Those seconds at the project's rate of that time; not part of usd."""
