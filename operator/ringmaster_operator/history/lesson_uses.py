"""Uses of lessons: who was given which, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, update
from sqlmodel import Session, select

from ringmaster_operator.history.lesson_queries import base_rate
from ringmaster_operator.history.lesson_tables import LessonRow, LessonUseRow
from ringmaster_operator.history.lessons import ACTIVE, Teaching, contradict, retire, teach, trusted
from ringmaster_operator.history.prepared import Prepared, table
from ringmaster_operator.history.taught import untaught
from ringmaster_operator.recall import Match, hopeless

_USE = table(LessonUseRow)
_CLOSE = Prepared(
    lambda _: (
        update(_USE)
        .where(
            _USE.c.bead_uid == bindparam("uid"),
            _USE.c.fence == bindparam("of_fence"),
            _USE.c.ended_at.is_(None),
        )
        .values(
            ended_at=bindparam("now", type_=_USE.c.ended_at.type),
            success=bindparam("as_success", type_=_USE.c.success.type),
        )
        .returning(_USE.c.lesson_id, _USE.c.given)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a report says of lessons."""

    teaching: Teaching
    """Where it comes from, and the lesson, if it has one."""
    contradicts: tuple[int, ...] = ()
    """Lessons that the run found wrong."""
    success: bool | None = None
    """How the attempt ended; None where that says nothing of the agent."""


def learn_lessons(db: Session, *, learned: Learned, fence: int, ended: bool, now: datetime) -> None:
    """Keep what a report teaches. Its caller sees to it that a repeated report teaches nothing."""
    teaching = learned.teaching
    if teaching.text:
        teach(db, teaching=teaching, now=now)
    if learned.contradicts:
        contradict(db, lessons=learned.contradicts, teaching=teaching, fence=fence, now=now)
    if ended and teaching.bead_uid and not untaught(db, teaching.namespace):
        close_uses(db, bead_uid=teaching.bead_uid, fence=fence, success=learned.success, now=now)


def note_uses(
    db: Session,
    *,
    namespace: str,
    bead_uid: str,
    bead: str,
    fence: int,
    attempt: int,
    given: bool,
    matches: Sequence[Match],
    now: datetime,
) -> None:
    """The attempt was given these lessons, or they were held back from it. Again: nothing changes."""
    known = select(LessonUseRow.id).where(LessonUseRow.bead_uid == bead_uid, LessonUseRow.fence == fence)
    if db.exec(known).first() is not None:
        return
    for match in matches:
        db.add(
            LessonUseRow(
                lesson_id=match.lesson.id,
                namespace=namespace,
                bead_uid=bead_uid,
                bead=bead,
                fence=fence,
                attempt=attempt,
                given=given,
                score=match.score,
                why=match.why,
                at=now,
            )
        )


def close_uses(db: Session, *, bead_uid: str, fence: int, success: bool | None, now: datetime) -> None:
    """The attempt has ended. Lessons that were given to it are judged by that, and useless ones retired."""
    given = {"uid": bead_uid, "of_fence": fence, "now": now, "as_success": success}
    for lesson_id, was_given in _CLOSE.run(db, given).all():
        row = db.get(LessonRow, lesson_id) if was_given and success is not None else None
        if row is None:
            continue
        row.successes, row.failures = row.successes + bool(success), row.failures + (not success)
        if success or row.state != ACTIVE or trusted(row):
            continue
        if hopeless(row.successes, row.failures, base=base_rate(db, namespace=row.namespace)):
            uses_ = row.successes + row.failures
            retire(db, row, f"of {uses_} attempts that were given it, {row.failures} failed", now=now)
