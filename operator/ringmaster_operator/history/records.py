"""What the queries give back: plain values that outlive the database session they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ringmaster_operator.evidence import Evidence, Subject
from ringmaster_operator.resources.protocol import ReportAnswer, ReportRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """An accepted report."""

    report_id: str
    bead_uid: str
    namespace: str
    bead: str
    claim_id: str
    request: ReportRequest
    answer: ReportAnswer
    received_at: datetime
    applied: bool


Learnt = tuple[Subject, Evidence]
"""Of what something is known, and all that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A report that is kept: its answer, and what it adds to the sums (nothing when it was kept before)."""

    answer: ReportAnswer
    usd: float = 0.0
    tokens: int = 0
    repeated: bool = False
    """Whether it was kept before."""
    learnt: Sequence[Learnt] = ()
    """What is known of the capabilities that it says something of, after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """A claim, as recorded."""

    bead_uid: str
    fence: int
    namespace: str
    bead: str
    claim_id: str
    worker: str
    session: str
    profile: str
    model: str | None
    attempt: int
    iteration: int
    started_at: datetime
    ended_at: datetime | None
    kind: str | None
    reason: str | None
    summary: str
    counted: bool
    granted_usd: float | None = None
    granted_tokens: int | None = None

    @property
    def granted(self) -> tuple[float, int] | None:
        """What the iteration that runs may use: (dollars, tokens)."""
        if self.granted_usd is None or self.granted_tokens is None:
            return None
        return self.granted_usd, self.granted_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSummary:
    """An attempt with the sums of its iterations."""

    attempt: StoredAttempt
    branch: str | None
    commit: str | None
    iterations: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    usd: float
    unpriced_requests: int
    """Requests of models without a known price: usd is too low by these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """What is remembered of a session."""

    state: str
    restarts: int
    next_start_at: datetime | None
    started_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityChange:
    """One change of what is known of a Worker's capability."""

    id: int
    namespace: str
    worker: str
    profile: str
    model: str
    capability: str
    at: datetime
    cause: str
    """outcome, reset or override."""
    success: bool | None
    weight: float
    confidence: float
    """What was learned, after the change."""
    override: float | None
    bead: str | None
    report_id: str | None
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIteration:
    """One run of the agent, as reported."""

    id: int
    fence: int
    attempt: int
    iteration: int
    worker: str
    outcome: dict[str, Any]
    exit_code: int | None
    verify: list[Any]
    reflexion: dict[str, Any] | None
    final_text: str
    branch: str | None
    commit: str | None
    started_at: datetime
    finished_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that is to be told about an object."""

    namespace: str
    kind: str
    name: str
    uid: str
    type: str
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """Something that was told about an object."""

    id: int
    namespace: str
    kind: str
    name: str
    uid: str
    type: str
    reason: str
    message: str
    at: datetime
    count: int
