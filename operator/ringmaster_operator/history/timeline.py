"""What became of a bead, page by page: attempts, iterations, events, the newest first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from ringmaster_operator.history.event_records import stored_event
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
    return [stored_event(row) for row in rows]


def events_in(
    db: Session,
    *,
    namespace: str,
    kind: str | None = None,
    name: str | None = None,
    types: Collection[str] = (),
    reasons: Collection[str] = (),
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[StoredEvent]:
    """Events of a namespace that fit all that is given, those that were last so first.

    `since` is part of the time, `until` is not; `before` is the moment and id of the event to go on from.
    `text` is looked for in name, reason and message; upper and lower case are alike in ASCII.
    """
    chosen = select(EventRow).where(EventRow.namespace == namespace)
    for column, value in ((EventRow.kind, kind), (EventRow.name, name)):
        if value is not None:
            chosen = chosen.where(col(column) == value)
    if types:
        chosen = chosen.where(col(EventRow.type).in_(types))
    if reasons:
        chosen = chosen.where(col(EventRow.reason).in_(reasons))
    if text:
        places = (EventRow.name, EventRow.reason, EventRow.message)
        chosen = chosen.where(or_(*(col(place).icontains(text, autoescape=True) for place in places)))
    if since is not None:
        chosen = chosen.where(col(EventRow.at) >= since)
    if until is not None:
        chosen = chosen.where(col(EventRow.at) < until)
    if before is not None:
        at, id = before
        chosen = chosen.where(col(EventRow.at) <= at, or_(col(EventRow.at) < at, col(EventRow.id) < id))
    newest = chosen.order_by(col(EventRow.at).desc(), col(EventRow.id).desc())
    return [stored_event(row) for row in db.exec(newest.limit(limit))]
