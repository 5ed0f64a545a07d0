"""The bodies of the people's API about capabilities: what is known of them, and how it came about."""

from __future__ import annotations

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import Label, Name, Natural, Share, Time


class WorkerConfidence(Model):
    """What is known of one capability of one Worker."""

    worker: Name
    profile: Label
    model: str | None = None
    """None: the agent's default."""
    declared: Share
    """spec.capabilities[].confidence."""
    learned: Share
    """Declared confidence and outcomes together."""
    override: Share | None = None
    confidence: Share
    """What counts: the override, else what was learned."""
    successes: Natural = 0
    failures: Natural = 0
    weight: float = Field(default=0.0, ge=0)
    """How many outcomes all of that is still worth."""
    recent: str = Field(default="", max_length=20)
    """The last outcomes, the newest last: + or - each."""


class CapabilityInfo(Model):
    """One capability: a name, what it means, and who has it."""

    name: Label
    description: str = ""
    """From the project's settings; empty when they do not name it."""
    workers: list[WorkerConfidence] = Field(default_factory=list)
    """The Workers that declare it, the surest first."""


class CapabilityList(Model):
    """All capabilities that the project's settings name or a Worker declares."""

    items: list[CapabilityInfo]


class OverrideRequest(Model):
    """PUT: the confidence that counts; null takes the override away."""

    override: Share | None = None


class ConfidenceChange(Model):
    """One change of what is known."""

    id: Natural
    at: Time
    worker: Name
    profile: Label
    model: str | None = None
    cause: str
    """outcome, reset or override."""
    success: bool | None = None
    weight: float = 0.0
    confidence: Share
    """What was learned, after the change."""
    override: Share | None = None
    """Set by a change of cause override."""
    bead: Name | None = None
    person: str = ""
    """Who asked for it over the API."""


class ConfidenceHistory(Model):
    """The newest first."""

    items: list[ConfidenceChange]
    next: Natural | None = None
    """Give this as `before` for the changes before these; None: there are none."""
