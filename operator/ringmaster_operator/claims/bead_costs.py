"""The costs in the beads' own status, where a price was found after the report.

The history knows what the reports of a bead come to; its status is written where it says something else.
Which beads to look at need not be remembered over a restart: their status tells that a price is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from ringmaster_operator.history import BeadSums, History, HistoryError
from ringmaster_operator.kube import BEADS, Conflict, Kube, KubeError, NotFound
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.bead_status import Cost
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)

BATCH = 200
"""Beads in one question to the history."""
RETRY_SECONDS = 5.0
NOTHING_USD = 1e-5
"""US dollars that sums may differ by, for they were rounded report by report."""


class BeadCosts:
    """Keeps status.cost in step with prices that come late."""

    def __init__(self, *, store: Store, kube: Kube, history: History, statuses: Statuses) -> None:
        self._store = store
        self._kube = kube
        self._history = history
        self._statuses = statuses
        self._left: set[str] = set()
        self._due = asyncio.Event()

    def concerned(self, uids: Iterable[str]) -> None:
        """Requests of these beads have a price that had none."""
        self._left.update(uids)
        if self._left:
            self._due.set()

    async def run(self) -> None:
        """Write what differs, until cancelled; at first also what an earlier run of the operator left."""
        self.concerned(
            bead.metadata.uid for bead in self._store.beads() if bead.status.cost.unpriced_requests
        )
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._look()
            except HistoryError as error:
                log.warning("costs in the status of beads are looked at later: %s", error)
            if self._left:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)

    async def _look(self) -> None:
        here = {bead.metadata.uid: bead.key for bead in self._store.beads()}
        self._left &= here.keys()
        uids = sorted(self._left)
        for start in range(0, len(uids), BATCH):
            # Read before the history is: a report that is applied meanwhile makes it an old version.
            found = (self._store.bead(here[uid]) for uid in uids[start : start + BATCH])
            beads = [bead for bead in found if bead is not None]
            sums = await self._history.bead_sums(uids=[bead.metadata.uid for bead in beads])
            for bead in beads:
                if await self._settle(bead, sums.get(bead.metadata.uid, BeadSums())):
                    self._left.discard(bead.metadata.uid)

    async def _settle(self, bead: Bead, sums: BeadSums) -> bool:
        """Whether the bead needs no further look."""
        if not sums.applied:
            return False
        cost = corrected(bead.status.cost, sums)
        if cost == bead.status.cost:
            return self._store.bead(bead.key) is bead
        try:
            await self._statuses.write(bead, bead.status.model_copy(update={"cost": cost}))
        except NotFound:
            self._store.forget("Bead", bead.key, bead.metadata.uid)
        except Conflict:
            await self._reread(bead)
            return False
        except KubeError as error:
            log.warning("the cost in the status of %s/%s is written later: %s", *bead.key, error)
            return False
        return True

    async def _reread(self, bead: Bead) -> None:
        try:
            self._store.observe(await self._kube.get(BEADS, *bead.key))
        except KubeError as error:
            log.debug("%s/%s is looked at later: %s", *bead.key, error)


def corrected(cost: Cost, sums: BeadSums) -> Cost:
    """The cost by the prices that are known today; as it is where the history knows other reports.

    That may be so after a restore: then the tokens differ.
    """
    usd = round(sums.usd, 6)
    same = sums.unpriced_requests == cost.unpriced_requests and abs(usd - cost.usd) < NOTHING_USD
    if same or sums.tokens != cost.input_tokens + cost.output_tokens:
        return cost
    return cost.model_copy(update={"usd": usd, "unpriced_requests": sums.unpriced_requests})
