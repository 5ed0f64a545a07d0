"""Taking back what people did to lessons: looked at, changed and told in one transaction.

A lesson that is taken back is retired, not deleted: it may have been told to agents meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.lesson_tables import LessonEvidenceRow, LessonRow
from ringmaster_operator.history.lessons import (
    ACTIVE,
    RETIRED,
    Teaching,
    alike,
    index,
    retire,
    teach,
    trusted,
)
from ringmaster_operator.history.user_records import Actor, AuditEntry, Change
from ringmaster_operator.recall import terms

Body = dict[str, Any]
IMPORT = "lesson.import"
NEVER_TOUCHED: Body = {"state": ACTIVE, "endorsedBy": [], "retiredReason": ""}
"""As imported lessons are until somebody does something to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A lesson that a person has written down."""

    id: int
    before: Body | None
    """What it was; None where nobody had said it before."""


def add_lesson(db: Session, *, teaching: Teaching, now: datetime) -> Added | None:
    """As teach, for a person: with what the lesson was before."""
    known, _ = alike(db, teaching)
    before = lesson_state(known) if known is not None else None
    told = teach(db, teaching=teaching, now=now)
    return Added(id=told[0], before=before) if told is not None else None


def lesson_state(row: LessonRow) -> Body:
    """What people change of a lesson, as the audit log has it."""
    return {
        "state": row.state,
        "endorsedBy": list(row.endorsed_by),
        "retiredReason": row.retired_reason,
    }


def lesson_present(db: Session, *, change: Change) -> Body | None:
    """What is so now, in the form of change.after."""
    if change.action == IMPORT:
        return change.after if _imported(db, change) else {"lessons": []}
    row = _row(db, change.namespace, change.name)
    if row is None or (change.after is None and row.retired_reason == taken_back(change.undo_of)):
        return None
    now = lesson_state(row) | {"lesson": row.text}
    return {name: now[name] for name in change.after or now if name in now}


def undo_lesson(db: Session, *, entry: AuditEntry, actor: Actor, now: datetime) -> int | None:
    """Make it what it was before; the id of the line that tells of it, None where it is not so any more."""
    change = entry.change
    if lesson_present(db, change=change) != change.after:
        return None
    gone = {"state": RETIRED, "endorsedBy": [], "retiredReason": taken_back(entry.id)}
    if change.action == IMPORT:
        rows, target = _imported(db, change), NEVER_TOUCHED
    else:
        row = _row(db, change.namespace, change.name)
        rows, target = [row] if row is not None else [], change.before or {}
    for item in rows:
        _put(db, item, gone if change.before is None else target, person=actor.person, now=now)
    told = Change(
        action=change.action,
        kind=change.kind,
        name=change.name,
        namespace=change.namespace,
        before=change.after,
        after=change.before,
        undo_of=entry.id,
    )
    return record_audit(db, actor=actor, change=told, now=now)


def taken_back(change: int | None) -> str:
    """Why a lesson is retired whose addition was undone."""
    return f"change {change} was undone"


def _put(db: Session, row: LessonRow, target: Body, *, person: str, now: datetime) -> None:
    if set(row.endorsed_by) - set(target["endorsedBy"]):
        db.add(LessonEvidenceRow(lesson_id=row.id, kind="withdrawn", at=now, person=person))
    row.endorsed_by = list(target["endorsedBy"])
    if target["state"] == row.state:
        return
    if target["state"] == RETIRED:
        retire(db, row, target.get("retiredReason", ""), now=now, person=person)
        return
    row.state, row.retired_reason, row.updated_at = ACTIVE, "", now
    index(db, row, terms(row.text))


def _row(db: Session, namespace: str, name: str) -> LessonRow | None:
    row = db.get(LessonRow, int(name))
    return row if row is not None and row.namespace == namespace else None


def _imported(db: Session, change: Change) -> list[LessonRow]:
    """Lessons of an import that nobody has touched since; of one that was undone, those retired by that."""
    told = change.before if change.after is None else change.after
    ids = (told or {}).get("lessons") or []
    rows = [row for number in ids if (row := _row(db, change.namespace, str(number))) is not None]
    if change.after is None:
        return [row for row in rows if row.retired_reason == taken_back(change.undo_of)]
    return [row for row in rows if row.state == ACTIVE and not trusted(row)]
