"""Worker: a named pool of identical agent sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import (
    API_VERSION,
    Command,
    Conditions,
    EnvName,
    Label,
    LabelSelector,
    Message,
    Metadata,
    Model,
    Name,
    ShortText,
    Time,
)
from ringmaster_operator.resources.bead import Repository, SecretRef
from ringmaster_operator.resources.rules import rule

AbsolutePath = Annotated[str, StringConstraints(max_length=1024, pattern=r"^(/|~/)[^\x00-\x1f]*$")]


class RuntimeKind(StrEnum):
    POD = "Pod"
    TMUX = "Tmux"


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


class KeyRef(Model):
    """One key of a Secret or ConfigMap of the same namespace."""

    name: Name
    """Name of the object."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Key inside it."""


class EnvSource(Model):
    """Where a variable's value comes from."""

    secret_key_ref: KeyRef
    """Key of a Secret."""


@rule("has(self.value) != has(self.valueFrom)", "give either value or valueFrom")
class EnvVar(Model):
    """One environment variable of the agent."""

    name: EnvName
    """Name of the variable."""
    value: Annotated[str, StringConstraints(max_length=32768)] | None = None
    """Its value; secrets belong in valueFrom."""
    value_from: EnvSource | None = None
    """Where the value is taken from."""


class EnvFrom(Model):
    """All keys of a Secret as variables."""

    secret_ref: SecretRef
    """The Secret."""


class AgentSpec(Model):
    """Which agent program does the work, and how."""

    profile: Label = "generic"
    """Agent profile: claude-code, codex, gemini, opencode, aider, goose, generic, or one of your own."""
    model: ShortText | None = None
    """Model, as the agent names it."""
    command: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    """Replaces the profile's program."""
    args: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    """Added to the profile's arguments."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """Environment of the agent."""
    env_from: Annotated[list[EnvFrom], Field(max_length=16)] = Field(default_factory=list)
    """Secrets whose keys become the agent's environment."""
    timeout_seconds: Annotated[int, Field(ge=1, le=604800)] = 3600
    """Seconds that one iteration may take."""
    stall_seconds: Annotated[int, Field(ge=1, le=86400)] = 900
    """Seconds without progress (no turn, no tokens, no diff, no open tool call) until it counts as stalled."""
    rules: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=1024)]], Field(max_length=50)
    ] = Field(default_factory=list)
    """House rules that every prompt of this Worker carries."""
    setup: Annotated[list[Command], Field(max_length=20)] = Field(default_factory=list)
    """Shell commands run in a fresh worktree before the agent."""


class Capability(Model):
    """What the sessions can do, and how sure that is."""

    name: Label
    """The capability."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Prior belief, 0 to 1, until outcomes are known."""


class LadderAction(StrEnum):
    ITERATIONS = "Iterations"
    MODEL = "Model"
    PROFILE = "Profile"
    PERSON = "Person"


@rule("self.action != 'Model' || has(self.model)", "action Model needs model")
@rule("self.action != 'Profile' || has(self.profile)", "action Profile needs profile")
class LadderStep(Model):
    """One step of escalation."""

    action: LadderAction
    """Iterations (more of them), Model, Profile, or Person (a decision bead)."""
    iterations: Annotated[int, Field(ge=1, le=100)] | None = None
    """Further iterations, for action Iterations."""
    model: ShortText | None = None
    """Model to change to."""
    profile: Label | None = None
    """Profile to change to."""


class WorkerBudget(Model):
    """Limits of all sessions together; at the limit they take no new bead until the day (UTC) ends."""

    usd_per_day: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """US dollars."""
    tokens_per_day: Annotated[int, Field(ge=0, le=1_000_000_000_000)] | None = None
    """Input and output tokens."""


@rule("self.min <= self.max", "min must not be above max")
class Autoscale(Model):
    """Follow the ready beads that this Worker could take."""

    min: Annotated[int, Field(ge=0, le=200)] = 0
    """Sessions kept even when there is nothing to do."""
    max: Annotated[int, Field(ge=1, le=200)]
    """Sessions at most."""
    idle_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    """Seconds without work before a session is given up."""


Quantity = Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$")]
Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]
OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class Resources(Model):
    """Requests and limits of the agent's container."""

    requests: Quantities = Field(default_factory=dict)
    """As in a container."""
    limits: Quantities = Field(default_factory=dict)
    """As in a container."""


class Toleration(Model):
    """As in a pod."""

    key: ShortText | None = None
    """Taint key."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists or Equal."""
    value: ShortText | None = None
    """Taint value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Which effect; all when unset."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long, for NoExecute."""


class PodSettings(Model):
    """How sessions run as pods."""

    image: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """Image that follows the agent image contract."""
    resources: Resources = Field(default_factory=Resources)
    """Requests and limits."""
    node_selector: LabelSelector = Field(default_factory=dict)
    """Labels that the node must carry."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(default_factory=list)
    """Taints that are tolerated."""
    runtime_class_name: Name | None = None
    """RuntimeClass, for sandboxed runtimes."""
    workspace_claim: Name | None = None
    """PersistentVolumeClaim that keeps mirrors of repositories warm; an emptyDir when unset."""
    template: Annotated[dict[str, Any], Field(json_schema_extra=OPEN)] = Field(default_factory=dict)
    """Raw patch over the pod, for all else; the API server checks it when it is applied."""


class TmuxSettings(Model):
    """How sessions run in tmux."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "local"
    """Name of the tmux host (ringmaster-operator tmux-host --host NAME) that runs them."""
    socket_name: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    """tmux socket (tmux -L); one private to the host when unset."""
    working_directory: AbsolutePath | None = None
    """Where mirrors, worktrees and logs are kept; the host's state folder when unset."""


@rule("!(has(self.replicas) && has(self.autoscale))", "replicas and autoscale exclude each other")
@rule("self.runtime != 'Pod' || has(self.pod)", "runtime Pod needs pod.image")
@rule("self.runtime != 'Pod' || !has(self.tmux)", "tmux is only for runtime Tmux")
@rule("self.runtime != 'Tmux' || !has(self.pod)", "pod is only for runtime Pod")
@rule("self.runtime == oldSelf.runtime", "runtime is immutable")
class WorkerSpec(Model):
    """What a person wants to run."""

    runtime: RuntimeKind
    """Pod or Tmux."""
    replicas: Annotated[int, Field(ge=0, le=200)] | None = None
    """Sessions to keep; 1 when neither this nor autoscale is set."""
    autoscale: Autoscale | None = None
    """Sessions follow the work."""
    agent: AgentSpec = Field(default_factory=AgentSpec)
    """The agent program."""
    capabilities: Annotated[
        list[Capability],
        Field(
            max_length=50,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """What the sessions can do."""
    bead_selector: LabelSelector = Field(default_factory=dict)
    """Labels that a bead must carry to be worked here."""
    repository: Repository | None = None
    """For beads that name none."""
    budget: WorkerBudget = Field(default_factory=WorkerBudget)
    """Daily limits."""
    escalation: Annotated[list[LadderStep], Field(max_length=10)] = Field(default_factory=list)
    """What happens, in order, when a bead runs out of iterations."""
    mode: Mode = Mode.LOOP
    """Loop: a session works bead after bead. Once: a fresh session for each."""
    suspend: bool = False
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
    iteration: Annotated[int, Field(ge=0)] | None = None
    """Iteration of that bead."""
    started_at: Time | None = None
    """When the session started."""
    last_progress_at: Time | None = None
    """Last sign of work, as of the last change of state."""
    attach: Message | None = None
    """Command that shows the session to a person."""
    restarts: Annotated[int, Field(ge=0)] = 0
    """Restarts in a row after crashes."""
    message: Message = ""
    """What is wrong, if anything."""


class Spent(Model):
    """Spent today (UTC)."""

    usd: Annotated[float, Field(ge=0)] = 0.0
    """US dollars."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Input and output tokens."""


class WorkerStatus(Model):
    """What Ringmaster says of it."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status was made from."""
    conditions: Conditions = Field(default_factory=list)
    """Available, Progressing, ProfileReady, WithinBudget."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Sessions that exist."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Sessions that run."""
    busy_replicas: Annotated[int, Field(ge=0)] = 0
    """Sessions that work on a bead."""
    desired_replicas: Annotated[int, Field(ge=0)] = 0
    """Sessions wanted now."""
    selector: Annotated[str, StringConstraints(max_length=256)] = ""
    """Label selector of the sessions, for autoscalers."""
    sessions: Annotated[
        list[Session],
        Field(
            max_length=400,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(default_factory=list)
    """The sessions."""
    cost_today: Spent = Field(default_factory=Spent)
    """Spent today."""


@rule(
    "self.metadata.name.size() <= 52 && !self.metadata.name.contains('.')",
    "a Worker's name has at most 52 characters and no dots: sessions and labels are named after it",
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
