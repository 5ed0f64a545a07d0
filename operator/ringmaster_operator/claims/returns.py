"""Giving a bead back without a report: the session let go of it, or nobody hears of the session any more."""

from __future__ import annotations

from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import Backoff
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Lease, Leases
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import BEADS, Conflict, Kube, NotFound
from ringmaster_operator.resources.bead import BeadStatus, OutcomeKind, Reason
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store


class Returns:
    """Ends claims. Raises KubeError and HistoryUnavailable: the claim stands then, to be tried again."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        history: History,
        statuses: Statuses,
        leases: Leases,
        funds: Funds,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._history = history
        self._statuses = statuses
        self._leases = leases
        self._funds = funds
        self._clock = clock
        self._backoff = backoff

    async def give_back(self, lease: Lease, message: str, *, lost: bool) -> None:
        """End the claim and release the bead. From here on the session's calls are refused.

        Once its end is in the history that stands, also where the API server does not answer: what comes of
        the bead's status must be the same.
        """
        if lease.closing:
            return
        lease.closing = True
        try:
            if not lease.over:
                if lost:
                    await self._funds.lost(lease)
                await self.end_attempt(lease.uid, lease.fence, message)
                lease.over = True
            await self._write_back(lease, message, lost)
        except BaseException:
            lease.closing = False
            raise
        self._leases.end(lease.claim_id)

    async def _write_back(self, lease: Lease, message: str, lost: bool) -> None:
        change = lifecycle.lost if lost else lifecycle.released
        while True:
            bead = self._store.bead(lease.key)
            if bead is None or bead.metadata.uid != lease.uid:
                return
            if bead.status.claim is None or bead.status.claim.id != lease.claim_id:
                return
            now = self._clock.now()
            status: BeadStatus = change(bead, message=message, now=now, backoff=self._backoff)
            promised = bead.model_copy(update={"status": status})
            status = lifecycle.derive(promised, self._board.view(bead.key), now)
            try:
                await self._statuses.write(bead, status)
                return
            except NotFound:
                self._store.forget("Bead", bead.key, bead.metadata.uid)
            except Conflict:
                try:
                    self._store.observe(await self._kube.get(BEADS, *bead.key))
                except NotFound:
                    self._store.forget("Bead", bead.key, bead.metadata.uid)

    async def end_attempt(self, uid: str, fence: int, message: str) -> None:
        """In the history; one that has ended stays as it ended."""
        await self._history.end_attempt(
            bead_uid=uid,
            fence=fence,
            kind=OutcomeKind.INCOMPLETE,
            reason=Reason.INFRASTRUCTURE,
            summary=message,
            counted=False,
            now=self._clock.now(),
        )
