"""The writes, as functions of a database session; each is one transaction and may be repeated.

Times come from the caller's clock. Rows are looked up before they are added: there is one writer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from ringmaster_operator.history.records import StoredEvent
from ringmaster_operator.history.spending import give
from ringmaster_operator.history.tables import AttemptRow, BeadRow, EventRow, SessionRow
from ringmaster_operator.resources.bead import Bead


def record_beads(db: Session, *, seen: Iterable[tuple[Bead, bool]], now: datetime) -> None:
    """Keep beads as they are seen now; True for one that is deleted."""
    for bead, deleted in seen:
        _record(db, bead, now, deleted=deleted)


def _record(db: Session, bead: Bead, now: datetime, *, deleted: bool) -> None:
    row = db.get(BeadRow, bead.metadata.uid)
    seen: dict[str, Any] = {
        "namespace": bead.metadata.namespace,
        "name": bead.metadata.name,
        "title": bead.spec.title,
        "type": bead.spec.type.value,
        "priority": bead.spec.priority.value,
        "phase": bead.status.phase.value if bead.status.phase else None,
        "spec": bead.spec.lean(),
        "status": bead.status.lean(),
        "last_seen": now,
    }
    if row is None:
        row = BeadRow(uid=bead.metadata.uid, first_seen=now, **seen)
        db.add(row)
    for name, value in seen.items():
        setattr(row, name, value)
    row.deleted_at = (row.deleted_at or now) if deleted else None


def forget_beads(db: Session, *, namespace: str, alive: Collection[str], now: datetime) -> int:
    """Mark beads that are not among the `alive` uids as deleted; how many. An empty namespace means all."""
    there = select(BeadRow).where(col(BeadRow.deleted_at).is_(None))
    if namespace:
        there = there.where(BeadRow.namespace == namespace)
    # Compared here and not in the query: no database takes 10,000 uids as parameters.
    gone = [row for row in db.exec(there) if row.uid not in alive]
    for row in gone:
        row.deleted_at = now
    return len(gone)


def record_event(
    db: Session,
    *,
    namespace: str,
    kind: str,
    name: str,
    uid: str,
    type: str,
    reason: str,
    message: str,
    now: datetime,
) -> StoredEvent:
    """Add an event, or count it up when the object's last one said the same; the event as it is kept."""
    last = db.exec(
        select(EventRow).where(EventRow.uid == uid).order_by(col(EventRow.id).desc()).limit(1)
    ).first()
    if last is not None and (last.type, last.reason, last.message) == (type, reason, message):
        last.count += 1
        last.at = now
        return stored_event(last)
    row = EventRow(
        namespace=namespace,
        kind=kind,
        name=name,
        uid=uid,
        type=type,
        reason=reason,
        message=message,
        at=now,
    )
    db.add(row)
    db.flush()
    return stored_event(row)


def stored_event(row: EventRow) -> StoredEvent:
    """As a plain value."""
    return StoredEvent(**{name: getattr(row, name) for name in StoredEvent.__slots__})


def attempt_of(db: Session, bead_uid: str, fence: int) -> AttemptRow | None:
    """The attempt that this fence stands for."""
    return db.exec(
        select(AttemptRow).where(AttemptRow.bead_uid == bead_uid, AttemptRow.fence == fence)
    ).first()


def start_attempt(
    db: Session,
    *,
    bead_uid: str,
    namespace: str,
    bead: str,
    fence: int,
    claim_id: str,
    worker: str,
    session: str,
    profile: str,
    model: str | None,
    attempt: int,
    iteration: int,
    granted: tuple[float, int] | None = None,
    now: datetime,
) -> None:
    """Record a granted claim. Again for the same fence: what is known of it is filled in, never undone."""
    row = attempt_of(db, bead_uid, fence)
    if row is None:
        row = AttemptRow(
            bead_uid=bead_uid,
            fence=fence,
            namespace=namespace,
            bead=bead,
            claim_id=claim_id,
            worker=worker,
            session=session,
            profile=profile,
            model=model,
            attempt=attempt,
            iteration=iteration,
            started_at=now,
        )
        give(row, granted)
        db.add(row)
        return
    row.claim_id, row.worker, row.session = claim_id, worker, session
    row.profile, row.model, row.attempt = profile, model, attempt
    row.iteration = max(row.iteration, iteration)


def end_attempt(
    db: Session,
    *,
    bead_uid: str,
    fence: int,
    kind: str,
    reason: str | None = None,
    summary: str = "",
    counted: bool,
    now: datetime,
) -> None:
    """End a running attempt; one that has ended stays as it ended."""
    row = attempt_of(db, bead_uid, fence)
    if row is None or row.ended_at is not None:
        return
    row.ended_at, row.kind, row.reason, row.summary, row.counted = now, kind, reason, summary, counted


def save_session(
    db: Session,
    *,
    namespace: str,
    worker: str,
    name: str,
    state: str,
    restarts: int,
    next_start_at: datetime | None = None,
    started_at: datetime | None = None,
    last_error: str = "",
) -> None:
    """Remember a session, in place of what was remembered of it."""
    row = db.exec(
        select(SessionRow).where(
            SessionRow.namespace == namespace, SessionRow.worker == worker, SessionRow.name == name
        )
    ).first()
    if row is None:
        row = SessionRow(namespace=namespace, worker=worker, name=name, state=state)
        db.add(row)
    row.state, row.restarts, row.last_error = state, restarts, last_error
    row.next_start_at, row.started_at = next_start_at, started_at


def forget_sessions(db: Session, *, namespace: str, worker: str, name: str | None = None) -> None:
    """Forget one session of a Worker, or all of them."""
    chosen = select(SessionRow).where(SessionRow.namespace == namespace, SessionRow.worker == worker)
    if name is not None:
        chosen = chosen.where(SessionRow.name == name)
    for row in db.exec(chosen):
        db.delete(row)
