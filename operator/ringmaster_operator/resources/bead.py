"""Bead: one unit of work for a coding agent, or a question to a person."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import API_VERSION, Metadata, Model, Priority
from ringmaster_operator.resources.bead_status import (
    FINISHED,
    BeadStatus,
    Claim,
    Cost,
    DecisionMade,
    Outcome,
    OutcomeKind,
    Phase,
    Reason,
)
from ringmaster_operator.resources.decision import Decision, DecisionOption, SteeringNote
from ringmaster_operator.resources.ladder import Ladder
from ringmaster_operator.resources.lists import LabelSelector, Unique
from ringmaster_operator.resources.rules import rule, transition
from ringmaster_operator.resources.scalars import (
    Command,
    Label,
    Money,
    Name,
    Share,
    Time,
    Trigger,
    Whole,
    block,
    line,
)

__all__ = [
    "FINISHED",
    "Acceptance",
    "Bead",
    "BeadSpec",
    "BeadStatus",
    "BeadType",
    "Claim",
    "Cost",
    "Decision",
    "DecisionMade",
    "DecisionOption",
    "Desired",
    "Limits",
    "Outcome",
    "OutcomeKind",
    "Phase",
    "Reason",
    "Repository",
    "RetryFrom",
    "Routing",
    "SecretRef",
    "SteeringNote",
]

_CREDENTIALS_IN_URL = re.compile("^[hH][tT][tT][pP][sS]?://[^/]*@")


class BeadType(StrEnum):
    EPIC = "epic"
    TASK = "task"
    SUBTASK = "subtask"
    DECISION = "decision"
    QUESTION = "question"


class Desired(StrEnum):
    RUN = "Run"
    HOLD = "Hold"
    CANCEL = "Cancel"


class RetryFrom(StrEnum):
    WORK = "Work"
    SCRATCH = "Scratch"


class SecretRef(Model):
    """Names a Secret in the same namespace; its content never leaves the worker."""

    name: Name
    """Name of the Secret."""


class Acceptance(Model):
    """What must hold for the bead to be done."""

    criteria: Annotated[list[Annotated[str, block(1024, 1)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    """Statements for the agent and for people, one each."""
    verify: Annotated[list[Command], Field(max_length=20)] = Field(default_factory=list)
    """Shell commands run in the worktree after the agent; every one must exit 0."""
    timeout_seconds: Annotated[int, Whole(1, 86400)] = 600
    """Seconds that each verify command may take."""


@rule(
    "!self.url.matches('^[hH][tT][tT][pP][sS]?://[^/]*@')",
    "no credentials in the URL: put them into a Secret and name it in secretRef",
    holds=lambda s: not _CREDENTIALS_IN_URL.match(s.url),
    field=".url",
)
class Repository(Model):
    """Where the work is done. Without one, the parent's is used, else the Worker's."""

    url: Annotated[
        str,
        StringConstraints(
            min_length=1, max_length=2048, pattern=r"^[^\x00-\x20\x7f-\xa0-][^\x00-\x20\x7f-\xa0]*$"
        ),
    ]
    """What git clone takes: https, ssh or a path on the worker."""
    ref: (
        Annotated[
            str, StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.][A-Za-z0-9_./@+-]*$")
        ]
        | None
    ) = None
    """Branch, tag or commit to start from; the remote's default branch when unset."""
    secret_ref: SecretRef | None = None
    """Secret with credentials for git."""


class Limits(Model):
    """Bounds of one bead; unset ones come from the project's settings."""

    max_iterations: Annotated[int, Whole(1, 100)] | None = None
    """Runs of the agent inside one attempt; a bead that needs more fails (default 5)."""
    max_attempts: Annotated[int, Whole(1, 20)] | None = None
    """Failed attempts before the bead fails (default 3)."""
    timeout_seconds: Annotated[int, Whole(1, 604800)] | None = None
    """Seconds of one iteration (default 3600)."""
    cost_usd: Money | None = Field(default=None, alias="costUSD")
    """Dollars over all attempts; at the limit the bead stops and says so."""
    tokens: Annotated[int, Whole(0, 1_000_000_000_000)] | None = None
    """Input and output tokens over all attempts."""
    max_wait_seconds: Annotated[int, Whole(0, 31_536_000)] | None = None
    """Seconds of waiting ready that make it count one priority higher, to P1 (default 86400); 0: never."""


class Routing(Model):
    """Wishes about who works on the bead."""

    model: Annotated[str, line(256)] | None = None
    """Model to use instead of the Worker's."""
    worker_selector: LabelSelector = Field(default_factory=dict)
    """Labels that a Worker must carry."""


@transition(
    "self.type == oldSelf.type",
    "type is immutable",
    keeps=lambda old, new: old.type == new.type,
    field=".type",
)
@rule(
    "(self.type == 'decision') == has(self.decision)",
    "decision is needed by, and only allowed for, type decision",
    holds=lambda s: (s.type is BeadType.DECISION) == (s.decision is not None),
    field=".decision",
)
@rule(
    "!has(self.parent) || !self.dependsOn.exists(d, d == self.parent)",
    "a bead cannot depend on its parent: the parent is done when its children are",
    holds=lambda s: s.parent not in s.depends_on,
    field=".dependsOn",
)
class BeadSpec(Model):
    """What a person wants done."""

    title: Annotated[str, line(256, 1)]
    """One line that says what is to be done."""
    description: Annotated[str, block(65536)] = ""
    """The work in full, as the agent will read it (at most 65,536 characters)."""
    type: BeadType = BeadType.TASK
    """epic groups others, task and subtask are worked, decision asks a person, question changes nothing."""
    priority: Priority = Priority.P2
    """P0 is the most urgent. A bead inherits the most urgent priority of all that wait for it."""
    parent: Name | None = None
    """The epic or task that this belongs to; the parent is done when its children are."""
    depends_on: Annotated[list[Name], Field(max_length=100), Unique()] = Field(default_factory=list)
    """Beads that must succeed first."""
    estimate_minutes: Annotated[int, Whole(1, 100_000)] | None = None
    """How long it may take; weighs the chains of beads that wait for each other (default 60)."""
    capabilities: Annotated[list[Label], Field(max_length=20), Unique()] = Field(default_factory=list)
    """What a Worker must be able to do."""
    min_confidence: Share | None = None
    """How sure that must be, 0 to 1; the project's threshold when unset (0.7)."""
    acceptance: Acceptance = Field(default_factory=Acceptance)
    """When the bead counts as done."""
    repository: Repository | None = None
    """Where the work is done."""
    limits: Limits = Field(default_factory=Limits)
    """Bounds on iterations, attempts, time and money."""
    escalation: Ladder = Field(default_factory=list)
    """What happens, in order, when it gets stuck; the Worker's ladder when empty."""
    exclusive: Annotated[list[Label], Field(max_length=10), Unique()] = Field(default_factory=list)
    """Beads that share a key never run at the same time."""
    desired: Desired = Desired.RUN
    """Run, Hold (not started; a running one stops after its iteration) or Cancel."""
    defer_until: Time | None = None
    """Not started before this time."""
    routing: Routing = Field(default_factory=Routing)
    """Wishes about worker and model."""
    decision: Decision | None = None
    """The question, for type decision."""
    retry: Trigger | None = None
    """Change this text to run a failed or cancelled bead again; echoed in status.lastRetry."""
    retry_from: RetryFrom = RetryFrom.WORK
    """Where a retry begins: with the Work so far, or from Scratch, on a new branch."""
    reopen: Trigger | None = None
    """Change this text to work on a succeeded bead again; echoed in status.lastReopen."""
    steering: Annotated[list[SteeringNote], Field(max_length=20), Unique("id")] = Field(default_factory=list)
    """Told to the agent at its next turn or iteration."""
    ttl_seconds_after_finished: Annotated[int, Whole(0, 31_536_000)] | None = None
    """Seconds after which a finished bead is deleted; its history stays. Unset: never."""


@rule(
    "!self.spec.dependsOn.exists(d, d == self.metadata.name)",
    "a bead cannot depend on itself",
    holds=lambda s: s.metadata.name not in s.spec.depends_on,
    field=".spec.dependsOn",
)
@rule(
    "!has(self.spec.parent) || self.spec.parent != self.metadata.name",
    "a bead cannot be its own parent",
    holds=lambda s: s.spec.parent != s.metadata.name,
    field=".spec.parent",
)
class Bead(Model):
    """A unit of work for a coding agent, with dependencies, priority and acceptance checks."""

    api_version: Literal["ringmaster.dev/v1alpha1"] = API_VERSION
    kind: Literal["Bead"] = "Bead"
    metadata: Metadata
    spec: BeadSpec
    status: BeadStatus = Field(default_factory=BeadStatus)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.metadata.namespace, self.metadata.name
