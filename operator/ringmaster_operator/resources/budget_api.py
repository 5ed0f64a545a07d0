"""The bodies of the people's API about budgets: what each allows, what is spent, what is set aside."""

from __future__ import annotations

from pydantic import Field

from ringmaster_operator.resources.base import Model, ShortText
from ringmaster_operator.resources.budget import Period


class Sums(Model):
    """Dollars and tokens."""

    usd: float = 0.0
    tokens: int = 0


class BudgetState(Model):
    """One budget in its present period."""

    name: ShortText
    per: Period
    usd: float | None = None
    """The limit in dollars; None where there is none."""
    tokens: int | None = None
    """The limit in tokens; None where there is none."""
    spent: Sums
    reserved: Sums
    """Set aside for the iterations that run."""
    left: Sums
    """What may still be set aside; 0 at least, and 0 where nothing limits it."""
    stops_sessions: bool = False
    warned: bool = False
    """Whether so much is spent that there is a warning."""
    reached: bool = False


class BudgetList(Model):
    """All budgets of a namespace."""

    items: list[BudgetState] = Field(default_factory=list)
