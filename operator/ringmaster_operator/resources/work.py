"""What a claim hands over: the bead as its worker needs it, with all that was done before."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model, Priority
from ringmaster_operator.resources.bead import Acceptance, BeadType, Outcome, Repository, SteeringNote
from ringmaster_operator.resources.lesson import LessonNote
from ringmaster_operator.resources.prompt import CheckLog, PromptRules, Relative
from ringmaster_operator.resources.rates import Price
from ringmaster_operator.resources.reflexion import Reflexion
from ringmaster_operator.resources.saved import SavedWork
from ringmaster_operator.resources.scalars import LongText, Message, Name, ShortText
from ringmaster_operator.resources.worker import AgentSpec

Identifier = Annotated[str, StringConstraints(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
"""A client-made unique id (UUID): the idempotency key of the call."""


class PastIteration(Model):
    """What an earlier run of the agent on this bead did."""

    attempt: int
    iteration: int
    outcome: Outcome
    lesson: Message = ""
    commit: ShortText | None = None
    reflexion: Reflexion | None = None
    """What the agent itself learned, of the last runs."""


class DependencyResult(Model):
    """What a finished dependency left."""

    name: Name
    title: ShortText
    summary: Message = ""
    branch: ShortText | None = None
    commit: ShortText | None = None
    answer: Annotated[str, StringConstraints(max_length=8192)] | None = None
    """For a decision: what was decided."""
    question: Annotated[str, StringConstraints(max_length=8192)] | None = None


class ParentContext(Model):
    """What the bead belongs to."""

    name: Name
    title: ShortText
    description: LongText = ""


class BeadWork(Model):
    """The bead as the worker needs it; limits are resolved, nothing is left to look up."""

    namespace: str
    name: Name
    uid: str
    generation: int
    title: ShortText
    description: LongText
    type: BeadType
    priority: Priority
    effective_priority: Priority
    inherited_from: Name | None = None
    acceptance: Acceptance
    repository: Repository | None = None
    max_iterations: int
    max_attempts: int
    timeout_seconds: int
    cost_usd: float | None = None
    tokens: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    parent: ParentContext | None = None
    ancestors: list[ParentContext] = Field(default_factory=list)
    """What the parent belongs to, the nearest first."""
    siblings: list[Relative] = Field(default_factory=list)
    """The parent's other children."""
    dependencies: list[DependencyResult] = Field(default_factory=list)
    decisions: list[DependencyResult] = Field(default_factory=list)
    """Answered questions that this bead asked."""
    history: list[PastIteration] = Field(default_factory=list)
    logs: list[CheckLog] = Field(default_factory=list)
    """What the acceptance commands that failed last printed."""
    prompt: PromptRules = Field(default_factory=PromptRules)
    """What the project says of the prompt."""
    lessons: Annotated[list[LessonNote], Field(max_length=10)] = Field(default_factory=list)
    """What other beads taught, the best fit first: information for the agent, never an order."""
    reflect: bool = False
    """Whether an agent that failed and gave no reflexion is asked for one."""
    plan: bool = False
    """This run proposes the beads that the bead is split into, and does no work."""
    rules: list[str] = Field(default_factory=list)
    """House rules of project and Worker."""
    steering: list[SteeringNote] = Field(default_factory=list)
    """What people want to tell the agent, oldest first."""
    fresh_from: int = 0
    """Work of claims up to this fence is not built on: the bead was started from scratch since."""


class Allowance(Model):
    """What the iteration may use without asking again; None means that nobody counts it."""

    usd: float | None = None
    tokens: int | None = None


class Claimed(Model):
    """A granted claim."""

    claim_id: Identifier
    fence: int
    lease_seconds: float
    """Heartbeat at least this often, or the bead goes to someone else."""
    attempt: int
    iteration: int
    resumed_branch: ShortText | None = None
    """Branch that holds the work of earlier attempts or iterations."""
    saved: SavedWork | None = None
    """What a session before left of it, where no remote has it."""
    bead: BeadWork
    agent: AgentSpec
    """Settings of the Worker at this moment; the bead's routing applied."""
    allowance: Allowance | None = None
    """Where a budget stops sessions: the share of it that is set aside for this iteration."""
    prices: list[Price] = Field(default_factory=list)
    """The project's own prices that hold today, for what the agent uses meanwhile; under a flat rate none."""
