"""Budgets as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ringmaster_operator.board.budgets import NOTHING, Purse, known_purses, purses_of
from ringmaster_operator.board.ledger import Ledger
from ringmaster_operator.resources.budget_api import BudgetState, Sums
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import Worker


def overview(
    namespace: str, workers: Iterable[Worker], project: Project | None, ledger: Ledger, now: datetime
) -> list[BudgetState]:
    """All budgets of a namespace, those of single Workers and users too."""
    found: dict[Purse, None] = {}
    for worker in workers:
        found.update(dict.fromkeys(purses_of(worker, None)))
    found.update(dict.fromkeys(known_purses(namespace, project, ledger.payers(namespace))))
    return [_state(purse, ledger, now) for purse in found]


def _state(purse: Purse, ledger: Ledger, now: datetime) -> BudgetState:
    spent, reserved = ledger.spent(purse, now), ledger.reserved(purse)
    left = purse.left(spent + reserved).most(NOTHING)
    return BudgetState(
        name=purse.name,
        per=purse.period,
        usd=purse.usd,
        tokens=purse.tokens,
        spent=Sums(usd=round(spent.usd, 6), tokens=spent.tokens),
        reserved=Sums(usd=round(reserved.usd, 6), tokens=reserved.tokens),
        left=Sums(
            usd=round(left.usd, 6) if purse.usd is not None else 0.0,
            tokens=left.tokens if purse.tokens is not None else 0,
        ),
        stops_sessions=purse.stops_sessions,
        warned=purse.warns(spent),
        reached=purse.reached(spent),
    )
