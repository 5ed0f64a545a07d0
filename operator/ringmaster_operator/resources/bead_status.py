"""What Ringmaster says of a bead: phase, claim, outcome, cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Conditions, Message, Model, Name, Priority, Time
from ringmaster_operator.resources.ladder import Escalation
from ringmaster_operator.resources.scalars import Money, Natural, Number, Share, Trigger, Whole


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
    TOO_LARGE = "TooLarge"
    CANCELLED = "Cancelled"


class Claim(Model):
    """The exclusive right of one session to the bead."""

    id: Annotated[str, StringConstraints(max_length=64)]
    """Fresh for every claim: who reads back its own id has won."""
    worker: Name
    """Name of the Worker."""
    session: Annotated[str, StringConstraints(max_length=253)]
    """Name of the session."""
    fence: Annotated[int, Whole(1)]
    """Fencing token; calls with an older one are refused."""
    since: Time
    """When it was claimed."""
    reason: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Why this Worker, where past outcomes of similar beads say so."""


class Outcome(Model):
    """How the last attempt ended."""

    kind: OutcomeKind
    """success, likely_success, incomplete, failed, likely_failed, needs_decision or cancelled."""
    confidence: Share = 1.0
    """How sure the verdict is, 0 to 1."""
    summary: Message = ""
    """In a few sentences, for people."""
    reason: Reason | None = None
    """Failure class."""


class Cost(Model):
    """Spent over all attempts."""

    usd: Money = 0.0
    """US dollars."""
    input_tokens: Natural = 0
    """Input tokens, cached ones included."""
    cached_input_tokens: Natural = 0
    """Input tokens read from the provider's cache."""
    output_tokens: Natural = 0
    """Output tokens, reasoning included."""
    unpriced_requests: Natural = 0
    """Requests of models without a known price: usd is too low by these."""


class Failures(Model):
    """Failed attempts in a row for the same reason."""

    reason: Reason
    """Their class."""
    count: Natural
    """How many."""


class DecisionMade(Model):
    """The answer in force."""

    answer: Annotated[str, StringConstraints(max_length=8192)]
    """What holds."""
    by: Annotated[str, StringConstraints(max_length=128)]
    """Who gave it; "deadline" for the default."""
    at: Time
    """Since when."""


class BeadStatus(Model):
    """What Ringmaster says of it."""

    phase: Phase | None = None
    """Where the bead stands, for people."""
    observed_generation: Natural | None = None
    """Generation of the spec that this status was made from."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, Claimed, Succeeded, Failed; Escalated and Assignable when there is something to say."""
    effective_priority: Priority | None = None
    """Own or inherited priority, whichever is more urgent."""
    inherited_from: Name | None = None
    """The waiting bead that lends its priority."""
    inherited_path: Annotated[list[Name], Field(max_length=10)] = Field(default_factory=list)
    """Beads by which it does, nearest first, the lender last; of a longer way the beginning."""
    waiting_since: Time | None = None
    """Since when only a free session has been missing; what spec.limits.maxWaitSeconds counts from."""
    score: Number | None = None
    """Rank within its priority, 0 to 1000, as of the last write; higher goes first."""
    blocked_by: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    """Beads that this one waits for."""
    fence: Natural = 0
    """The last fencing token given out; it only grows."""
    claim: Claim | None = None
    """Who works on it now."""
    attempts: Natural = 0
    """Attempts that count: failed ones and the running or final one."""
    interruptions: Natural = 0
    """Attempts lost to infrastructure since the last one that counted."""
    iteration: Natural = 0
    """Iteration of the running or last attempt."""
    escalation_level: Natural = 0
    """Steps of the escalation ladder taken."""
    escalation: Escalation | None = None
    """The step in force."""
    failures: Failures | None = None
    """Failed attempts in a row."""
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
    last_retry: Trigger | None = None
    """spec.retry that was last obeyed."""
    last_reopen: Trigger | None = None
    """spec.reopen that was last obeyed."""
    fresh_from: Natural = 0
    """Work of claims up to this fence is not built on: it was started from scratch since."""
    decision: DecisionMade | None = None
    """The answer in force, for type decision."""
    steering_delivered: Annotated[
        list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=20)
    ] = Field(default_factory=list)
    """Ids of the notes in spec.steering that an agent was told."""
