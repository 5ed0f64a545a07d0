"""The books: what was spent, when, and whom it counts for. One row for each report.

A row is known by its source, so that booking twice is booking once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ringmaster_operator.history.tables import AttemptRow, BeadRow, IterationRow, SpendingRow
from ringmaster_operator.resources.worker import Spent

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom a bead's work counts for, besides its namespace and Worker."""

    requested_by: str = ""
    labels: Labels = frozenset()
    repository: str = ""
    """Its address, without credentials."""
    capabilities: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    """The nearest first."""
    epic: str = ""
    """The topmost parent, or the bead itself where it is an epic without parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpending:
    """One row of the books, with what kind of work it was."""

    namespace: str
    worker: str
    account: Account
    usd: float
    tokens: int
    at: datetime
    profile: str
    model: str
    type: str


def grant(db: Session, *, claim_id: str, usd: float, tokens: int) -> None:
    """Keep what the running iteration of a claim may use."""
    row = db.exec(select(AttemptRow).where(AttemptRow.claim_id == claim_id)).first()
    if row is not None:
        give(row, (usd, tokens))


def give(row: AttemptRow, granted: tuple[float, int] | None) -> None:
    row.granted_usd, row.granted_tokens = granted or (None, None)


def heard_source(claim_id: str, iteration: int) -> str:
    """The source of what a session that was lost had told of its iteration."""
    return f"heard/{claim_id}/{iteration}"


def booked_of(db: Session, *, claim_id: str, iteration: int) -> tuple[float, int] | None:
    """What is booked for an iteration of a claim by what was heard; None when its report was accepted."""
    reported = db.exec(
        select(IterationRow.id)
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(AttemptRow.claim_id == claim_id, IterationRow.iteration == iteration)
    ).first()
    if reported is not None:
        return None
    row = db.exec(select(SpendingRow).where(SpendingRow.source == heard_source(claim_id, iteration))).first()
    return (0.0, 0) if row is None else (row.usd, row.tokens)


def spent_since(db: Session, *, since: datetime) -> list[StoredSpending]:
    """All rows from a moment on, oldest first."""
    rows = db.exec(
        select(SpendingRow, AttemptRow.profile, AttemptRow.model, BeadRow.type)
        .join(AttemptRow, col(AttemptRow.claim_id) == col(SpendingRow.claim_id), isouter=True)
        .join(BeadRow, col(BeadRow.uid) == col(SpendingRow.bead_uid), isouter=True)
        .where(SpendingRow.at >= since)
        .order_by(col(SpendingRow.id))
    )
    return [
        StoredSpending(
            namespace=row.namespace,
            worker=row.worker,
            account=Account(requested_by=row.requested_by, labels=labels_of(row.labels.splitlines())),
            usd=row.usd,
            tokens=row.tokens,
            at=row.at,
            profile=profile or "",
            model=model or "",
            type=kind or "",
        )
        for row, profile, model, kind in rows
    ]


def labels_of(lines: Iterable[str]) -> Labels:
    """Labels as they are stored, key=value each."""
    pairs = (line.partition("=") for line in lines)
    return frozenset((key, value) for key, _, value in pairs)


def spent_today(db: Session, *, namespace: str, worker: str | None = None, now: datetime) -> Spent:
    """Dollars and tokens of the UTC day of `now`, by one Worker or by all of the namespace."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sums = columns(func.sum(SpendingRow.usd), func.sum(SpendingRow.tokens)).where(
        col(SpendingRow.namespace) == namespace,
        col(SpendingRow.at) >= day,
        col(SpendingRow.at) < day + timedelta(days=1),
    )
    if worker is not None:
        sums = sums.where(col(SpendingRow.worker) == worker)
    usd, tokens = db.connection().execute(sums).one()
    return Spent(usd=float(usd or 0), tokens=int(tokens or 0))
