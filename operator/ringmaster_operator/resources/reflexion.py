"""Reflexion: what one run of an agent teaches, for the next run of its bead and for the lessons of all."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead_status import Reason
from ringmaster_operator.resources.scalars import Label, Message, ShortText, cut

MAX_PATHS = 20
LessonText = Annotated[str, StringConstraints(max_length=1000), cut(1000)]
"""What to do or to avoid, in a sentence or two."""
PathText = Annotated[str, StringConstraints(max_length=256), cut(256)]
LogText = Annotated[str, StringConstraints(max_length=2000), cut(2000)]
LessonId = Annotated[int, Field(ge=1, le=2**53)]


class ReflexionSource(StrEnum):
    """Who says so."""

    AGENT = "agent"
    """The agent itself, in its last words."""
    ASKED = "asked"
    """The agent, when it was asked after its run."""
    DERIVED = "derived"
    """Ringmaster, from how the run ended and from the acceptance commands."""


class Applies(Model):
    """Where a lesson holds. What is unset holds everywhere."""

    repository: ShortText | None = None
    """Address of the repository, without credentials."""
    paths: Annotated[list[PathText], Field(max_length=MAX_PATHS)] = Field(default_factory=list)
    """Files and folders, from the root of the repository."""
    capabilities: Annotated[list[Label], Field(max_length=MAX_PATHS)] = Field(default_factory=list)
    failure_class: Reason | None = None
    """How runs fail that have not learned it."""
    profile: Label | None = None
    """Agent profile."""


class EvidenceFact(Model):
    """What a lesson was learned from."""

    attempt: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    iteration: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    commit: ShortText | None = None
    log: LogText = ""
    """The lines that show it."""


class Reflexion(Model):
    """What was learned."""

    tried: Message = ""
    happened: Message = ""
    cause: Message = ""
    lesson: Message = ""
    applies: Applies = Field(default_factory=Applies)
    evidence: EvidenceFact | None = None
    source: ReflexionSource = ReflexionSource.DERIVED
    contradicts: Annotated[list[LessonId], Field(max_length=10)] = Field(default_factory=list)
    """Lessons that the run was given and found to be wrong."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
