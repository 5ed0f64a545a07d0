"""The body of the people's API that shows a namespace at a glance: what needs a person, runs, is done."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Message, Model, Priority
from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.budget_api import BudgetState, Sums
from ringmaster_operator.resources.cost_api import MonthForecast
from ringmaster_operator.resources.scalars import Name, Natural, Time, cut
from ringmaster_operator.resources.worker import RuntimeKind, SessionState

Brief = Annotated[str, cut(500)]
"""The beginning of a longer text."""


class NeedKind(StrEnum):
    """Why a person is needed, the most pressing first."""

    ESCALATION = "escalation"
    """A bead got stuck, and its ladder asks a person how it goes on; answered like a decision."""
    DECISION = "decision"
    """A question waits for its answer."""
    WORKER = "worker"
    """A Worker's sessions do not come up by themselves."""
    BUDGET = "budget"
    """A limit is reached: no bead is begun on it."""
    FAILED = "failed"
    """A bead has failed: retry it, change it, or cancel it."""
    STUCK = "stuck"
    """A bead that nothing but a change lets go on."""
    STALLED = "stalled"
    """A session shows no progress."""


class Activity(StrEnum):
    """What a session is at, for people."""

    WORKING = "working"
    WAITING = "waiting"
    """Its bead has asked a person, and is not answered."""
    STALLED = "stalled"
    """No progress for five minutes, or the Worker's stallSeconds where that is less; no tool call is open."""
    IDLE = "idle"
    STARTING = "starting"
    DOWN = "down"
    """Crashed or stopped."""


class Need(Model):
    """One thing that needs a person."""

    kind: NeedKind
    name: str
    """Of the bead, the Worker, the budget or (stalled) the session."""
    title: str = ""
    """Of the bead."""
    why: Brief = ""
    """What is asked, or what is wrong and what to do."""
    priority: Priority | None = None
    """Effective priority of the bead."""
    since: Time | None = None
    blocks: Natural = 0
    """Unfinished beads that wait for it, directly or not."""
    parent: Name | None = None
    """Who asks, for decisions and escalations."""
    options: list[str] = Field(default_factory=list)
    """Possible answers, for decisions and escalations; with none, any text is one."""
    deadline: Time | None = None
    """When a default becomes the answer."""


class Run(Model):
    """A bead that is worked on."""

    name: Name
    title: str
    priority: Priority
    """Effective."""
    worker: Name
    session: str
    activity: Activity = Activity.WORKING
    since: Time
    """When it was claimed."""
    attempt: Natural
    iteration: Natural
    max_iterations: Natural
    progress_at: Time | None = None
    """Last sign of progress; absent before the first heartbeat."""
    note: str = ""
    """What the agent does, in its own words."""
    turns: Natural = 0
    """Of this iteration, as tool calls."""
    tool_calls: Natural = 0
    tokens: Natural = 0
    """Input and output tokens of this iteration."""
    tokens_per_minute: float | None = None
    """Over the last two minutes; absent until there are two heartbeats."""
    usd: float = 0.0
    """Of all attempts so far, US dollars, with what this iteration has used."""


class SessionInfo(Model):
    """One session of the fleet."""

    name: str
    worker: Name
    runtime: RuntimeKind
    activity: Activity
    state: SessionState
    """As the Worker's status has it."""
    bead: Name | None = None
    iteration: Natural | None = None
    started_at: Time | None = None
    progress_at: Time | None = None
    tokens_per_minute: float | None = None
    restarts: Natural = 0
    message: Message = ""
    """What is wrong, if anything."""


class DoneDay(Model):
    """One day (UTC)."""

    day: date
    succeeded: Natural = 0
    """Beads, without decisions."""
    failed: Natural = 0


class Spending(Model):
    """Money and tokens."""

    today: Sums
    """Since midnight (UTC), as reported."""
    running: Sums
    """What running iterations have used and not reported yet."""
    month: MonthForecast
    budgets: list[BudgetState] = Field(default_factory=list)


class BackupState(Model):
    """How well the history is saved, by all schedules of the operator."""

    schedules: Natural = 0
    last: Time | None = None
    """The newest good backup; absent: there is none."""
    verified: bool = False
    """Whether that one was read back."""
    failing: bool = False
    """A schedule's last run failed."""
    next: Time | None = None


class Overview(Model):
    """A namespace at a glance."""

    at: Time
    version: str
    """Of the operator."""
    elected: bool = False
    """Several operators may run, and this one leads."""
    phases: dict[Phase, int]
    """Beads by phase; phases without any are left out."""
    needs: list[Need]
    """The most pressing first, 200 at most."""
    needed: dict[NeedKind, int]
    """All of them, counted."""
    running: list[Run]
    """The most urgent first."""
    ready: Natural
    """Beads that may be claimed now."""
    sessions: list[SessionInfo]
    done: list[DoneDay]
    """The last 14 days, today last."""
    spend: Spending
    backup: BackupState
