"""Bead: one unit of work for a coding agent, or a question to a person."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import (
    API_VERSION,
    Command,
    Conditions,
    Label,
    LabelSelector,
    LongText,
    Message,
    Metadata,
    Model,
    Name,
    Priority,
    ShortText,
    Time,
    name_set,
)
from ringmaster_operator.resources.rules import rule


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


class Phase(StrEnum):
    """Derived from the conditions, for people's eyes."""

    PENDING = "Pending"
    BLOCKED = "Blocked"
    READY = "Ready"
    RUNNING = "Running"
    NEEDS_DECISION = "NeedsDecision"
    HELD = "Held"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


FINISHED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})


class OutcomeKind(StrEnum):
    SUCCESS = "success"
    LIKELY_SUCCESS = "likely_success"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    LIKELY_FAILED = "likely_failed"
    NEEDS_DECISION = "needs_decision"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Failure classes. Infrastructure and Released never count against the agent."""

    AGENT_ERROR = "AgentError"
    VERIFICATION_FAILED = "VerificationFailed"
    EMPTY_SUCCESS = "EmptySuccess"
    REFUSED = "Refused"
    STALLED = "Stalled"
    TIMEOUT = "Timeout"
    BUDGET = "Budget"
    MERGE_CONFLICT = "MergeConflict"
    REPOSITORY = "Repository"
    CONFIGURATION = "Configuration"
    PROVIDER = "Provider"
    CREDENTIALS = "Credentials"
    INFRASTRUCTURE = "Infrastructure"
    ITERATIONS = "Iterations"
    CANCELLED = "Cancelled"


class SecretRef(Model):
    """Names a Secret in the same namespace; its content never leaves the worker."""

    name: Name
    """Name of the Secret."""


class Acceptance(Model):
    """What must hold for the bead to be done."""

    criteria: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=1024)]], Field(max_length=50)
    ] = Field(default_factory=list)
    """Statements for the agent and for people, one each."""
    verify: Annotated[list[Command], Field(max_length=20)] = Field(default_factory=list)
    """Shell commands run in the worktree after the agent; every one must exit 0."""
    timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """Seconds that each verify command may take."""


class Repository(Model):
    """Where the work is done. Without one, the parent's is used, else the Worker's."""

    url: Annotated[
        str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[^\s\x00-\x1f-][^\s\x00-\x1f]*$")
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

    max_iterations: Annotated[int, Field(ge=1, le=100)] | None = None
    """Runs of the agent inside one attempt before the bead escalates (default 5)."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    """Failed attempts before the bead fails (default 3)."""
    timeout_seconds: Annotated[int, Field(ge=1, le=604800)] | None = None
    """Seconds of one iteration (default 3600)."""
    cost_usd: float | None = Field(default=None, ge=0, le=1_000_000, alias="costUSD")
    """Dollars over all attempts; at the limit the bead stops and says so."""
    tokens: Annotated[int, Field(ge=0, le=1_000_000_000_000)] | None = None
    """Input and output tokens over all attempts."""


class Routing(Model):
    """Wishes about who works on the bead."""

    model: ShortText | None = None
    """Model to use instead of the Worker's."""
    worker_selector: LabelSelector = Field(default_factory=dict)
    """Labels that a Worker must carry."""


class DecisionOption(Model):
    """One possible answer."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """The answer to give."""
    consequence: Message = ""
    """What follows from it."""


@rule(
    "!has(self.answer) || !has(self.options) || self.options.size() == 0 || self.options.exists(o, o.name == self.answer)",
    "answer must be one of the options",
)
class Decision(Model):
    """A question to a person. Setting answer resolves it."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=8192)]
    """What is asked."""
    options: Annotated[
        list[DecisionOption],
        Field(
            max_length=20,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """Possible answers; with none, any text is an answer."""
    recommendation: Message | None = None
    """What the asker would choose, and why."""
    answer: Annotated[str, StringConstraints(min_length=1, max_length=8192)] | None = None
    """The person's answer."""


@rule("self.type == oldSelf.type", "type is immutable")
@rule(
    "(self.type == 'decision') == has(self.decision)",
    "decision is needed by, and only allowed for, type decision",
)
class BeadSpec(Model):
    """What a person wants done."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """One line that says what is to be done."""
    description: LongText = ""
    """The work in full, as the agent will read it (at most 64 KiB)."""
    type: BeadType = BeadType.TASK
    """epic groups others, task and subtask are worked, decision asks a person, question is worked read-only."""
    priority: Priority = Priority.P2
    """P0 is the most urgent. A bead inherits the most urgent priority of all that wait for it."""
    parent: Name | None = None
    """The epic or task that this belongs to; the parent is done when its children are."""
    depends_on: Annotated[list[Name], name_set(100)]
    """Beads that must succeed first."""
    capabilities: Annotated[list[Label], name_set(20)]
    """What a Worker must be able to do."""
    acceptance: Acceptance = Field(default_factory=Acceptance)
    """When the bead counts as done."""
    repository: Repository | None = None
    """Where the work is done."""
    limits: Limits = Field(default_factory=Limits)
    """Bounds on iterations, attempts, time and money."""
    exclusive: Annotated[list[Label], name_set(10)]
    """Beads that share a key never run at the same time."""
    desired: Desired = Desired.RUN
    """Run, Hold (not started; a running one stops after its iteration) or Cancel."""
    defer_until: Time | None = None
    """Not started before this time."""
    routing: Routing = Field(default_factory=Routing)
    """Wishes about worker and model."""
    decision: Decision | None = None
    """The question, for type decision."""
    retry: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Change this text to run a failed or cancelled bead again; echoed in status.lastRetry."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """Seconds after which a finished bead is deleted; its history stays. Unset: never."""


class Claim(Model):
    """The exclusive right of one session to the bead."""

    id: Annotated[str, StringConstraints(max_length=64)]
    """Fresh for every claim: who reads back its own id has won."""
    worker: Name
    """Name of the Worker."""
    session: Annotated[str, StringConstraints(max_length=253)]
    """Name of the session."""
    fence: Annotated[int, Field(ge=1)]
    """Fencing token; calls with an older one are refused."""
    since: Time
    """When it was claimed."""


class Outcome(Model):
    """How the last attempt ended."""

    kind: OutcomeKind
    """success, likely_success, incomplete, failed, likely_failed, needs_decision or cancelled."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How sure the verdict is, 0 to 1."""
    summary: Message = ""
    """In a few sentences, for people."""
    reason: Reason | None = None
    """Failure class."""


class Cost(Model):
    """Spent over all attempts."""

    usd: Annotated[float, Field(ge=0)] = 0.0
    """US dollars."""
    input_tokens: Annotated[int, Field(ge=0)] = 0
    """Input tokens, cached ones included."""
    cached_input_tokens: Annotated[int, Field(ge=0)] = 0
    """Input tokens read from the provider's cache."""
    output_tokens: Annotated[int, Field(ge=0)] = 0
    """Output tokens, reasoning included."""
    unpriced_requests: Annotated[int, Field(ge=0)] = 0
    """Requests of models without a known price: usd is too low by these."""


class BeadStatus(Model):
    """What Ringmaster says of it."""

    phase: Phase | None = None
    """Where the bead stands, for people."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status was made from."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, Claimed, Succeeded, Failed."""
    effective_priority: Priority | None = None
    """Own or inherited priority, whichever is more urgent."""
    inherited_from: Name | None = None
    """The waiting bead that lends its priority."""
    score: float | None = None
    """Rank within its priority; higher goes first."""
    blocked_by: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    """Beads that this one waits for."""
    fence: Annotated[int, Field(ge=0)] = 0
    """The last fencing token given out; it only grows."""
    claim: Claim | None = None
    """Who works on it now."""
    attempts: Annotated[int, Field(ge=0)] = 0
    """Attempts that count: failed ones and the running or final one."""
    interruptions: Annotated[int, Field(ge=0)] = 0
    """Attempts lost to infrastructure since the last one that counted."""
    iteration: Annotated[int, Field(ge=0)] = 0
    """Iteration of the running or last attempt."""
    escalation_level: Annotated[int, Field(ge=0)] = 0
    """Steps of the escalation ladder taken."""
    outcome: Outcome | None = None
    """How the last attempt ended."""
    cost: Cost = Field(default_factory=Cost)
    """Spent so far."""
    branch: Annotated[str, StringConstraints(max_length=255)] | None = None
    """Git branch with the work."""
    commit: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Git commit of the work."""
    pull_request: Annotated[str, StringConstraints(max_length=2048)] | None = None
    """Address of the pull request."""
    started_at: Time | None = None
    """First claim."""
    finished_at: Time | None = None
    """When it reached Succeeded, Failed or Cancelled."""
    retry_after: Time | None = None
    """Not claimed before this time (backoff)."""
    last_retry: Annotated[str, StringConstraints(max_length=64)] | None = None
    """spec.retry that was last obeyed."""


@rule(
    "!has(self.spec.dependsOn) || !self.spec.dependsOn.exists(d, d == self.metadata.name)",
    "a bead cannot depend on itself",
)
@rule("!has(self.spec.parent) || self.spec.parent != self.metadata.name", "a bead cannot be its own parent")
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
