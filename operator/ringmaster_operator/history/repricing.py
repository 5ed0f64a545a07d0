"""Prices for requests that had none when they were reported. A row that has a price keeps it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, text
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ringmaster_operator.history.cost_tables import CostWorkRow
from ringmaster_operator.history.costs import Figures, Sums, add, bounded
from ringmaster_operator.history.spending import Account
from ringmaster_operator.history.spending import labels_of as parsed
from ringmaster_operator.history.tables import (
    WITHOUT_PRICE,
    AttemptRow,
    IterationRow,
    ReportRow,
    SpendingRow,
    UsageRow,
)
from ringmaster_operator.resources.costs import price_of
from ringmaster_operator.resources.protocol import ModelUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Requests to one model that nobody knows a price for."""

    namespace: str
    provider: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """One row without a price."""

    id: int
    bead_uid: str
    usage: ModelUsage
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BeadSums:
    """What the reports of a bead come to by the prices that are known today."""

    usd: float = 0.0
    tokens: int = 0
    """Input and output."""
    unpriced_requests: int = 0
    applied: bool = True
    """Whether the bead's status shows all of its reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the books of one claim gain by a price that was found."""

    namespace: str
    worker: str
    account: Account
    usd: float
    at: datetime


def price_gaps(db: Session, *, namespace: str) -> list[Gap]:
    """By model, the most requests first. An empty namespace means all."""
    keys = (col(UsageRow.namespace), col(UsageRow.provider), col(UsageRow.model))
    sums: list[Any] = [func.sum(column) for column in (UsageRow.requests, UsageRow.input_tokens)]
    sums += [func.sum(UsageRow.output_tokens), func.min(UsageRow.at), func.max(UsageRow.at)]
    query = columns(*keys, *sums).where(text(WITHOUT_PRICE)).group_by(*keys)
    if namespace:
        query = query.where(keys[0] == namespace)
    found = [
        Gap(
            namespace=row[0],
            provider=row[1],
            model=row[2],
            requests=int(row[3]),
            input_tokens=int(row[4]),
            output_tokens=int(row[5]),
            first=row[6],
            last=row[7],
        )
        for row in db.connection().execute(query)
    ]
    return sorted(found, key=lambda gap: (-gap.requests, gap.namespace, gap.provider, gap.model))


def unpriced_usage(db: Session, *, gap: Gap, after: int, limit: int) -> list[Unpriced]:
    """Rows of a gap in order, from the id after `after` on."""
    query = select(UsageRow).where(
        text(WITHOUT_PRICE),
        UsageRow.namespace == gap.namespace,
        UsageRow.provider == gap.provider,
        UsageRow.model == gap.model,
        col(UsageRow.id) > after,
    )
    rows = db.exec(query.order_by(col(UsageRow.id)).limit(limit)).all()
    iterations = {row.iteration_id for row in rows}
    whose = select(IterationRow.id, IterationRow.bead_uid).where(col(IterationRow.id).in_(iterations))
    beads = dict(db.exec(whose).all())
    return [
        Unpriced(id=row.id, bead_uid=beads[row.iteration_id], usage=_usage(row), at=row.at) for row in rows
    ]


def bead_sums(db: Session, *, uids: Collection[str]) -> dict[str, BeadSums]:
    """By the uid of a bead, a few hundred at most; without those that have no usage.

    Requests of an iteration whose agent told a total are in that, and so never without a price.
    """
    price = func.coalesce(col(UsageRow.computed_usd), col(UsageRow.reported_usd))
    missing = price.is_(None) & col(IterationRow.reported_usd).is_(None)
    sums: list[Any] = [
        func.sum(func.coalesce(price, 0.0)),
        func.sum(col(UsageRow.input_tokens) + col(UsageRow.output_tokens)),
        func.sum(case((missing, col(UsageRow.requests)), else_=0)),
    ]
    bead = col(IterationRow.bead_uid)
    used = columns(bead, *sums).join(IterationRow, col(IterationRow.id) == col(UsageRow.iteration_id))
    rows = db.connection().execute(used.where(bead.in_(uids)).group_by(bead)).all()
    lump = columns(bead, func.sum(col(IterationRow.lump_usd))).where(bead.in_(uids)).group_by(bead)
    lumps = {uid: float(usd) for uid, usd in db.connection().execute(lump)}
    left = select(ReportRow.bead_uid).where(~col(ReportRow.applied), col(ReportRow.bead_uid).in_(uids))
    waiting = set(db.exec(left))  # asked last: what was committed meanwhile is seen to be open
    return {
        uid: BeadSums(
            usd=float(usd) + lumps.get(uid, 0.0),
            tokens=int(tokens),
            unpriced_requests=int(unpriced),
            applied=uid not in waiting,
        )
        for uid, usd, tokens, unpriced in rows
    }


def _usage(row: UsageRow) -> ModelUsage:
    names = set(ModelUsage.model_fields) - {"price_version", "cache_write_hour_tokens"}
    known = {name: getattr(row, name) for name in names}
    return ModelUsage.model_construct(**known, cache_write_hour_tokens=row.cache_write_hour_tokens or 0)


def set_prices(db: Session, *, found: Sequence[tuple[int, float, str]], now: datetime) -> list[Correction]:
    """Give rows (id, US dollars, version of the list) a price, and correct every sum that they are in.

    Where the agent had told a total for all its requests, that counts already: the books gain what is more.
    """
    gained: dict[int, tuple[int, float]] = {}
    """By iteration: the first of its rows, and dollars."""
    for row_id, usd, version in found:
        row = db.get(UsageRow, row_id)
        if row is None or price_of(row) is not None:
            continue
        row.computed_usd, row.price_version, row.priced_at = usd, version, now
        first, before = gained.get(row.iteration_id, (row_id, 0.0))
        gained[row.iteration_id] = (first, before + _post(db, row, usd))
    db.flush()
    corrections = [_book(db, iteration, first, usd) for iteration, (first, usd) in gained.items() if usd]
    return [item for item in corrections if item is not None]


def _post(db: Session, row: UsageRow, usd: float) -> float:
    """Into the sums of the claim; what they gain."""
    iteration, attempt = db.get(IterationRow, row.iteration_id), db.get(AttemptRow, row.attempt_id)
    work = _work(db, attempt)
    if iteration is None or work is None:
        return 0.0
    lump = min(iteration.lump_usd, usd)
    iteration.lump_usd -= lump
    sums = Sums()
    priced = Figures(usd=bounded(usd), unpriced_requests=-row.requests)
    sums.add(row.at.date(), row.provider, row.model, priced)
    sums.add(iteration.at.date(), iteration.provider, iteration.model, Figures(usd=bounded(-lump)))
    add(db, work.id, row.namespace, sums)
    return usd - lump


def _work(db: Session, attempt: AttemptRow | None) -> CostWorkRow | None:
    claim = attempt.claim_id if attempt is not None else ""
    return db.exec(select(CostWorkRow).where(CostWorkRow.claim_id == claim)).first()


def _book(db: Session, iteration_id: int, usage_id: int, usd: float) -> Correction | None:
    """Into the books of budgets, at the time of the iteration."""
    iteration = db.get(IterationRow, iteration_id)
    if iteration is None:
        return None
    known = db.exec(select(SpendingRow).where(SpendingRow.source == iteration.report_id)).first()
    if known is None:
        return None
    row = SpendingRow(**known.model_dump(exclude={"id"}))
    row.source, row.usd, row.tokens = f"price/{iteration_id}/{usage_id}", usd, 0
    db.add(row)
    account = Account(requested_by=known.requested_by, labels=parsed(known.labels.splitlines()))
    return Correction(namespace=known.namespace, worker=known.worker, account=account, usd=usd, at=known.at)
