"""The tables of lessons: what they say, their words, what speaks for them, and who was given them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from ringmaster_operator.history.columns import Identity, UtcTime, Words
from ringmaster_operator.history.tables import Table


class LessonRow(Table, table=True):
    """One lesson of a namespace; it stays when it is retired."""

    __tablename__ = "lesson"
    __table_args__ = (UniqueConstraint("namespace", "key"), Index(None, "namespace", "state", "id"))

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    namespace: str
    key: str
    """Of its words and its repository: the same lesson again has the same."""
    text: str = Field(sa_type=Words)
    cause: str = Field(default="", sa_type=Words)
    repository: str = Field(default="", sa_type=Words)
    paths: list[Any] = Field(sa_type=JSON)
    capabilities: list[Any] = Field(sa_type=JSON)
    failure_classes: list[Any] = Field(sa_type=JSON)
    profile: str = Field(default="", sa_type=Words)
    origin: str
    author: str = Field(default="", sa_type=Words)
    endorsed_by: list[Any] = Field(sa_type=JSON)
    confidence: float = 0.5
    state: str = "active"
    retired_reason: str = Field(default="", sa_type=Words)
    seen: int = 1
    contradicted: int = 0
    successes: int = 0
    failures: int = 0
    length: int = 0
    """Terms, repeated ones each time."""
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)


class LessonTermRow(Table, table=True):
    """A word of an active lesson, and how often it is in it: what lessons are searched by."""

    __tablename__ = "lesson_term"
    __table_args__ = (Index(None, "namespace", "term"),)

    lesson_id: int = Field(primary_key=True, foreign_key="lesson.id", sa_type=Identity)
    term: str = Field(primary_key=True, sa_type=Words)
    namespace: str
    count: int


class LessonEvidenceRow(Table, table=True):
    """Something that speaks for or against a lesson."""

    __tablename__ = "lesson_evidence"
    __table_args__ = (Index(None, "lesson_id", "id"),)

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    lesson_id: int = Field(foreign_key="lesson.id", sa_type=Identity)
    kind: str
    at: datetime = Field(sa_type=UtcTime)
    bead_uid: str | None = None
    bead: str | None = None
    attempt: int | None = None
    iteration: int | None = None
    report_id: str | None = None
    commit: str | None = Field(default=None, sa_type=Words)
    log: str = Field(default="", sa_type=Words)
    person: str = Field(default="", sa_type=Words)


class LessonUseRow(Table, table=True):
    """A lesson that fitted an attempt: given to it, or held back so that the effect can be measured."""

    __tablename__ = "lesson_use"
    __table_args__ = (
        UniqueConstraint("lesson_id", "bead_uid", "fence"),
        Index(None, "bead_uid", "fence"),
        Index(None, "namespace", "at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Identity)
    lesson_id: int = Field(foreign_key="lesson.id", sa_type=Identity)
    namespace: str
    bead_uid: str
    bead: str
    fence: int = Field(sa_type=BigInteger)
    attempt: int
    given: bool
    score: float
    why: str = Field(default="", sa_type=Words)
    at: datetime = Field(sa_type=UtcTime)
    success: bool | None = None
    """How the attempt ended: None while it runs, and where its end says nothing of the agent."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
