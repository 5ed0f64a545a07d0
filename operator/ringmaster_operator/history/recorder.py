"""The writes, as functions of a database session; each is one transaction and may be repeated.

Times come from the caller's clock. Rows are looked up before they are added: there is one writer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import case, func
from sqlmodel import Session, col, select, update

from ringmaster_operator.history.prepared import Insert, Prepared, columns, table
from ringmaster_operator.history.tables import AttemptRow, BeadRow, SessionRow
from ringmaster_operator.resources.bead import Bead

TOGETHER = 500
"""Uids named in one statement."""


def _seen(insert: Insert) -> Any:
    """A bead that is deleted keeps the time at which that was first seen."""
    made = insert(_BEAD)
    changed: dict[str, Any] = {
        name: made.excluded[name] for name in columns(_BEAD, without=("uid", "first_seen"))
    }
    gone = made.excluded.deleted_at
    changed["deleted_at"] = case((gone.is_not(None), func.coalesce(_BEAD.c.deleted_at, gone)))
    return made.on_conflict_do_update(index_elements=["uid"], set_=changed)


_BEAD = table(BeadRow)
_SEE = Prepared(_seen, gives=columns(_BEAD))


def record_beads(db: Session, *, seen: Iterable[tuple[Bead, bool]], now: datetime) -> None:
    """Keep beads as they are seen now; True for one that is deleted."""
    if rows := [_row(bead, now, deleted=deleted) for bead, deleted in seen]:
        _SEE.many(db, rows)


def _row(bead: Bead, now: datetime, *, deleted: bool) -> dict[str, Any]:
    return {
        "uid": bead.metadata.uid,
        "namespace": bead.metadata.namespace,
        "name": bead.metadata.name,
        "title": bead.spec.title,
        "type": bead.spec.type.value,
        "priority": bead.spec.priority.value,
        "phase": bead.status.phase.value if bead.status.phase else None,
        "spec": bead.spec.lean(),
        "status": bead.status.lean(),
        "first_seen": now,
        "last_seen": now,
        "deleted_at": now if deleted else None,
    }


def forget_beads(db: Session, *, namespace: str, alive: Collection[str], now: datetime) -> int:
    """Mark beads that are not among the `alive` uids as deleted; how many. An empty namespace means all."""
    there = select(BeadRow.uid).where(col(BeadRow.deleted_at).is_(None))
    if namespace:
        there = there.where(BeadRow.namespace == namespace)
    # Compared here and not in the query: no database takes 10,000 uids as parameters.
    gone = [uid for uid in db.exec(there) if uid not in alive]
    for first in range(0, len(gone), TOGETHER):
        some = col(BeadRow.uid).in_(gone[first : first + TOGETHER])
        db.exec(update(BeadRow).where(some).values(deleted_at=now))
    return len(gone)


def attempt_of(db: Session, bead_uid: str, fence: int) -> AttemptRow | None:
    """The attempt that this fence stands for."""
    return db.exec(
        select(AttemptRow).where(AttemptRow.bead_uid == bead_uid, AttemptRow.fence == fence)
    ).first()


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
