"""The bodies of the workers' protocol (HTTP, /api/v1): what a session and the operator say to each other.

Every call after the claim carries the claim's fencing token; every call may be repeated: a claim by its id,
a report by its report id. Errors are problem+json (RFC 9457) with one of the codes below.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import Outcome, SteeringNote
from ringmaster_operator.resources.prompt import PromptRecord as PromptRecord
from ringmaster_operator.resources.proposal import Proposal as Proposal
from ringmaster_operator.resources.question import Answered as Answered
from ringmaster_operator.resources.question import Asked as Asked
from ringmaster_operator.resources.question import AskRequest as AskRequest
from ringmaster_operator.resources.question import Fence as Fence
from ringmaster_operator.resources.question import Question as Question
from ringmaster_operator.resources.reflexion import Reflexion as Reflexion
from ringmaster_operator.resources.saved import SavedWork as SavedWork
from ringmaster_operator.resources.scalars import Message, Name, ShortText, Time, clean, cut
from ringmaster_operator.resources.work import Allowance as Allowance
from ringmaster_operator.resources.work import BeadWork as BeadWork
from ringmaster_operator.resources.work import Claimed as Claimed
from ringmaster_operator.resources.work import DependencyResult as DependencyResult
from ringmaster_operator.resources.work import Identifier as Identifier
from ringmaster_operator.resources.work import ParentContext as ParentContext
from ringmaster_operator.resources.work import PastIteration as PastIteration

AUDIENCE = "ringmaster"
"""Audience of the workers' service-account tokens."""
ACCOUNT_PREFIX = "ringmaster-worker-"
"""Service account of a Worker: this and its name."""

SessionName = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
]
Count = Annotated[int, Field(ge=0, le=1_000_000_000_000)]


class ProblemCode(StrEnum):
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    FENCED = "fenced"
    CLAIM_ENDED = "claim_ended"
    PRECONDITION_FAILED = "precondition_failed"
    """If-Match names another version than the present one."""
    PRECONDITION_REQUIRED = "precondition_required"
    """The call needs If-Match."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


class Problem(Model):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: ProblemCode


class ClaimRequest(Model):
    """POST /api/v1/claims. Answered 200 with a Claimed, or 204 when nothing came up in time."""

    claim_id: Identifier
    """Fresh for each wish to work; the same id again returns the same claim."""
    worker: Name
    session: SessionName
    wait_seconds: Annotated[float, Field(ge=0, le=300)] = 0
    """Long poll: how long the operator may hold the call when there is nothing to do."""
    bead: Name | None = None
    """Only this bead, for people and tests."""


class Verdict(StrEnum):
    """What a session that asked for work is told when there is none for it."""

    NOTHING = "nothing"
    STOP = "stop"


class NoWork(Model):
    """The part of a claim answer without a bead: the verdict says what to do."""

    verdict: Verdict
    reason: Message = ""


MAX_USD = 1_000_000.0
Dollars = Annotated[float, Field(ge=0, le=MAX_USD, allow_inf_nan=False)]
"""US dollars of one iteration or less: nobody spends a million on one, so a larger figure is no cost."""


class ModelUsage(Model):
    """Usage of one request (or of one stretch that the agent reports as a whole).

    input_tokens include cache reads and writes; output_tokens include reasoning tokens.
    """

    position: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Unique within the attempt (message id, or thread and turn): a repeated reading is the same row."""
    provider: Annotated[str, StringConstraints(max_length=64)] = ""
    model: Annotated[str, StringConstraints(max_length=128)] = ""
    input_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0
    cache_write_hour_tokens: Count = 0
    """The part of them that is kept for an hour, which costs more."""
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    requests: Count = 1
    computed_usd: Dollars | None = None
    """From the price table; None when the model has no known price."""
    reported_usd: Dollars | None = None
    """The agent's own figure, where it gives one for this stretch."""
    price_version: ShortText = ""
    """Of the list that computed_usd is from, where it is not the usage's."""


class Usage(Model):
    """Everything one iteration used."""

    requests: Annotated[list[ModelUsage], Field(max_length=5000, fail_fast=True)] = Field(
        default_factory=list
    )
    reported_usd: Dollars | None = None
    """The agent's own total of the iteration."""
    price_version: ShortText = ""
    """Version of the price table."""


class Progress(Model):
    """Facts from the agent's event stream, counted since the iteration began."""

    turns: Count = 0
    tool_calls: Count = 0
    open_tool_calls: Count = 0
    output_tokens: Count = 0
    tokens: Count = 0
    """Input and output tokens."""
    usd: Dollars | None = None
    """US dollars, where the agent or the price table tells."""
    last_progress_at: Time | None = None
    note: Annotated[str, StringConstraints(max_length=512), cut(512)] = ""
    """What it does now, one line."""


class ClaimAnswer(Model):
    """The answer to a ClaimRequest: a claim, or a verdict."""

    claimed: Claimed | None = None
    none: NoWork | None = None


Steered = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=20)]
"""Ids of the notes in steering that the agent was told."""


class HeartbeatRequest(Model):
    """POST /api/v1/claims/{claim_id}/heartbeat."""

    fence: Fence
    iteration: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    progress: Progress = Field(default_factory=Progress)
    steered: Steered = Field(default_factory=list)


class Order(StrEnum):
    """What the holder of a claim is to do now."""

    CONTINUE = "continue"
    FINISH = "finish"
    """Report after this iteration; do not start another (hold, scale-down)."""
    CANCEL = "cancel"
    """Stop the agent now and report cancelled."""
    RELEASE = "release"
    """Stop the agent now and release the bead."""


class HeartbeatAnswer(Model):
    order: Order
    reason: Message = ""
    lease_seconds: float
    allowance: Allowance | None = None
    steering: list[SteeringNote] = Field(default_factory=list)
    """Notes that no agent was told yet."""
    answered: Answered | None = None


class WorkAnswer(Model):
    """GET /api/v1/claims/{claim_id}/work?fence=N: the bead as it is now, for re-checks."""

    order: Order
    reason: Message = ""
    claimed: Claimed


class VerifyResult(Model):
    """One acceptance command."""

    command: Message
    exit_code: int
    seconds: float
    output: Annotated[str, StringConstraints(max_length=16384), BeforeValidator(clean)] = ""
    """The end of what it printed."""


class ReportRequest(Model):
    """POST /api/v1/claims/{claim_id}/reports: one iteration has ended. At most 1 MiB as JSON."""

    report_id: Identifier
    """The idempotency key: the same id again returns the first answer and changes nothing."""
    fence: Fence
    iteration: Annotated[int, Field(ge=1, le=1_000_000)]
    outcome: Outcome
    usage: Usage = Field(default_factory=Usage)
    verify: Annotated[list[VerifyResult], Field(max_length=20)] = Field(default_factory=list)
    question: Question | None = None
    """With outcome needs_decision."""
    proposal: Proposal | None = None
    """The children that a planning run proposes."""
    reflexion: Reflexion | None = None
    final_text: Annotated[str, StringConstraints(max_length=65536), cut(65536)] = ""
    """The agent's last words."""
    branch: Annotated[str, StringConstraints(max_length=255)] | None = None
    commit: Annotated[str, StringConstraints(max_length=64)] | None = None
    pushed: bool = False
    saved: SavedWork | None = None
    """What no remote has, for the session that goes on with the bead."""
    changed_files: Count = 0
    exit_code: int | None = None
    started_at: Time
    finished_at: Time
    agent_session: ShortText = ""
    """The agent's own id of the conversation, to resume it."""
    prompt: PromptRecord | None = None
    """What the agent was told: the last prompt of the iteration."""
    steered: Steered = Field(default_factory=list)


class Next(StrEnum):
    ITERATE = "iterate"
    """Go round again with the claim."""
    DONE = "done"
    """The bead is finished; the claim has ended."""
    STOP = "stop"
    """The claim has ended; someone may try later."""


class ReportAnswer(Model):
    """200: the report is committed."""

    next: Next
    reason: Message = ""
    iteration: int
    """The iteration to run next, with next: iterate."""


class ReleaseRequest(Model):
    """POST /api/v1/claims/{claim_id}/release: give the bead back without a verdict on the agent's work."""

    fence: Fence
    reason: Message = ""
    saved: SavedWork | None = None
    """What no remote has, for the session that goes on with the bead."""


class Ended(Model):
    """The claim is over."""

    ended: bool = True
