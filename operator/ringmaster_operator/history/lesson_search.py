"""Which lessons fit a piece of work: every claim asks, so it must not read all lessons there are.

The rarest words of the work tell which lessons come into question, for they count most: the postings of
common words would be too many. Of those lessons all words count, by BM25.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from heapq import nlargest

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ringmaster_operator.history.lesson_queries import StoredLesson, base_rate, stored
from ringmaster_operator.history.lesson_tables import LessonRow, LessonTermRow
from ringmaster_operator.history.lesson_words import rarest, spread_of
from ringmaster_operator.recall import (
    MAX_TERMS,
    Match,
    Situation,
    bm25,
    fit,
    frequencies,
    rarity,
    terms,
    worth,
)
from ringmaster_operator.resources.lesson import LessonState

POSTINGS = 4000
"""Postings that are read: those of the rarest words, up to so many."""
NEAR = 100
"""Lessons of which all words are weighed."""
CANDIDATES = 40
"""Lessons that are looked at closely."""


def matching_lessons(
    db: Session, *, namespace: str, text: str, here: Situation, now: datetime
) -> list[tuple[StoredLesson, Match]]:
    """Active lessons that have words of the text, or a path in it, the best first."""
    words = list(dict.fromkeys(terms(text)))[:MAX_TERMS]
    spread = spread_of(db, namespace, words) if words else {}
    if not spread:
        return []
    scores = _scores(db, namespace, spread)
    base, found = base_rate(db, namespace=namespace), []
    best = sorted(scores, key=lambda item: (-scores[item][0], item))[:CANDIDATES]
    for row in db.exec(select(LessonRow).where(col(LessonRow.id).in_(best))):
        lesson = stored(row)
        score, why = fit(lesson.known, here, *scores[row.id], text)
        score *= worth(lesson.known, base=base, now=now)
        if score > 0:
            found.append((lesson, Match(lesson=lesson.known, score=score, why=why)))
    return sorted(found, key=lambda item: (-item[1].score, item[1].lesson.id))


def _scores(db: Session, namespace: str, spread: Mapping[str, int]) -> dict[int, tuple[float, list[str]]]:
    """BM25 of the lessons that the rarest words put in front."""
    connection = db.connection()
    active = (col(LessonRow.namespace) == namespace, col(LessonRow.state) == LessonState.ACTIVE.value)
    total, average = connection.execute(
        columns(func.count(), func.avg(LessonRow.length)).where(*active)
    ).one()
    chosen = rarest(spread, POSTINGS)
    weights = {word: rarity(word, spread[word], int(total)) for word in chosen}
    first: dict[int, float] = {}
    postings = columns(col(LessonTermRow.lesson_id), col(LessonTermRow.term)).where(
        col(LessonTermRow.namespace) == namespace, col(LessonTermRow.term).in_(chosen)
    )
    for lesson, term in connection.execute(postings).all():
        first[lesson] = first.get(lesson, 0.0) + weights[term]
    near = nlargest(NEAR, first, key=lambda lesson: (first[lesson], -lesson))
    terms_of = columns(col(LessonTermRow.lesson_id), col(LessonTermRow.term), col(LessonTermRow.count))
    found = connection.execute(terms_of.where(col(LessonTermRow.lesson_id).in_(near))).all()
    counts = frequencies((lesson, term, count) for lesson, term, count in found if term in spread)
    sizes = columns(col(LessonRow.id), col(LessonRow.length)).where(col(LessonRow.id).in_(near))
    lengths = {int(lesson): int(length) for lesson, length in connection.execute(sizes).all()}
    return bm25(counts, lengths, total=int(total), spread=spread, average=float(average or 1.0))
