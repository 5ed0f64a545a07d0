"""The bodies of the people's API about beads: lists, wishes, acts, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model, Priority
from ringmaster_operator.resources.bead import Bead, BeadSpec, BeadType, Desired, Outcome, OutcomeKind, Phase
from ringmaster_operator.resources.bead_status import Cost
from ringmaster_operator.resources.lists import ShortKeys
from ringmaster_operator.resources.protocol import Reflexion, VerifyResult
from ringmaster_operator.resources.scalars import LabelValue, Name, Natural, Time, block

NewLabels = Annotated[dict[str, LabelValue], Field(max_length=64), ShortKeys(317)]
Cut = Annotated[str, StringConstraints(max_length=8192)]


class BeadInfo(Model):
    """A bead as lists show it; all of it is at its own address."""

    name: Name
    uid: str
    resource_version: str
    """The ETag, without its quotation marks."""
    title: str
    type: BeadType
    phase: Phase = Phase.PENDING
    priority: Priority
    effective_priority: Priority
    """Own or inherited priority, whichever is more urgent."""
    inherited_from: Name | None = None
    """The waiting bead that lends its priority."""
    desired: Desired = Desired.RUN
    labels: dict[str, str] = Field(default_factory=dict)
    parent: Name | None = None
    depends_on: list[Name] = Field(default_factory=list)
    """Beads that must succeed first, those that have included."""
    blocked_by: list[Name] = Field(default_factory=list)
    worker: Name | None = None
    """Who works on it now."""
    session: str | None = None
    attempts: Natural = 0
    iteration: Natural = 0
    outcome: OutcomeKind | None = None
    """How the last attempt ended."""
    usd: float = Field(default=0.0, ge=0)
    """Spent so far, in US dollars."""
    created_at: Time | None = None
    finished_at: Time | None = None

    @classmethod
    def of(cls, bead: Bead) -> BeadInfo:
        """What a list shows of it."""
        meta, spec, status = bead.metadata, bead.spec, bead.status
        return cls(
            name=meta.name,
            uid=meta.uid,
            resource_version=meta.resource_version,
            title=spec.title,
            type=spec.type,
            phase=status.phase or Phase.PENDING,
            priority=spec.priority,
            effective_priority=status.effective_priority or spec.priority,
            inherited_from=status.inherited_from,
            desired=spec.desired,
            labels=meta.labels,
            parent=spec.parent,
            depends_on=spec.depends_on,
            blocked_by=status.blocked_by,
            worker=status.claim.worker if status.claim is not None else None,
            session=status.claim.session if status.claim is not None else None,
            attempts=status.attempts,
            iteration=status.iteration,
            outcome=status.outcome.kind if status.outcome is not None else None,
            usd=status.cost.usd,
            created_at=meta.creation_timestamp,
            finished_at=status.finished_at,
        )


class BeadList(Model):
    """A page of beads."""

    items: list[BeadInfo]
    next: str | None = None
    """`cursor` of the next page; absent on the last one."""


class NewBead(Model):
    """POST: a bead to be made. It is requested by the caller, which budgets go by."""

    name: Annotated[Name, StringConstraints(max_length=253)] | None = None
    """One is made from the title when absent."""
    labels: NewLabels = Field(default_factory=dict)
    spec: BeadSpec


class BeadPatch(Model):
    """PATCH: what is to change. null takes a field away, a list is replaced as a whole."""

    spec: dict[str, Any] = Field(default_factory=dict)
    """Fields of the spec, as a JSON merge patch (RFC 7396)."""
    labels: dict[str, str | None] = Field(default_factory=dict, max_length=64)


class RetryRequest(Model):
    """POST retry."""

    from_scratch: bool = False
    """Do not build on the work so far: a new branch."""


class SteerRequest(Model):
    """POST steer."""

    text: Annotated[str, block(4096, 1)]
    """What the agent is to know or to do."""


class DecideRequest(Model):
    """POST decide."""

    answer: Annotated[str, block(8192, 1)]
    """An option's name, in any case, or its number; without options any text."""


class AttemptInfo(Model):
    """One claim, from pull to final report."""

    fence: Natural
    attempt: Natural
    """Number of the attempt as the bead counts them."""
    iterations: Natural
    """Iterations that were reported."""
    worker: Name
    session: str
    profile: str
    model: str | None = None
    started_at: Time
    ended_at: Time | None = None
    """Absent: it runs."""
    kind: str | None = None
    """Outcome, or how else it ended: lost, released."""
    reason: str | None = None
    """Failure class."""
    summary: str = ""
    counted: bool
    """Whether it counts against maxAttempts; losses to infrastructure do not."""
    branch: str | None = None
    commit: str | None = None
    cost: Cost


class AttemptList(Model):
    """The newest first."""

    items: list[AttemptInfo]
    next: str | None = None


class IterationInfo(Model):
    """One run of the agent, as reported."""

    id: Natural
    fence: Natural
    attempt: Natural
    iteration: Natural
    worker: Name
    outcome: Outcome
    exit_code: int | None = None
    verify: list[VerifyResult] = Field(default_factory=list)
    reflexion: Reflexion | None = None
    final_text: Cut = ""
    """The end of the agent's last words, at most 8,192 characters."""
    branch: str | None = None
    commit: str | None = None
    started_at: Time
    """By the worker's clock, as finishedAt."""
    finished_at: Time
    at: Time
    """When it was committed, by the operator's clock."""


class IterationList(Model):
    """The newest first."""

    items: list[IterationInfo]
    next: str | None = None


class EventInfo(Model):
    """Something worth telling about the bead; the same again in a row is counted."""

    id: Natural
    type: str
    """Normal or Warning."""
    reason: str
    message: str
    at: Time
    """When it was last so."""
    count: Natural


class EventList(Model):
    """The newest first."""

    items: list[EventInfo]
    next: str | None = None
