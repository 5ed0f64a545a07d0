"""The history's record of each claim: written behind the claim, which stands in the API server."""

from __future__ import annotations

import asyncio
import logging

from ringmaster_operator.board.ladder import model_of
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.history import History, HistoryUnavailable
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker

log = logging.getLogger(__name__)

TURNS = 2
"""Of the event loop until a claim that was granted has been answered; its report comes later than that."""


class Attempts:
    """Records attempts. Call it from one event loop."""

    def __init__(self, *, history: History, funds: Funds) -> None:
        self._history = history
        self._funds = funds
        self._under_way: set[asyncio.Task[None]] = set()

    async def keep(self, bead: Bead, worker: Worker) -> None:
        """Have a claim recorded that was just granted, without a wait for the disk.

        Whatever else is written of the claim comes after it, for there is one writer, and what a crash
        prevents is made up for at the next start. Only a part of a budget must be kept before the session
        may use it.
        """
        claim = bead.status.claim
        waits = claim is not None and self._funds.granted(claim.id) is not None
        recording = asyncio.ensure_future(self.record(bead, worker) if waits else self._behind(bead, worker))
        self._under_way.add(recording)
        recording.add_done_callback(self._under_way.discard)
        if waits:
            await asyncio.shield(recording)

    async def _behind(self, bead: Bead, worker: Worker) -> None:
        """Record it once the answer is sent, and before anything can come of that."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self.record(bead, worker)

    async def record(self, bead: Bead, worker: Worker | None) -> None:
        """The attempt in the history; what fails now is made up for at the next start or report."""
        claim = bead.status.claim
        if claim is None:
            return
        agent = worker.spec.agent if worker else None
        try:
            await self._history.start_attempt(
                bead_uid=bead.metadata.uid,
                namespace=bead.metadata.namespace,
                bead=bead.metadata.name,
                fence=claim.fence,
                claim_id=claim.id,
                worker=claim.worker,
                session=claim.session,
                profile=agent.profile if agent else "",
                model=model_of(bead) or (agent.model if agent else None) or "",
                attempt=bead.status.attempts,
                iteration=bead.status.iteration,
                granted=self._funds.granted(claim.id),
                now=claim.since,
            )
        except HistoryUnavailable as error:
            log.error("attempt on %s/%s not recorded: %s", *bead.key, error)
