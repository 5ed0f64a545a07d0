"""Records of iterations: what people look at afterwards, packed, and the first to go for room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, delete, func
from sqlmodel import Field, Session, col, select

from ringmaster_operator.history.columns import Identity, UtcTime
from ringmaster_operator.history.records import StoredIteration
from ringmaster_operator.history.tables import AttemptRow, IterationRow, ReportRow, Table


class RecordRow(Table, table=True):
    """One record; its content stands last, so that sums over sizes do not read it."""

    __tablename__ = "record"
    __table_args__ = (
        UniqueConstraint("iteration_id", "kind"),
        Index(None, "at"),
        Index(None, "namespace", "id", "stored"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    iteration_id: int = Field(foreign_key="iteration.id", sa_type=Identity)
    namespace: str
    kind: str
    size: int
    """Bytes of its JSON."""
    stored: int
    """Bytes of it as it is packed."""
    truncated: bool
    at: datetime = Field(sa_type=UtcTime)
    content: bytes = Field(sa_type=LargeBinary)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlace:
    """Whose report it was, and which iteration."""

    iteration_id: int
    fence: int
    namespace: str
    worker: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record to be kept."""

    kind: str
    size: int
    truncated: bool
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record without its content."""

    kind: str
    size: int
    truncated: bool
    at: datetime


def report_place(db: Session, *, report_id: str, claim_id: str) -> ReportPlace | None:
    """Where an accepted report of that claim belongs."""
    found = db.exec(
        select(IterationRow.id, AttemptRow)
        .join(ReportRow, col(ReportRow.report_id) == col(IterationRow.report_id))
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(ReportRow.report_id == report_id, ReportRow.claim_id == claim_id)
    ).first()
    if found is None:
        return None
    iteration_id, attempt = found
    return ReportPlace(
        iteration_id=iteration_id,
        fence=attempt.fence,
        namespace=attempt.namespace,
        worker=attempt.worker,
        session=attempt.session,
    )


def keep_records(
    db: Session, *, iteration_id: int, namespace: str, records: Sequence[NewRecord], now: datetime
) -> list[str]:
    """Keep those of a kind that the iteration does not have yet; their kinds."""
    known = set(db.exec(select(RecordRow.kind).where(RecordRow.iteration_id == iteration_id)))
    kept = []
    for record in records:
        if record.kind in known:
            continue
        known.add(record.kind)
        kept.append(record.kind)
        db.add(
            RecordRow(
                iteration_id=iteration_id,
                namespace=namespace,
                kind=record.kind,
                size=record.size,
                stored=len(record.content),
                truncated=record.truncated,
                at=now,
                content=record.content,
            )
        )
    return kept


def iteration_of(db: Session, *, bead_uid: str, iteration_id: int) -> StoredIteration | None:
    """That iteration of that bead."""
    found = db.exec(
        select(IterationRow, AttemptRow.fence, AttemptRow.attempt)
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(IterationRow.id == iteration_id, IterationRow.bead_uid == bead_uid)
    ).first()
    if found is None:
        return None
    row, fence, attempt = found
    own = set(StoredIteration.__slots__) - {"fence", "attempt"}
    return StoredIteration(fence=fence, attempt=attempt, **{name: getattr(row, name) for name in own})


def records_of(db: Session, *, iteration_id: int) -> list[StoredRecord]:
    """What there is of an iteration."""
    rows = db.exec(
        select(RecordRow.kind, RecordRow.size, RecordRow.truncated, RecordRow.at)
        .where(RecordRow.iteration_id == iteration_id)
        .order_by(col(RecordRow.id))
    )
    return [
        StoredRecord(kind=kind, size=size, truncated=truncated, at=at) for kind, size, truncated, at in rows
    ]


def record_content(db: Session, *, iteration_id: int, kind: str) -> tuple[StoredRecord, bytes] | None:
    """One record, as it is packed."""
    row = db.exec(
        select(RecordRow).where(RecordRow.iteration_id == iteration_id, RecordRow.kind == kind)
    ).first()
    if row is None:
        return None
    return StoredRecord(**{name: getattr(row, name) for name in StoredRecord.__slots__}), row.content


def record_sizes(db: Session) -> dict[str, int]:
    """Packed bytes by namespace."""
    rows = db.exec(
        select(RecordRow.namespace, func.sum(col(RecordRow.stored))).group_by(col(RecordRow.namespace))
    )
    return {namespace: int(total or 0) for namespace, total in rows}


def forget_old_records(db: Session, *, before: datetime, most: int) -> int:
    """Drop records from before then, at most so many at once; how many went."""
    return _drop(db, list(db.exec(select(RecordRow.id).where(RecordRow.at < before).limit(most))))


def forget_first_records(db: Session, *, namespace: str, excess: int, most: int) -> int:
    """Drop the namespace's oldest until so many packed bytes are gone, at most so many records; how many."""
    rows = db.exec(
        select(RecordRow.id, RecordRow.stored)
        .where(RecordRow.namespace == namespace)
        .order_by(col(RecordRow.id))
        .limit(most)
    ).all()
    ids = []
    for number, stored in rows:
        if excess <= 0:
            break
        ids.append(number)
        excess -= stored
    return _drop(db, ids)


def _drop(db: Session, ids: list[int]) -> int:
    if ids:
        db.execute(delete(RecordRow).where(col(RecordRow.id).in_(ids)))
    return len(ids)
