"""Beads as last seen, written to the history behind the work: a claim must not wait for a memory.

Only the newest state of each bead is kept waiting, so a burst of changes costs one write a bead. While the
history cannot be written they wait: a finished bead does not change again, so nothing else would bring it in.
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
"""Beads in one write at most, so that others get their turn."""
GATHER_SECONDS = 0.05
"""What changes meanwhile is written together, and behind the answers that wait for the history."""
RETRY_SECONDS = 2.0
"""Between tries while the history cannot be written."""


class LastSeen:
    """Notes beads, and records them when there is time."""

    def __init__(self, history: History, clock: Clock, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._retry_seconds = retry_seconds
        self._history = history
        self._clock = clock
        self._waiting: dict[str, tuple[Bead, bool]] = {}
        self._due = asyncio.Event()

    def note(self, bead: Bead, *, deleted: bool = False) -> None:
        """Record it soon; never waits and never raises."""
        self._waiting[bead.metadata.uid] = (bead, deleted)
        self._due.set()

    async def missed(self, beads: Iterable[Bead], *, namespace: str) -> None:
        """Before run(), with all beads of the namespace: drop notes that are no news, record what is gone."""
        alive = {bead.metadata.uid for bead in beads}
        try:
            known = await self._history.phases_of_beads(namespace=namespace)
            for uid, (bead, _) in list(self._waiting.items()):
                if bead.status.phase is not None and known.get(uid) == bead.status.phase.value:
                    del self._waiting[uid]
            gone = await self._history.forget_beads(namespace=namespace, alive=alive, now=self._clock.now())
        except HistoryUnavailable as error:
            log.warning("beads that changed meanwhile are recorded late: %s", error)
            return
        if gone:
            log.info("%d beads were deleted while no operator ran", gone)

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            await self._due.wait()
            await asyncio.sleep(GATHER_SECONDS)
            if not await self.flush():
                await asyncio.sleep(self._retry_seconds)

    async def flush(self) -> bool:
        """Record everything that is noted; False when the history cannot be written, and some still wait."""
        while self._waiting:
            batch = [self._waiting.pop(uid) for uid in list(self._waiting)[:TOGETHER]]
            try:
                await self._history.record_beads(seen=batch, now=self._clock.now())
            except HistoryUnavailable as error:
                log.debug("%d beads not recorded yet: %s", len(batch), error)
                for bead, deleted in batch:
                    self._waiting.setdefault(bead.metadata.uid, (bead, deleted))  # a newer note stays
                self._due.set()
                return False
        self._due.clear()
        return True
