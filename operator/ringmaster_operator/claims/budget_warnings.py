"""Events for budgets that come near their end: one when it is near, one when it is reached, each period."""

from __future__ import annotations

import logging
from datetime import datetime

from ringmaster_operator.board.budgets import Amount, Purse, spent_words, warning_words
from ringmaster_operator.events import Events, Note
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.project import CONFIG_MAP
from ringmaster_operator.resources.worker import Worker

log = logging.getLogger(__name__)

WARNED = "BudgetNearlySpent"
SPENT = "BudgetSpent"


class Warnings:
    """Remembers what was told of which budget."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._told: dict[tuple[Purse, str], datetime] = {}

    def tell(self, purse: Purse, spent: Amount, worker: Worker, now: datetime) -> None:
        """Say how a budget stands, where that is new; on the Worker, or on the ConfigMap that has it."""
        if purse.reached(spent):
            self._tell(purse, worker, SPENT, spent_words(purse, spent), now)
        elif purse.warns(spent):
            self._tell(purse, worker, WARNED, warning_words(purse), now)

    def _tell(self, purse: Purse, worker: Worker, reason: str, message: str, now: datetime) -> None:
        start = purse.start(now)
        if self._told.get((purse, reason)) == start:
            return
        self._told[purse, reason] = start
        note = Note(reason, message, warning=True)
        if purse.where == "spec.budget":
            self._events.tell("Worker", worker.metadata, note)
        else:
            meta = Metadata(name=CONFIG_MAP, namespace=purse.namespace)
            self._events.tell("ConfigMap", meta, note)
        log.warning("%s: %s", purse.namespace, message)
