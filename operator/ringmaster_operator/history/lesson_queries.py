"""Reads of lessons: those that fit a piece of work, lists for people, and what lessons do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ringmaster_operator.history.lesson_tables import (
    LessonEvidenceRow,
    LessonRow,
    LessonUseRow,
)
from ringmaster_operator.history.tables import AttemptRow, IterationRow, SpendingRow
from ringmaster_operator.recall import Known, Situation
from ringmaster_operator.resources.lesson import LessonEvidence, LessonOrigin, LessonState

RECENT = 500
"""Attempts that the usual success rate is of."""
SUCCESSES = ("success", "likely_success")
UNKNOWN_RATE, UNKNOWN_WEIGHT = 0.6, 4
"""The usual success rate while little is known, and how many attempts that is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLesson:
    """A lesson as recorded."""

    known: Known
    namespace: str
    origin: LessonOrigin
    author: str
    endorsed_by: tuple[str, ...]
    state: LessonState
    retired_reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A lesson that was given to an attempt, or held back from it."""

    lesson: StoredLesson
    given: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An ended attempt and what became of it; given is None where no lesson fitted."""

    given: bool | None
    success: bool
    iterations: int
    usd: float


def situation(row: LessonRow) -> Situation:
    """Where the lesson holds."""
    return Situation(
        repository=row.repository,
        paths=tuple(row.paths),
        capabilities=tuple(row.capabilities),
        failure_classes=tuple(row.failure_classes),
        profile=row.profile,
    )


def known(row: LessonRow) -> Known:
    """The lesson for recall's arithmetic."""
    return Known(
        id=row.id,
        text=row.text,
        cause=row.cause,
        where=situation(row),
        trusted=row.origin == LessonOrigin.PERSON or bool(row.endorsed_by),
        confidence=row.confidence,
        seen=row.seen,
        contradicted=row.contradicted,
        successes=row.successes,
        failures=row.failures,
        at=row.updated_at,
    )


def lesson_uses(db: Session, *, bead_uid: str, fence: int) -> list[Use]:
    """What was decided for this attempt, the best lesson first."""
    rows = db.exec(
        select(LessonUseRow, LessonRow)
        .join(LessonRow, col(LessonRow.id) == col(LessonUseRow.lesson_id))
        .where(LessonUseRow.bead_uid == bead_uid, LessonUseRow.fence == fence)
        .order_by(col(LessonUseRow.id))
    )
    return [Use(lesson=stored(row), given=use.given, why=use.why) for use, row in rows]


def lessons_in(
    db: Session,
    *,
    namespace: str,
    state: LessonState | None = LessonState.ACTIVE,
    repository: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[StoredLesson]:
    """Lessons of a namespace by id, from the one after `after` on."""
    chosen = select(LessonRow).where(LessonRow.namespace == namespace, LessonRow.id > after)
    if state is not None:
        chosen = chosen.where(LessonRow.state == state.value)
    if repository is not None:
        chosen = chosen.where(LessonRow.repository == repository)
    return [stored(row) for row in db.exec(chosen.order_by(col(LessonRow.id)).limit(limit))]


def lesson(db: Session, *, namespace: str, lesson: int) -> StoredLesson | None:
    """One lesson, active or retired."""
    row = db.get(LessonRow, lesson)
    return stored(row) if row is not None and row.namespace == namespace else None


def lesson_evidence(db: Session, *, lesson: int, limit: int = 100) -> list[LessonEvidence]:
    """What speaks for and against it, the newest first."""
    rows = db.exec(
        select(LessonEvidenceRow)
        .where(LessonEvidenceRow.lesson_id == lesson)
        .order_by(col(LessonEvidenceRow.id).desc())
        .limit(limit)
    )
    fields = LessonEvidence.model_fields
    return [LessonEvidence.model_validate({name: getattr(row, name) for name in fields}) for row in rows]


def lesson_counts(db: Session, *, namespace: str) -> dict[str, int]:
    """Lessons by state."""
    rows = db.exec(
        select(LessonRow.state, func.count())
        .where(LessonRow.namespace == namespace)
        .group_by(LessonRow.state)
    )
    return {str(state): int(count) for state, count in rows}


def base_rate(db: Session, *, namespace: str) -> float:
    """Success rate of the namespace's last attempts."""
    kinds = (
        db.connection()
        .execute(
            columns(col(AttemptRow.kind))
            .where(
                col(AttemptRow.namespace) == namespace,
                col(AttemptRow.kind).is_not(None),
                col(AttemptRow.counted).is_(True),
            )
            .order_by(col(AttemptRow.id).desc())
            .limit(RECENT)
        )
        .all()
    )
    good = sum(kind in SUCCESSES for (kind,) in kinds)
    return (good + UNKNOWN_RATE * UNKNOWN_WEIGHT) / (len(kinds) + UNKNOWN_WEIGHT)


def tried(db: Session, *, namespace: str, since: datetime | None = None) -> list[Tried]:
    """Ended attempts whose end says something of the agent, with whether lessons were given to them."""
    chosen = select(AttemptRow).where(
        AttemptRow.namespace == namespace,
        col(AttemptRow.ended_at).is_not(None),
        col(AttemptRow.counted).is_(True),
        col(AttemptRow.kind).in_((*SUCCESSES, "failed", "likely_failed", "incomplete")),
    )
    if since is not None:
        chosen = chosen.where(AttemptRow.started_at >= since)
    attempts = db.exec(chosen).all()
    uses = {
        (uid, fence): bool(given)
        for uid, fence, given in db.exec(
            select(LessonUseRow.bead_uid, LessonUseRow.fence, LessonUseRow.given).where(
                LessonUseRow.namespace == namespace
            )
        )
    }
    rounds = _counts(
        db.exec(
            select(IterationRow.attempt_id, func.count())
            .where(IterationRow.namespace == namespace)
            .group_by(col(IterationRow.attempt_id))
        ).all()
    )
    spent = {
        str(claim): float(usd)
        for claim, usd in db.exec(
            select(SpendingRow.claim_id, func.sum(SpendingRow.usd))
            .where(SpendingRow.namespace == namespace)
            .group_by(SpendingRow.claim_id)
        )
    }
    return [
        Tried(
            given=uses.get((row.bead_uid, row.fence)),
            success=row.kind in SUCCESSES,
            iterations=rounds.get(row.id, 0),
            usd=spent.get(row.claim_id, 0.0),
        )
        for row in attempts
    ]


def _counts(rows: Sequence[tuple[int, int]]) -> dict[int, int]:
    return {int(key): int(count) for key, count in rows}


def stored(row: LessonRow) -> StoredLesson:
    """The row as others see it."""
    return StoredLesson(
        known=known(row),
        namespace=row.namespace,
        origin=LessonOrigin(row.origin),
        author=row.author,
        endorsed_by=tuple(row.endorsed_by),
        state=LessonState(row.state),
        retired_reason=row.retired_reason,
        created_at=row.created_at,
    )
