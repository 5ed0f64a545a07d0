"""Capabilities in the Workers' statuses: what was learned, and the overrides and resets that people wish.

The one field of a Worker's status that is not of its host, so it is written by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from ringmaster_operator import metrics
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import Standings
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import WORKERS, Kube, NotFound
from ringmaster_operator.learning import Learning
from ringmaster_operator.reconcilers.queue import WorkQueue
from ringmaster_operator.resources.worker import CapabilityStatus, Worker
from ringmaster_operator.store import Key, Resource, Store

LOOK_SECONDS = 3600.0
"""How often fading evidence is looked at again."""
NOTABLE = 0.01
"""A smaller change of confidence is not worth a write."""


class CapabilityReconciler:
    """Keeps status.capabilities; `changed` is told of a Worker that may take other beads than before."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        learning: Learning,
        clock: Clock,
        workers: int,
        changed: Callable[[Key], None],
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._learning = learning
        self._clock = clock
        self._changed = changed
        self.queue: WorkQueue[Key] = WorkQueue("capabilities", self.reconcile, workers=workers)
        learning.listen(self._learned)
        store.listen(self._listen)

    def look_again(self) -> None:
        """The rules have changed: what is known counts otherwise."""
        for worker in self._store.workers():
            self.queue.add(worker.key)

    async def reconcile(self, key: Key) -> float | None:
        """One Worker: obey resets, note overrides, show what is known."""
        worker = self._store.worker(key)
        if worker is None or worker.metadata.deletion_timestamp is not None:
            self.queue.forget(key)
            return None
        for item in worker.spec.capabilities:
            await self._learning.obey(worker, item)
        rules, now = self._board.rules(key[0]), self._clock.now()
        standings = self._board.registry.standings(worker, rules, now)
        await self._note_overrides(worker, standings)
        await self._show(worker, shown(worker, standings))
        return LOOK_SECONDS if any(item.evidence.weight for item in standings.values()) else None

    async def _note_overrides(self, worker: Worker, standings: Standings) -> None:
        told = {item.name: item.override for item in worker.status.capabilities}
        for item in worker.spec.capabilities:
            if told.get(item.name) != item.override:
                await self._learning.note_override(worker, item, standings[item.name].learned)

    async def _show(self, worker: Worker, wanted: list[CapabilityStatus]) -> None:
        if wanted == worker.status.capabilities:
            return
        metrics.api_writes.labels("Worker").inc()
        patch = {"capabilities": [item.lean() for item in wanted]}
        try:
            self._store.observe(await self._kube.patch_status(WORKERS, *worker.key, patch))
        except NotFound:
            self._store.forget("Worker", worker.key, worker.metadata.uid)
        self._changed(worker.key)

    def _learned(self, key: Key) -> None:
        self.queue.add(key)
        self._changed(key)

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind != "Worker":
            return
        if not isinstance(old, Worker) or not isinstance(new, Worker) or old.spec != new.spec:
            self.queue.add(key)


def shown(worker: Worker, standings: Standings) -> list[CapabilityStatus]:
    """What the status says; a confidence that has hardly moved stays as it is written."""
    before = {item.name: item for item in worker.status.capabilities}
    found = []
    for name, known in standings.items():
        confidence = round(known.learned, 2)
        told = before.get(name)
        if told is not None and abs(told.confidence - known.learned) < NOTABLE:
            confidence = told.confidence
        found.append(
            CapabilityStatus(
                name=name,
                confidence=confidence,
                override=known.override,
                successes=known.evidence.succeeded,
                failures=known.evidence.failed,
                last_reset=known.evidence.last_reset,
            )
        )
    return found
