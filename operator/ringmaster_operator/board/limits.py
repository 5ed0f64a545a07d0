"""What bounds a bead, and where it is worked: its own word, else its parents', else the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ringmaster_operator.board.budgets import payer
from ringmaster_operator.board.ladder import NO_LADDER, Ladder
from ringmaster_operator.resources.bead import Bead, Limits, Repository
from ringmaster_operator.resources.budget import Budget, Period
from ringmaster_operator.resources.project import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_MAX_ITERATIONS,
    DEFAULT_TIMEOUT_SECONDS,
    Project,
)
from ringmaster_operator.resources.worker import Worker

T = TypeVar("T")


@dataclass(frozen=True)
class EffectiveLimits:
    """Limits with nothing left open; None means without limit."""

    max_iterations: int = DEFAULT_MAX_ITERATIONS
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    cost_usd: float | None = None
    tokens: int | None = None
    ladder: Ladder = NO_LADDER


def resolve(
    bead: Bead, parents: Sequence[Bead], project: Project | None, ladder: Ladder | None = None
) -> EffectiveLimits:
    """Each limit by itself: the bead's, else the nearest parent's that sets it, else the project's.

    What the bead's escalation has granted is added. `ladder` is the Worker's, for a bead without its own.

    Budgets of the project per bead are not defaults: none of these can raise them.
    """
    chain: list[Limits] = [item.spec.limits for item in (bead, *parents)]
    if project is not None:
        chain.append(project.limits)
    budgets = [item for item in project.budgets if _each_bead(item, bead)] if project is not None else []
    granted = bead.status.escalation
    times = 1 + granted.budgets if granted is not None else 1
    cost, tokens = _first(item.cost_usd for item in chain), _first(item.tokens for item in chain)
    most = _first(item.max_iterations for item in chain) or DEFAULT_MAX_ITERATIONS
    own = bead.spec.escalation
    return EffectiveLimits(
        max_iterations=most + (granted.iterations if granted is not None else 0),
        max_attempts=_first(item.max_attempts for item in chain) or DEFAULT_MAX_ATTEMPTS,
        timeout_seconds=_first(item.timeout_seconds for item in chain) or DEFAULT_TIMEOUT_SECONDS,
        cost_usd=_lowest(None if cost is None else cost * times, (item.usd for item in budgets)),
        tokens=_lowest(None if tokens is None else tokens * times, (item.tokens for item in budgets)),
        ladder=Ladder(tuple(own)) if own else ladder or NO_LADDER,
    )


def repository_of(
    bead: Bead, parents: Sequence[Bead], worker: Worker | None, project: Project | None
) -> Repository | None:
    """The bead's, else the nearest parent's, else the Worker's, else the project's; None when nobody says."""
    return _first(
        (
            *(item.spec.repository for item in (bead, *parents)),
            worker.spec.repository if worker is not None else None,
            project.repository if project is not None else None,
        )
    )


def _each_bead(budget: Budget, bead: Bead) -> bool:
    """Whether a budget limits each bead by itself, this one too."""
    who = payer("", bead)
    return (
        budget.per is Period.BEAD
        and budget.user in (None, who.user)
        and frozenset(budget.labels.items()) <= who.labels
    )


def _lowest(own: T | None, others: Iterable[T | None]) -> T | None:
    known = [value for value in (own, *others) if value is not None]
    return min(known, default=None)  # type: ignore[type-var]


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
