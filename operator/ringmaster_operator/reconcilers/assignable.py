"""Beads that nobody can take say so, and say who comes nearest.

Which beads those are can change for ten thousand at once, when a Worker comes or goes. So this is told after
a while, the most urgent first and at a bounded rate, apart from all other changes of a status.
"""

from __future__ import annotations

import asyncio
import logging

from ringmaster_operator.board.assignable import Team
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.conditions import ASSIGNABLE, assigned
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Conflict, KubeError, NotFound
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Key, Resource, Store

log = logging.getLogger(__name__)

SETTLE_SECONDS = 3.0
"""How long changes are gathered: a backlog and its Workers are often made with one command."""
MOST_WRITES = 60
"""Statuses written in one round; what is left over is for the next."""
AT_ONCE = 500
"""Beads looked at before others have their turn."""


class Assigner:
    """Keeps the Assignable condition of the beads that are ready."""

    def __init__(self, *, store: Store, board: Board, statuses: Statuses, clock: Clock) -> None:
        self._store = store
        self._board = board
        self._statuses = statuses
        self._clock = clock
        self._marked: set[str] = set()
        self._due = asyncio.Event()
        store.listen(self._listen)

    def mark(self, namespace: str) -> None:
        """What the Workers of this namespace can take may have changed."""
        self._marked.add(namespace)
        self._due.set()

    def mark_all(self) -> None:
        """The same for every namespace with beads."""
        for namespace in {item.key[0] for item in self._store.beads()}:
            self.mark(namespace)

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        while True:
            await self._due.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._due.clear()
            marked, self._marked = self._marked, set()
            for namespace in sorted(marked):
                try:
                    done = await self.tell(namespace)
                except KubeError as error:
                    log.warning("%s: who can take what is not told yet: %s", namespace, error)
                    done = False
                if not done:
                    self.mark(namespace)

    async def tell(self, namespace: str) -> bool:
        """One round; whether everything is told."""
        rules, now = self._board.rules(namespace), self._clock.now()
        workers = (item for item in self._store.workers() if item.metadata.namespace == namespace)
        team = Team(((worker, self._board.fits(worker, now)) for worker in workers), rules)
        writes = 0
        for number, (bead, wanted, priority) in enumerate(list(self._board.waiting(namespace))):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            missing = team.lacks(bead, wanted, priority)
            if missing == _told(bead):
                continue
            if writes == MOST_WRITES:
                return False
            writes += 1
            if not await self._write(bead, missing):
                return False
        return True

    async def _write(self, bead: Bead, missing: tuple[str, str] | None) -> bool:
        if self._board.reserved(bead.key) or not self._board.claimable(bead.key):
            return True  # it is being taken just now, and that takes the condition away
        try:
            await self._statuses.write(bead, assigned(bead, missing, now=self._clock.now()))
        except Conflict:
            return False
        except NotFound:
            self._store.forget("Bead", bead.key, bead.metadata.uid)
        return True

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if (kind == "Bead" and new is not None) or (kind == "Worker" and _differs(old, new)):
            self.mark(key[0])


def _told(bead: Bead) -> tuple[str, str] | None:
    """What its status says now."""
    found = next((item for item in bead.status.conditions if item.type == ASSIGNABLE), None)
    return None if found is None else (found.reason, found.message)


def _differs(old: Resource | None, new: Resource | None) -> bool:
    """Whether it matters to beads; sessions come and go."""
    if not isinstance(old, Worker) or not isinstance(new, Worker):
        return True
    return (old.spec, old.metadata.labels, old.metadata.deletion_timestamp) != (
        new.spec,
        new.metadata.labels,
        new.metadata.deletion_timestamp,
    )
