"""Answers that are kept for calls that are sent again, for a day: the same key gets the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, delete
from sqlmodel import Field, Session, col, select

from ringmaster_operator.history.columns import Identity, UtcTime, Words
from ringmaster_operator.history.tables import Table


class AnswerRow(Table, table=True):
    """One answer, for one person and key."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("person", "key"), Index(None, "at"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    person: str = Field(sa_type=Words)
    key: str
    digest: str
    """Of what was asked: method, path, query and body."""
    status: int
    media: str
    etag: str
    body: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=UtcTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer, and the digest of what it answered."""

    digest: str
    status: int
    media: str
    etag: str
    body: bytes


def find_answer(db: Session, *, person: str, key: str, since: datetime) -> KeptAnswer | None:
    """The answer that was kept since then."""
    row = db.exec(
        select(AnswerRow).where(AnswerRow.person == person, AnswerRow.key == key, AnswerRow.at >= since)
    ).first()
    return None if row is None else KeptAnswer(**{name: getattr(row, name) for name in KeptAnswer.__slots__})


def keep_answer(
    db: Session, *, person: str, key: str, answer: KeptAnswer, now: datetime, expired: datetime
) -> None:
    """Keep an answer in place of an older one, and forget all from before `expired`."""
    db.execute(delete(AnswerRow).where(col(AnswerRow.at) < expired))
    row = db.exec(select(AnswerRow).where(AnswerRow.person == person, AnswerRow.key == key)).first()
    if row is None:
        row = AnswerRow(person=person, key=key, digest="", status=0, media="", etag="", body=b"", at=now)
        db.add(row)
    for name in KeptAnswer.__slots__:
        setattr(row, name, getattr(answer, name))
    row.at = now
