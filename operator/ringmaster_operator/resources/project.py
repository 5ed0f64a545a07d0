"""Settings of a namespace (ConfigMap `ringmaster-project`, key project.toml): data, checked as a model."""

from __future__ import annotations

import tomllib
from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Command, Model
from ringmaster_operator.resources.bead import Limits, Repository
from ringmaster_operator.resources.budget import Budget
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.notify_api import MOST_SUBSCRIPTIONS, Telling
from ringmaster_operator.resources.prompt import PromptRules
from ringmaster_operator.resources.rates import Infrastructure, Price
from ringmaster_operator.resources.scalars import Label

CONFIG_MAP = "ringmaster-project"
CONFIG_KEY = "project.toml"
PROFILE_LABEL = "ringmaster.dev/profile"

DEFAULT_MAX_ITERATIONS = 5
DEFAULT_MAX_ATTEMPTS = 3
DEFAULT_TIMEOUT_SECONDS = 3600
DEFAULT_MAX_WAIT_SECONDS = 86_400
DEFAULT_ESTIMATE_MINUTES = 60


class ProjectBudget(Model):
    """Limits of the whole namespace."""

    usd_per_day: Annotated[float, Field(ge=0)] | None = None
    """US dollars a day (UTC) of all Workers together; at the limit no new bead is begun."""
    tokens_per_day: Annotated[int, Field(ge=0)] | None = None
    """Input and output tokens a day (UTC) of all Workers together."""


class ConfidenceRules(Model):
    """How outcomes become confidence, and what confidence decides."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Confidence that a bead asks of its Worker, for beads that set no spec.minConfidence."""
    prior_strength: Annotated[float, Field(ge=0.1, le=1000)] = 8.0
    """How many outcomes the declared confidence is worth."""
    half_life_days: Annotated[float, Field(ge=0.01, le=3650)] = 30.0
    """Days after which an outcome counts half: models, tools and repositories change."""
    explore_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of claims that a Worker below the threshold may take while little is known of it; never P0."""
    known_after: Annotated[float, Field(ge=0, le=1000)] = 5.0
    """Outcomes, by their present weight, from which on a Worker counts as known."""


class RoutingRules(Model):
    """How past outcomes of similar beads decide which Worker gets a bead."""

    similar: bool = True
    """Whether a bead is left to a Worker whose agent clearly did better at beads like it."""
    margin: Annotated[float, Field(ge=0, le=1)] = 0.15
    """By how much its expected share of successes must be higher, beyond what chance explains."""
    patience_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """How long a bead that may be claimed is left to others at most; P0 and overdue beads never are."""


class LessonRules(Model):
    """What beads learn from each other."""

    enabled: bool = True
    """Whether agents are told lessons of other beads."""
    hold_out: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Share of attempts that are told none, so that `ringmaster lessons report` can tell what lessons do."""
    most: Annotated[int, Field(ge=1, le=10)] = 3
    """Lessons for one attempt, at most."""
    tokens: Annotated[int, Field(ge=50, le=10_000)] = 500
    """Estimated tokens that they may take together."""
    floor: Annotated[float, Field(ge=0, le=2)] = 0.5
    """How well a lesson must fit; about 1 fits very well. Where none does, none is told."""
    ask: bool = True
    """Whether an agent that failed and gave no reflexion is asked for one, in the same conversation."""


class Fairness(Model):
    """Turns among those who share the Workers, within each priority."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=317)]
    """Label of beads that says whose they are; those without it are one more group."""
    weights: Annotated[dict[str, Annotated[float, Field(ge=0.01, le=1000)]], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Share of each of its values; 1 for those not named."""


class Project(Model):
    """Defaults of a namespace; a bead or Worker that says something itself wins."""

    repository: Repository | None = None
    """For beads whose parents and Worker name none."""
    limits: Limits = Field(default_factory=Limits)
    """For beads whose parents set none."""
    verify: Annotated[list[Command], Field(max_length=20)] = Field(default_factory=list)
    """Run before each bead's own verify commands."""
    rules: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=1024)]], Field(max_length=50)
    ] = Field(default_factory=list)
    """House rules for every prompt."""
    budget: ProjectBudget = Field(default_factory=ProjectBudget)
    """Daily limits."""
    budgets: Annotated[list[Budget], Field(max_length=100), Unique("name")] = Field(default_factory=list)
    """Limits on parts of the work, each a table [[budgets]]."""
    prices: Annotated[list[Price], Field(max_length=200)] = Field(default_factory=list)
    """Prices of models that no public list knows, or that cost something else, each a table [[prices]]."""
    infrastructure: Infrastructure = Field(default_factory=Infrastructure)
    """What the time of sessions costs."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Beads that may run at once in the namespace."""
    repository_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Beads that may run at once in any one repository."""
    fairness: Fairness | None = None
    """How those who share the Workers take turns; without it they do not."""

    capabilities: Annotated[
        dict[Label, Annotated[str, StringConstraints(max_length=1024)]], Field(max_length=200)
    ] = Field(default_factory=dict)
    """The capabilities that the project knows, each with what it means."""
    confidence: ConfidenceRules = Field(default_factory=ConfidenceRules)
    """How outcomes become confidence."""
    routing: RoutingRules = Field(default_factory=RoutingRules)
    """What similar beads say about who should have a bead."""
    prompt: PromptRules = Field(default_factory=PromptRules)
    """What agents are told besides their task."""
    lessons: LessonRules = Field(default_factory=LessonRules)
    """What beads learn from each other."""
    notifications: Annotated[list[Telling], Field(max_length=MOST_SUBSCRIPTIONS), Unique("target")] = Field(
        default_factory=list
    )
    """Which channels are told what happens here, each a table [[notifications]]."""

    @classmethod
    def from_toml(cls, text: str) -> Project:
        """Parse the ConfigMap's text; raises ValueError (TOML or pydantic) that names the fault."""
        return cls.model_validate(tomllib.loads(text))
