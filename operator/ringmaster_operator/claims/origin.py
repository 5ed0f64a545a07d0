"""Whom and what a bead's work counts for: what its costs can be told apart by later."""

from __future__ import annotations

import re

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Payer
from ringmaster_operator.board.limits import repository_of
from ringmaster_operator.history import Account
from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.worker import Worker
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
