"""Facts that no object of the cluster has: how budgets stand, and what ails the operator."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ringmaster_operator.events import Note
from ringmaster_operator.notify.facts import Fact
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.budget import Period
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.notify_api import NoticeKind

PATIENCE = timedelta(seconds=60)
"""What ails the operator for a shorter time is told nobody."""
FAULTS = frozenset({"InvalidSettings"})
"""Events that are the operator's or the project's fault."""


def of_budgets(namespace: str, budgets: Iterable[BudgetState], now: datetime) -> list[Fact]:
    """Those that are nearly spent or spent, once in each of their periods."""
    return [
        _budget(namespace, budget, now)
        for budget in budgets
        if budget.per is not Period.BEAD and (budget.reached or budget.warned)
    ]


def _budget(namespace: str, budget: BudgetState, now: datetime) -> Fact:
    month = budget.per is Period.MONTH
    period = now.strftime("%Y-%m" if month else "%Y-%m-%d")
    limit = f"${budget.usd:.2f}" if budget.usd is not None else f"{budget.tokens} tokens"
    spent = f"${budget.spent.usd:.2f}" if budget.usd is not None else f"{budget.spent.tokens} tokens"
    state = "spent" if budget.reached else "nearly spent"
    why = f"{spent} of {limit} {'this month' if month else 'today'} (UTC)."
    if budget.reached:
        why += " No bead is begun on it until the period ends or it is raised."
    return Fact(
        kind=NoticeKind.BUDGET,
        source=f"budget/{namespace}/{budget.name}/{budget.per}/{limit}/{period}/{state}",
        at=now,
        namespace=namespace,
        name=budget.name,
        what=f"Budget {state}: {budget.name}",
        why=why,
        page=f"/ui/{namespace}/costs",
        command=f"ringmaster budget -n {namespace}",
    )


def of_note(kind: str, meta: Metadata, note: Note, now: datetime) -> Fact | None:
    """A fault that was told as an Event."""
    if note.reason not in FAULTS:
        return None
    digest = hashlib.sha256(note.message.encode("utf-8", "replace")).hexdigest()[:16]
    return Fact(
        kind=NoticeKind.OPERATOR,
        source=f"fault/{note.reason}/{meta.namespace}/{meta.name}/{digest}/{now:%Y-%m-%d}",
        at=now,
        namespace=meta.namespace,
        name=meta.name,
        what=f"{note.reason}: {kind} {meta.name}",
        why=note.message,
        command=f"kubectl describe {kind.lower()} {meta.name} -n {meta.namespace}",
    )


class Trouble:
    """What the operator waits for, once it has waited for a while."""

    def __init__(self, trouble: Callable[[], str]) -> None:
        self._trouble = trouble
        self._since: datetime | None = None

    def look(self, now: datetime) -> Fact | None:
        """A fact for each time that it is ailing."""
        words = self._trouble()
        if not words:
            self._since = None
            return None
        self._since = self._since or now
        if now - self._since < PATIENCE:
            return None
        return Fact(
            kind=NoticeKind.OPERATOR,
            source=f"operator/{self._since.isoformat()}",
            at=now,
            namespace="",
            name="operator",
            what="The operator cannot do its work",
            why=words,
            command="ringmaster doctor",
        )
