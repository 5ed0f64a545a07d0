"""The bodies of the people's API about the order of beads, Workers and projects."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Model, Priority
from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.scalars import Name, Natural, Time, Whole
from ringmaster_operator.resources.worker import Worker


class Place(Model):
    """A bead that may be claimed."""

    rank: Natural
    """1 is claimed first; a Worker takes the first that it fits."""
    name: Name
    title: str
    priority: Priority
    effective_priority: Priority
    counts_as: Priority
    """The effective priority, or a more urgent one after a long wait."""
    inherited_from: Name | None = None
    """The waiting bead that lends its priority."""
    score: float
    """Rank within its priority, 0 to 1000."""
    waiting_since: Time | None = None
    """Since when only a free session has been missing."""


class BeadOrder(Model):
    """What may be claimed, best first; without the project's limits."""

    items: list[Place]
    next: str | None = None


class SimilarWork(Model):
    """Attempts of one agent at beads like this one, the nearest ones."""

    profile: str
    model: str = ""
    tried: Natural
    succeeded: Natural
    chance: Annotated[float, Field(ge=0, le=1)]
    """Expected share of successes, by how alike and how recent they are."""
    why: str = ""
    """What is alike."""


class Suitor(Model):
    """A Worker, and whether it would get the bead."""

    worker: Name
    may: bool
    why_not: str = ""
    similar: SimilarWork | None = None
    """What became of its agent's attempts at similar beads; absent where agents are not compared."""
    leaves_to: Name | None = None
    """The Worker that it leaves the bead to, where that has a session to spare or it has another bead."""
    because: str = ""
    """Why it does."""


class Explanation(Model):
    """Why a bead stands where it does."""

    name: Name
    phase: Phase = Phase.PENDING
    readiness: str
    message: str
    rank: Natural | None = None
    """Place among those that may be claimed; absent when it may not."""
    of: Natural
    """How many may be claimed."""
    priority: Priority
    effective_priority: Priority
    counts_as: Priority
    inherited_from: Name | None = None
    inherited_path: list[Name] = Field(default_factory=list)
    score: float
    waiting_since: Time | None = None
    waits_for: list[Name] = Field(default_factory=list)
    waited_for_by: list[Name] = Field(default_factory=list)
    chosen_because: str = ""
    """Why its Worker has it, where similar beads say so."""
    workers: list[Suitor] = Field(default_factory=list)


class WorkerList(Model):
    """A page of Workers, by name."""

    items: list[Worker]
    next: str | None = None


class ScaleRequest(Model):
    """PUT scale."""

    replicas: Annotated[int, Whole(0, 200, exact=True)]
    """Sessions to keep."""


class SuspendRequest(Model):
    """PUT suspend."""

    suspend: bool
    """Take no new beads; running ones are finished."""


class ProjectInfo(Model):
    """A namespace with beads, Workers or settings that the caller may see."""

    namespace: Name
    beads: Natural
    open_beads: Natural
    """Those that have not ended."""
    running_beads: Natural
    workers: Natural
    described: bool
    """Whether it has settings of its own."""


class ProjectList(Model):
    """By name."""

    items: list[ProjectInfo]
    next: str | None = None
