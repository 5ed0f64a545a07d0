"""Worker: a named pool of identical agent sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import API_VERSION, Conditions, Metadata, Model
from ringmaster_operator.resources.bead import Repository
from ringmaster_operator.resources.lists import LabelSelector, Unique
from ringmaster_operator.resources.rules import rule, transition
from ringmaster_operator.resources.scalars import (
    AbsolutePath,
    Flag,
    Label,
    Message,
    Money,
    Name,
    Natural,
    Share,
    Time,
    Trigger,
    Whole,
)
from ringmaster_operator.resources.worker_agent import (
    AgentSpec,
    Capability,
    EnvFrom,
    EnvSource,
    EnvVar,
    KeyRef,
    LadderAction,
    LadderStep,
    OnExceeded,
)
from ringmaster_operator.resources.worker_runtime import (
    OPEN,
    PodSettings,
    Quantities,
    Quantity,
    Resources,
    RuntimeKind,
    TmuxSettings,
    Toleration,
)

__all__ = [
    "OPEN",
    "AbsolutePath",
    "AgentSpec",
    "Autoscale",
    "Capability",
    "CapabilityStatus",
    "EnvFrom",
    "EnvSource",
    "EnvVar",
    "KeyRef",
    "LadderAction",
    "LadderStep",
    "Mode",
    "OnExceeded",
    "PodSettings",
    "Quantities",
    "Quantity",
    "Resources",
    "RuntimeKind",
    "Session",
    "SessionState",
    "Spent",
    "StopMode",
    "TmuxSettings",
    "Toleration",
    "Worker",
    "WorkerBudget",
    "WorkerSpec",
    "WorkerStatus",
]


class Mode(StrEnum):
    LOOP = "Loop"
    ONCE = "Once"


class StopMode(StrEnum):
    FINISH = "Finish"
    NOW = "Now"


class SessionState(StrEnum):
    STARTING = "Starting"
    IDLE = "Idle"
    WORKING = "Working"
    DRAINING = "Draining"
    CRASHED = "Crashed"
    STOPPED = "Stopped"


class WorkerBudget(Model):
    """Limits of all sessions together; at one they take no new bead until the day or month (UTC) ends."""

    usd_per_day: Money | None = None
    """US dollars."""
    tokens_per_day: Annotated[int, Whole(0, 1_000_000_000_000)] | None = None
    """Input and output tokens."""
    usd_per_month: Money | None = None
    """US dollars."""
    tokens_per_month: Annotated[int, Whole(0, 1_000_000_000_000)] | None = None
    """Input and output tokens."""
    warn_percent: Annotated[int, Whole(1, 100)] = 80
    """Share of a limit from which on there is a warning."""
    on_exceeded: OnExceeded = OnExceeded.STOP_CLAIMS
    """StopClaims: running iterations are finished. StopSessions: they end at their next turn."""
    flat_rate: Flag = False
    """The agent's plan is paid as a whole: tokens count, dollars do not."""


@rule("self.min <= self.max", "min must not be above max", holds=lambda s: s.min <= s.max, field=".min")
class Autoscale(Model):
    """Follow the ready beads that this Worker could take."""

    min: Annotated[int, Whole(0, 200, exact=True)] = 0
    """Sessions kept even when there is nothing to do."""
    max: Annotated[int, Whole(1, 200, exact=True)]
    """Sessions at most."""
    idle_seconds: Annotated[int, Whole(0, 86400)] = 300
    """Seconds without work before a session is given up."""


@rule(
    "!(has(self.replicas) && has(self.autoscale))",
    "replicas and autoscale exclude each other",
    holds=lambda s: s.replicas is None or s.autoscale is None,
)
@rule(
    "self.runtime != 'Pod' || has(self.pod)",
    "runtime Pod needs pod.image",
    holds=lambda s: s.runtime is not RuntimeKind.POD or s.pod is not None,
    field=".pod",
)
@rule(
    "self.runtime != 'Pod' || !has(self.tmux)",
    "tmux is only for runtime Tmux",
    holds=lambda s: s.runtime is not RuntimeKind.POD or s.tmux is None,
    field=".tmux",
)
@rule(
    "self.runtime != 'Tmux' || !has(self.pod)",
    "pod is only for runtime Pod",
    holds=lambda s: s.runtime is not RuntimeKind.TMUX or s.pod is None,
    field=".pod",
)
@transition(
    "self.runtime == oldSelf.runtime",
    "runtime is immutable",
    keeps=lambda old, new: old.runtime == new.runtime,
    field=".runtime",
)
class WorkerSpec(Model):
    """What a person wants to run."""

    runtime: RuntimeKind
    """Pod or Tmux."""
    replicas: Annotated[int, Whole(0, 200, exact=True)] | None = None
    """Sessions to keep; 1 when neither this nor autoscale is set."""
    autoscale: Autoscale | None = None
    """Sessions follow the work."""
    agent: AgentSpec = Field(default_factory=AgentSpec)
    """The agent program."""
    capabilities: Annotated[list[Capability], Field(max_length=50), Unique("name")] = Field(
        default_factory=list
    )
    """What the sessions can do."""
    bead_selector: LabelSelector = Field(default_factory=dict)
    """Labels that a bead must carry to be worked here."""
    repository: Repository | None = None
    """For beads that name none."""
    budget: WorkerBudget = Field(default_factory=WorkerBudget)
    """Daily limits."""
    escalation: Annotated[list[LadderStep], Field(max_length=10)] = Field(default_factory=list)
    """What happens, in order, when a bead gets stuck."""
    mode: Mode = Mode.LOOP
    """Loop: a session works bead after bead. Once: a fresh session for each."""
    suspend: Flag = False
    """Take no new beads; running ones are finished."""
    stop_mode: StopMode = StopMode.FINISH
    """When sessions go: Finish their bead first, or Now (the bead is released)."""
    pod: PodSettings | None = None
    """For runtime Pod."""
    tmux: TmuxSettings | None = None
    """For runtime Tmux."""


class Session(Model):
    """One running replica."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Name of the pod or tmux session."""
    state: SessionState
    """Starting, Idle, Working, Draining, Crashed or Stopped."""
    bead: Name | None = None
    """What it works on."""
    iteration: Natural | None = None
    """Iteration of that bead."""
    started_at: Time | None = None
    """When the session started."""
    last_progress_at: Time | None = None
    """Last sign of work, as of the last change of state."""
    attach: Message | None = None
    """Command that shows the session to a person."""
    restarts: Natural = 0
    """Restarts in a row after crashes."""
    reason: Annotated[str, StringConstraints(max_length=64)] = ""
    """The same in one word, where the session's surroundings are to blame: OOMKilled, Evicted."""
    message: Message = ""
    """What is wrong, if anything."""


class Spent(Model):
    """Spent today (UTC)."""

    usd: Money = 0.0
    """US dollars."""
    tokens: Natural = 0
    """Input and output tokens."""


class CapabilityStatus(Model):
    """What is known of one declared capability."""

    name: Label
    """The capability."""
    confidence: Share
    """Learned from outcomes, 0 to 1; the declared one until there are some."""
    override: Share | None = None
    """The override that counts instead."""
    successes: Natural = 0
    """Outcomes for it."""
    failures: Natural = 0
    """Outcomes against it."""
    last_reset: Trigger | None = None
    """reset that was last obeyed."""


class WorkerStatus(Model):
    """What Ringmaster says of it."""

    observed_generation: Natural | None = None
    """Generation of the spec that this status was made from."""
    conditions: Conditions = Field(default_factory=list)
    """Available, Progressing, WithinBudget."""
    replicas: Annotated[int, Whole(0, 10_000, exact=True)] = 0
    """Sessions that exist."""
    ready_replicas: Natural = 0
    """Sessions that run."""
    busy_replicas: Natural = 0
    """Sessions that work on a bead."""
    desired_replicas: Natural = 0
    """Sessions wanted now."""
    selector: Annotated[str, StringConstraints(max_length=256)] = ""
    """Label selector of the sessions, for autoscalers."""
    sessions: Annotated[list[Session], Field(max_length=400), Unique("name")] = Field(default_factory=list)
    """The sessions."""
    cost_today: Spent = Field(default_factory=Spent)
    """Spent today."""
    capabilities: Annotated[list[CapabilityStatus], Field(max_length=50), Unique("name")] = Field(
        default_factory=list
    )
    """What outcomes say of the declared capabilities."""


@rule(
    "self.metadata.name.size() <= 52 && !self.metadata.name.contains('.')",
    "a Worker's name has at most 52 characters and no dots: sessions and labels are named after it",
    holds=lambda s: len(s.metadata.name) <= 52 and "." not in s.metadata.name,
)
class Worker(Model):
    """A named pool of identical agent sessions, as pods or in tmux."""

    api_version: Literal["ringmaster.dev/v1alpha1"] = API_VERSION
    kind: Literal["Worker"] = "Worker"
    metadata: Metadata
    spec: WorkerSpec
    status: WorkerStatus = Field(default_factory=WorkerStatus)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.metadata.namespace, self.metadata.name
