"""Budgets of a project: what they count, over which time, and what happens at the limit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.lists import LabelSelector
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import Label, Name, ShortText
from ringmaster_operator.resources.worker_agent import OnExceeded

REQUESTED_BY = "ringmaster.dev/requested-by"
"""Label or annotation of a bead: the user that it counts for."""


class Period(StrEnum):
    BEAD = "Bead"
    DAY = "Day"
    MONTH = "Month"


class Each(StrEnum):
    WORKER = "Worker"
    USER = "User"


@rule(
    "has(self.usd) || has(self.tokens)",
    "a budget needs usd or tokens",
    holds=lambda s: s.usd is not None or s.tokens is not None,
)
@rule(
    "self.per != 'Bead' || !(has(self.each) || has(self.worker))",
    "each and worker are for per Day and Month: with per Bead every bead has its own, whoever works it",
    holds=lambda s: s.per is not Period.BEAD or (s.each is None and s.worker is None),
)
class Budget(Model):
    """A limit on what a part of the work uses; what it counts fits all of worker, user and labels."""

    name: Label
    """Its name, for people."""
    per: Period = Period.DAY
    """Bead (over all attempts), Day or Month (UTC)."""
    usd: Annotated[float, Field(ge=0)] | None = None
    """US dollars."""
    tokens: Annotated[int, Field(ge=0)] | None = None
    """Input and output tokens."""
    worker: Name | None = None
    """Only what this Worker uses."""
    user: ShortText | None = None
    """Only beads whose label or annotation ringmaster.dev/requested-by is this."""
    labels: LabelSelector = Field(default_factory=dict)
    """Only beads with these labels."""
    each: Each | None = None
    """Worker or User: every one of them has this budget; all together when unset."""
    warn_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Share of the limit from which on there is a warning."""
    on_exceeded: OnExceeded = OnExceeded.STOP_CLAIMS
    """StopClaims: running iterations are finished. StopSessions: they end at their next turn."""
