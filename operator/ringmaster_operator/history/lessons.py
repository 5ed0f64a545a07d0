"""Writes of lessons. What an agent taught is learned in its report's transaction: once, and never lost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from ringmaster_operator.history.lesson_tables import (
    LessonEvidenceRow,
    LessonRow,
    LessonTermRow,
    LessonUseRow,
)
from ringmaster_operator.history.lesson_words import spread_of
from ringmaster_operator.history.taught import note
from ringmaster_operator.recall import SAME, Situation, key_of, negative, overlap, terms
from ringmaster_operator.resources.lesson import LessonOrigin, LessonState
from ringmaster_operator.resources.reflexion import MAX_PATHS

MOST = 5000
"""Active lessons of a namespace; beyond that the one that was confirmed longest ago is retired."""
LEAST_TERMS = 3
"""A text of fewer words teaches nothing."""
ACTIVE, RETIRED = LessonState.ACTIVE.value, LessonState.RETIRED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """A lesson as it comes in, and where it comes from."""

    namespace: str
    text: str
    cause: str = ""
    where: Situation
    origin: LessonOrigin
    author: str = ""
    confidence: float = 0.5
    bead_uid: str | None = None
    bead: str | None = None
    attempt: int | None = None
    iteration: int | None = None
    report_id: str | None = None
    commit: str | None = None
    log: str = ""
    person: str = ""


def teach(db: Session, *, teaching: Teaching, now: datetime) -> tuple[int, bool] | None:
    """Add a lesson, or strengthen the one that says the same: its id, and whether it is new.

    None when the text is too short to teach anything. A lesson that says the opposite is doubted for it.
    One that people have retired stays retired.
    """
    words = terms(teaching.text)
    if len(set(words)) < LEAST_TERMS:
        return None
    row, opposed = alike(db, teaching)
    for near in opposed:
        _doubt(db, near, teaching, now=now)
    if row is not None:
        _strengthen(db, row, teaching, now=now)
        return row.id, False
    row = _new(teaching, key_of(teaching.text, teaching.where), len(words), now)
    db.add(row)
    db.flush()
    index(db, row, words)
    kind = {LessonOrigin.AGENT: "learned", LessonOrigin.PERSON: "added", LessonOrigin.IMPORT: "imported"}
    db.add(_evidence(row, kind[teaching.origin], teaching, now))
    _bound(db, teaching.namespace)
    return row.id, True


def teach_all(db: Session, *, teachings: Sequence[Teaching], now: datetime) -> tuple[list[int], int]:
    """As teach, for each; the ids of those that were added, and how many were strengthened."""
    told = [done for item in teachings if (done := teach(db, teaching=item, now=now)) is not None]
    return [lesson for lesson, new in told if new], sum(not new for _, new in told)


def alike(db: Session, teaching: Teaching) -> tuple[LessonRow | None, list[LessonRow]]:
    """The lesson that says the same, and those that say the opposite."""
    key = key_of(teaching.text, teaching.where)
    row = db.exec(
        select(LessonRow).where(LessonRow.namespace == teaching.namespace, LessonRow.key == key)
    ).first()
    near = _near(db, teaching, terms(teaching.text)) if row is None else []
    same = [item for item in near if negative(item.text) == negative(teaching.text)]
    return row or next(iter(same), None), [item for item in near if item not in same]


def contradict(db: Session, *, lessons: Iterable[int], teaching: Teaching, fence: int, now: datetime) -> None:
    """The run found lessons wrong; only those that it was given are doubted."""
    for lesson in set(lessons):
        given = db.exec(
            select(LessonUseRow.id).where(
                LessonUseRow.lesson_id == lesson,
                LessonUseRow.bead_uid == teaching.bead_uid,
                LessonUseRow.fence == fence,
                col(LessonUseRow.given).is_(True),
            )
        ).first()
        row = db.get(LessonRow, lesson)
        if given is not None and row is not None and row.namespace == teaching.namespace:
            _doubt(db, row, teaching, now=now)


def endorse(db: Session, *, namespace: str, lesson: int, person: str, now: datetime) -> bool:
    """A person vouches for it; a retired one is active again. False when there is none."""
    row = _row(db, namespace, lesson)
    if row is None:
        return False
    if person not in row.endorsed_by:
        row.endorsed_by = [*row.endorsed_by, person][-20:]
        row.updated_at = now
        db.add(LessonEvidenceRow(lesson_id=row.id, kind="endorsed", at=now, person=person))
    if row.state == RETIRED:
        row.state, row.retired_reason = ACTIVE, ""
        row.updated_at = now
        index(db, row, terms(row.text))
    return True


def retire_lesson(
    db: Session, *, namespace: str, lesson: int, person: str, reason: str = "", now: datetime
) -> bool:
    """Give it to nobody any more. False when there is none; retiring it again changes nothing."""
    row = _row(db, namespace, lesson)
    if row is not None and row.state == ACTIVE:
        row.endorsed_by = []
        retire(db, row, reason or f"retired by {person}", now=now, person=person)
    return row is not None


def retire(db: Session, row: LessonRow, reason: str, *, now: datetime, person: str = "") -> None:
    """Take it out of what is searched; it stays to be seen."""
    row.state, row.retired_reason, row.updated_at = RETIRED, reason, now
    db.exec(delete(LessonTermRow).where(col(LessonTermRow.lesson_id) == row.id))
    db.add(LessonEvidenceRow(lesson_id=row.id, kind="retired", at=now, person=person))


def _row(db: Session, namespace: str, lesson: int) -> LessonRow | None:
    row = db.get(LessonRow, lesson)
    return row if row is not None and row.namespace == namespace else None


def _near(db: Session, teaching: Teaching, words: Sequence[str]) -> list[LessonRow]:
    """Active lessons of the same repository in nearly the same words, the nearest first.

    What has so many of the words has at least one of any that are more than it may lack: only lessons with
    one of so many rarest ones are compared.
    """
    distinct = set(words)
    spread = spread_of(db, teaching.namespace, distinct)
    lacks = len(distinct) - math.ceil(SAME * len(distinct))
    rare = sorted(distinct, key=lambda word: (spread.get(word, 0), word))[: lacks + 1]
    telling = [word for word in rare if word in spread]
    if not telling:
        return []
    holders = select(LessonTermRow.lesson_id).where(
        LessonTermRow.namespace == teaching.namespace, col(LessonTermRow.term).in_(telling)
    )
    rows = db.exec(
        select(LessonRow).where(
            col(LessonRow.id).in_(holders), LessonRow.repository == teaching.where.repository
        )
    ).all()
    found = [(overlap(distinct, terms(row.text)), row) for row in rows]
    found = [(share, row) for share, row in found if share >= SAME]
    return [row for _, row in sorted(found, key=lambda item: (-item[0], item[1].id))][:20]


def _strengthen(db: Session, row: LessonRow, teaching: Teaching, *, now: datetime) -> None:
    """It was learned again: by another bead or person it counts more, and it holds where that one was too."""
    told = select(LessonEvidenceRow.id).where(LessonEvidenceRow.lesson_id == row.id)
    told = (
        told.where(LessonEvidenceRow.bead_uid == teaching.bead_uid)
        if teaching.bead_uid
        else told.where(LessonEvidenceRow.person == teaching.person)
    )
    known = db.exec(told).first() is not None
    kind = {LessonOrigin.AGENT: "learned", LessonOrigin.PERSON: "endorsed", LessonOrigin.IMPORT: "imported"}
    if not known:
        row.seen += 1
        row.confidence = max(row.confidence, teaching.confidence)
        row.updated_at = now
        db.add(_evidence(row, kind[teaching.origin], teaching, now))
    where = teaching.where
    row.paths = _joined(row.paths, where.paths)
    row.capabilities = _joined(row.capabilities, where.capabilities)
    row.failure_classes = _joined(row.failure_classes, where.failure_classes)
    row.profile = row.profile if row.profile == where.profile else ""
    if teaching.origin is LessonOrigin.PERSON:
        endorse(db, namespace=row.namespace, lesson=row.id, person=teaching.person, now=now)


def _doubt(db: Session, row: LessonRow, teaching: Teaching, *, now: datetime) -> None:
    """It was found wrong; more beads against it than for it retire it, unless a person vouches for it."""
    told = select(LessonEvidenceRow.id).where(
        LessonEvidenceRow.lesson_id == row.id,
        LessonEvidenceRow.kind == "contradicted",
        LessonEvidenceRow.bead_uid == teaching.bead_uid,
        LessonEvidenceRow.person == teaching.person,
    )
    if db.exec(told).first() is not None:
        return
    row.contradicted += 1
    db.add(_evidence(row, "contradicted", teaching, now))
    if row.contradicted > row.seen and row.state == ACTIVE and not trusted(row):
        retire(db, row, f"found wrong by {row.contradicted}, taught by {row.seen}", now=now)


def trusted(row: LessonRow) -> bool:
    return row.origin == LessonOrigin.PERSON or bool(row.endorsed_by)


def _new(teaching: Teaching, key: str, length: int, now: datetime) -> LessonRow:
    where = teaching.where
    return LessonRow(
        namespace=teaching.namespace,
        key=key,
        text=teaching.text,
        cause=teaching.cause,
        repository=where.repository,
        paths=list(where.paths)[:MAX_PATHS],
        capabilities=list(where.capabilities)[:MAX_PATHS],
        failure_classes=list(where.failure_classes)[:MAX_PATHS],
        profile=where.profile,
        origin=teaching.origin.value,
        author=teaching.author,
        endorsed_by=[],
        confidence=teaching.confidence,
        length=length,
        created_at=now,
        updated_at=now,
    )


def index(db: Session, row: LessonRow, words: Sequence[str]) -> None:
    """Of the lesson and, counted once, of its cause and its paths."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    for word in terms(" ".join([row.cause, *row.paths])):
        counts.setdefault(word, 1)
    for term, count in counts.items():
        db.add(LessonTermRow(lesson_id=row.id, term=term[:200], namespace=row.namespace, count=count))
    row.length = sum(counts.values())
    note(db, row.namespace)
    db.flush()


def _evidence(row: LessonRow, kind: str, teaching: Teaching, now: datetime) -> LessonEvidenceRow:
    return LessonEvidenceRow(
        lesson_id=row.id,
        kind=kind,
        at=now,
        bead_uid=teaching.bead_uid,
        bead=teaching.bead,
        attempt=teaching.attempt,
        iteration=teaching.iteration,
        report_id=teaching.report_id,
        commit=teaching.commit,
        log=teaching.log,
        person=teaching.person,
    )


def _joined(known: list[Any], more: Iterable[str]) -> list[Any]:
    return list(dict.fromkeys([*known, *more]))[:MAX_PATHS]


def _bound(db: Session, namespace: str) -> None:
    there = select(func.count()).where(LessonRow.namespace == namespace, LessonRow.state == ACTIVE)
    if db.exec(there).one() <= MOST:
        return
    oldest = db.exec(
        select(LessonRow)
        .where(LessonRow.namespace == namespace, LessonRow.state == ACTIVE)
        .order_by(col(LessonRow.updated_at), col(LessonRow.id))
        .limit(1)
    ).one()
    retire(db, oldest, f"more than {MOST} lessons", now=oldest.updated_at)
