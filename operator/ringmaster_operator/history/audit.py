"""The audit log: lines are added and read, and there is no function that alters one.

Credentials are taken out of what people wrote before it gets here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from ringmaster_operator.history.user_records import Actor, AuditEntry, Change
from ringmaster_operator.history.user_tables import AuditRow
from ringmaster_operator.resources.redaction import Redactor

_SHAPES = Redactor()
_CHANGE = tuple(Change.__dataclass_fields__)
_ACTOR = tuple(Actor.__dataclass_fields__)


def record_audit(db: Session, *, actor: Actor, change: Change, now: datetime) -> int:
    """Add a line, without credentials in it; its id."""
    told = {name: getattr(change, name) for name in _CHANGE} | {name: getattr(actor, name) for name in _ACTOR}
    told |= {"before": _SHAPES.body(change.before), "after": _SHAPES.body(change.after)}
    row = AuditRow(at=now, **told)
    db.add(row)
    db.flush()
    return row.id


def audit_entry(db: Session, *, id: int) -> AuditEntry | None:
    """One line."""
    row = db.get(AuditRow, id)
    return None if row is None else _entries(db, [row])[0]


def audit_entries(
    db: Session,
    *,
    namespace: str | None = None,
    person: str | None = None,
    kind: str | None = None,
    name: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """The lines that fit all that is given, the newest first; `before` is the id to go on from.

    `since` is part of the time, `until` is not.
    """
    chosen = select(AuditRow)
    for column, value in (
        (AuditRow.namespace, namespace),
        (AuditRow.person, person),
        (AuditRow.kind, kind),
        (AuditRow.name, name),
        (AuditRow.action, action),
    ):
        if value is not None:
            chosen = chosen.where(col(column) == value)
    if since is not None:
        chosen = chosen.where(col(AuditRow.at) >= since)
    if until is not None:
        chosen = chosen.where(col(AuditRow.at) < until)
    if before is not None:
        chosen = chosen.where(col(AuditRow.id) < before)
    return _entries(db, list(db.exec(chosen.order_by(col(AuditRow.id).desc()).limit(limit))))


def _entries(db: Session, rows: list[AuditRow]) -> list[AuditEntry]:
    later = aliased(AuditRow)
    undoing = select(later.undo_of, later.id).where(col(later.undo_of).in_([row.id for row in rows]))
    undone = dict(db.exec(undoing).all())
    return [
        AuditEntry(
            id=row.id,
            at=row.at,
            actor=Actor(**{name: getattr(row, name) for name in _ACTOR}),
            change=Change(**{name: getattr(row, name) for name in _CHANGE}),
            undone_by=undone.get(row.id),
        )
        for row in rows
    ]
