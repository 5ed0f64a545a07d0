"""What became of a bead, page by page: attempts, iterations, events, the newest first."""

from __future__ import annotations

from sqlmodel import Session, col, select

from ringmaster_operator.history.queries import summaries
from ringmaster_operator.history.records import AttemptSummary, StoredEvent, StoredIteration
from ringmaster_operator.history.tables import AttemptRow, BeadRow, EventRow, IterationRow


def uid_of(db: Session, *, namespace: str, bead: str) -> str | None:
    """The uid of the bead that was last seen under this name, also when it is deleted."""
    return db.exec(
        select(BeadRow.uid)
        .where(BeadRow.namespace == namespace, BeadRow.name == bead)
        .order_by(col(BeadRow.last_seen).desc())
        .limit(1)
    ).first()


def attempts_before(db: Session, *, bead_uid: str, before: int | None, limit: int) -> list[AttemptSummary]:
    """Attempts of claims before a fence, the newest first."""
    chosen = select(AttemptRow.id).where(AttemptRow.bead_uid == bead_uid)
    if before is not None:
        chosen = chosen.where(AttemptRow.fence < before)
    ids = db.exec(chosen.order_by(col(AttemptRow.fence).desc()).limit(limit)).all()
    found = summaries(db, col(AttemptRow.id).in_(ids))
    return sorted(found, key=lambda item: -item.attempt.fence)


def iterations_before(db: Session, *, bead_uid: str, before: int | None, limit: int) -> list[StoredIteration]:
    """Iterations reported before the one of this id, the newest first."""
    chosen = (
        select(IterationRow, AttemptRow.fence, AttemptRow.attempt)
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(IterationRow.bead_uid == bead_uid)
    )
    if before is not None:
        chosen = chosen.where(IterationRow.id < before)
    rows = db.exec(chosen.order_by(col(IterationRow.id).desc()).limit(limit)).all()
    own = set(StoredIteration.__slots__) - {"fence", "attempt"}
    return [
        StoredIteration(fence=fence, attempt=attempt, **{name: getattr(row, name) for name in own})
        for row, fence, attempt in rows
    ]


def events_before(db: Session, *, uid: str, before: int | None, limit: int) -> list[StoredEvent]:
    """Events of an object before the one of this id, the newest first."""
    chosen = select(EventRow).where(EventRow.uid == uid)
    if before is not None:
        chosen = chosen.where(EventRow.id < before)
    rows = db.exec(chosen.order_by(col(EventRow.id).desc()).limit(limit)).all()
    return [StoredEvent(**{name: getattr(row, name) for name in StoredEvent.__slots__}) for row in rows]
