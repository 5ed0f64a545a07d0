"""In how many active lessons words are: rare ones tell lessons apart, and have few postings to be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col

from ringmaster_operator.history.lesson_tables import LessonTermRow


def spread_of(db: Session, namespace: str, words: Collection[str]) -> dict[str, int]:
    """In how many lessons of the namespace each word is; words that are in none are left out."""
    query = (
        columns(col(LessonTermRow.term), func.count())
        .where(col(LessonTermRow.namespace) == namespace, col(LessonTermRow.term).in_(words))
        .group_by(col(LessonTermRow.term))
    )
    return {str(term): int(count) for term, count in db.connection().execute(query)}


def rarest(spread: Mapping[str, int], most: int) -> list[str]:
    """The rarest words, as far as their postings together are not more than that; one at least."""
    chosen: list[str] = []
    left = most
    for word in sorted(spread, key=lambda word: (spread[word], word)):
        if chosen and spread[word] > left:
            break
        chosen.append(word)
        left -= spread[word]
    return chosen
