"""What work counts as, and for whom: what its costs can be told apart by later."""

from __future__ import annotations

import re
from datetime import datetime

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Payer
from ringmaster_operator.board.limits import repository_of
from ringmaster_operator.history import Account
from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.costs import session_seconds, without_dollars
from ringmaster_operator.resources.prices import in_force, priced
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.protocol import ReportRequest, Usage
from ringmaster_operator.resources.rates import Price
from ringmaster_operator.resources.worker import RuntimeKind, Worker
from ringmaster_operator.store import Store

_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)[^/@]*@")


def parents_of(store: Store, bead: Bead) -> list[Bead]:
    """Parent, grandparent and so on; a cycle ends the walk."""
    chain: list[Bead] = []
    seen = {bead.metadata.name}
    name = bead.spec.parent
    while name and name not in seen:
        seen.add(name)
        parent = store.bead((bead.metadata.namespace, name))
        if parent is None:
            break
        chain.append(parent)
        name = parent.spec.parent
    return chain


def account_of(
    store: Store, board: Board, *, who: Payer, bead: Bead | None, worker: Worker | None
) -> Account:
    """As the history keeps it; of a bead that is gone, who pays is all that is known."""
    if bead is None:
        return Account(requested_by=who.user, labels=who.labels)
    parents = parents_of(store, bead)
    place = repository_of(bead, parents, worker, board.project(who.namespace))
    own = bead.metadata.name if bead.spec.type is BeadType.EPIC else ""
    return Account(
        requested_by=who.user,
        labels=who.labels,
        repository=_USER.sub(r"\1", place.url) if place is not None else "",
        capabilities=tuple(bead.spec.capabilities),
        parents=tuple(item.metadata.name for item in parents),
        epic=parents[-1].metadata.name if parents else own,
    )


def counted(usage: Usage, worker: Worker | None, project: Project | None, at: datetime) -> Usage:
    """Usage as it counts: under a flat rate tokens without dollars, else with the project's prices."""
    if worker is not None and worker.spec.budget.flat_rate:
        return without_dollars(usage)
    return priced(usage, project.prices if project is not None else (), at)


def own_prices(worker: Worker | None, project: Project | None, at: datetime) -> list[Price]:
    """What a session counts its agent's requests with; under a flat rate they cost nothing."""
    if project is None or (worker is not None and worker.spec.budget.flat_rate):
        return []
    return in_force(project.prices, at.date())


def time_cost(request: ReportRequest, worker: Worker | None, project: Project | None) -> float:
    """US dollars of the time that an iteration took, at the project's rate."""
    if worker is None or project is None:
        return 0.0
    rates, pod = project.infrastructure, worker.spec.runtime is RuntimeKind.POD
    hours = session_seconds(request.started_at, request.finished_at) / 3600
    return hours * (rates.pod_usd_per_hour if pod else rates.tmux_usd_per_hour)
