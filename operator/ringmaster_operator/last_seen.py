"""Beads as last seen, written to the history behind the work: a claim must not wait for a memory.

Only the newest state of each bead is kept waiting, so a burst of changes costs one write a bead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable
from ringmaster_operator.resources.bead import Bead

log = logging.getLogger(__name__)

TOGETHER = 64
"""Writes handed over at once, so that they share a commit."""


class LastSeen:
    """Notes beads, and records them when there is time."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._waiting: dict[str, tuple[Bead, bool]] = {}
        self._due = asyncio.Event()

    def note(self, bead: Bead, *, deleted: bool = False) -> None:
        """Record it soon; never waits and never raises."""
        self._waiting[bead.metadata.uid] = (bead, deleted)
        self._due.set()

    async def missed(self, beads: Iterable[Bead], *, namespace: str) -> None:
        """Deletions that nobody was there to see: what is not among all beads of the namespace is gone."""
        alive = {bead.metadata.uid for bead in beads}
        try:
            gone = await self._history.forget_beads(namespace=namespace, alive=alive, now=self._clock.now())
        except HistoryUnavailable as error:
            log.warning("deleted beads not recorded: %s", error)
            return
        if gone:
            log.info("%d beads were deleted while no operator ran", gone)

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            await self._due.wait()
            await self.flush()

    async def flush(self) -> None:
        """Record everything that is noted."""
        while self._waiting:
            batch = [self._waiting.pop(uid) for uid in list(self._waiting)[:TOGETHER]]
            await asyncio.gather(*(self._record(bead, deleted) for bead, deleted in batch))
        self._due.clear()

    async def _record(self, bead: Bead, deleted: bool) -> None:
        try:
            await self._history.record_bead(bead=bead, deleted=deleted, now=self._clock.now())
        except HistoryUnavailable as error:
            # Not worth stopping for: the next change of the bead brings it in.
            log.warning("bead %s/%s not recorded: %s", *bead.key, error)
