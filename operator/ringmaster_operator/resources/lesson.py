"""Lessons: what one bead taught and others may use, as the claim carries them and as people see them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead_status import Reason
from ringmaster_operator.resources.reflexion import Applies, LessonId, LessonText, LogText
from ringmaster_operator.resources.scalars import Message, ShortText, Time, block

MAX_LESSONS = 1000
"""In one export or import."""
Count = Annotated[int, Field(ge=0)]


class LessonState(StrEnum):
    ACTIVE = "active"
    RETIRED = "retired"


class LessonOrigin(StrEnum):
    """Who it is from."""

    AGENT = "agent"
    PERSON = "person"
    IMPORT = "import"


class LessonNote(Model):
    """A lesson for a bead at work: data for the prompt, never an order."""

    id: LessonId
    lesson: LessonText
    cause: LessonText = ""
    origin: ShortText = ""
    """Where it comes from, in words."""
    why: ShortText = ""
    """Why it was chosen, in words."""


class LessonDraft(Model):
    """POST .../lessons: a lesson by a person."""

    lesson: Annotated[str, block(1000, 8)]
    """What to do or to avoid."""
    cause: Annotated[str, block(1000)] = ""
    """Why."""
    applies: Applies = Field(default_factory=Applies)
    """Where it holds; everywhere when unset."""


class RetireRequest(Model):
    """POST .../lessons/{id}/retire."""

    reason: Annotated[str, block(1000)] = ""


class LessonEvidence(Model):
    """Something that speaks for or against a lesson."""

    at: Time
    kind: Literal["learned", "contradicted", "endorsed", "withdrawn", "retired", "added", "imported"]
    bead: ShortText | None = None
    attempt: int | None = None
    iteration: int | None = None
    commit: ShortText | None = None
    person: ShortText = ""
    log: LogText = ""


class Lesson(Model):
    """A lesson as people see it."""

    id: LessonId
    state: LessonState
    lesson: LessonText
    cause: LessonText = ""
    applies: Applies = Field(default_factory=Applies)
    failure_classes: list[Reason] = Field(default_factory=list)
    """Every failure class that it was learned from."""
    origin: LessonOrigin
    author: ShortText = ""
    """Who wrote it, or the bead that it was first learned in."""
    endorsed_by: list[ShortText] = Field(default_factory=list)
    given: bool = True
    """Whether it may be given to agents: an agent's lesson with network commands waits for endorsement."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    seen: Count = 1
    """Beads that taught it, and people who say it."""
    contradicted: Count = 0
    """Beads that found it wrong."""
    successes: Count = 0
    """Attempts that were given it and succeeded."""
    failures: Count = 0
    """Attempts that were given it and failed by their own fault."""
    weight: float = 1.0
    """What it counts for at present; 1 is usual."""
    created_at: Time
    updated_at: Time
    retired_reason: Message = ""
    score: float | None = None
    """How well it fits the search."""
    why: Message = ""
    """Why it fits the search."""
    evidence: list[LessonEvidence] = Field(default_factory=list)
    """Only of one lesson: the newest first, 100 at most."""


class LessonList(Model):
    items: list[Lesson]
    next: str | None = None
    """Cursor of the next page; unset on the last."""


class LessonRecord(Model):
    """A lesson as it travels between teams: what it says and where it holds, no evidence."""

    lesson: Annotated[str, block(1000, 8)]
    cause: Annotated[str, block(1000)] = ""
    applies: Applies = Field(default_factory=Applies)
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5


class LessonBundle(Model):
    """Lessons of one namespace for another."""

    version: Literal[1] = 1
    namespace: ShortText = ""
    """Where they are from."""
    items: Annotated[list[LessonRecord], Field(max_length=MAX_LESSONS)]
    next: Annotated[int, Field(ge=1, le=2**53)] | None = None
    """`after` of the next part of an export; unset in the last."""


class LessonImported(Model):
    """What an import changed."""

    added: Count
    strengthened: Count
    """Lessons that were there already."""


class Interval(Model):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class LessonArm(Model):
    """Attempts that were treated alike."""

    attempts: Count
    succeeded: Count
    success_rate: Interval | None = None
    iterations: Interval | None = None
    """For each attempt."""
    usd: Interval | None = None
    """US dollars for each attempt."""


class LessonReport(Model):
    """Attempts that were given lessons, against those from which fitting lessons were held back."""

    since: Time | None = None
    with_lessons: LessonArm
    held_out: LessonArm
    nothing_fitted: LessonArm
    """For comparison: no lesson fitted these."""
    gain: Interval | None = None
    """Success rate with lessons minus without, where both are known."""
    lessons: Count = 0
    """Active lessons."""
    retired: Count = 0
