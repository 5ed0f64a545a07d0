"""Claims whose patch was sent and never answered: it may have been taken all the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from ringmaster_operator.claims.refusals import Refused, ended
from ringmaster_operator.kube import BEADS, Kube, KubeError, KubeUnavailable, NotFound
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.store import Store

READ_BACK_TRIES = 5
READ_BACK_SECONDS = 1.0
REMEMBERED = 10_000
"""Claims in doubt and claims refused, each; the oldest are forgotten."""
THROTTLED = 429
"""The one answer of a patch that failed which says for certain that it was not taken."""


class Doubts:
    """Finds out. A claim in doubt must not be granted another bead: it may hold one already."""

    def __init__(self, *, store: Store, kube: Kube) -> None:
        self._store = store
        self._kube = kube
        self._beads: OrderedDict[str, Bead] = OrderedDict()
        self._refused: OrderedDict[str, None] = OrderedDict()

    def take(self, claim_id: str) -> Bead | None:
        """The bead that the claim may hold, to be read back; None where there is no doubt."""
        return self._beads.pop(claim_id, None)

    async def read_back(self, bead: Bead, claim_id: str, tries: int = 1) -> Bead | None:
        """Ours after all? An answer that was lost may well have been a yes.

        Raises Refused where the API server does not say; then the claim is in doubt.
        """
        for remaining in reversed(range(tries)):
            try:
                body = await self._kube.get(BEADS, *bead.key)
            except NotFound:
                self._store.forget("Bead", bead.key, bead.metadata.uid)
                return None
            except KubeError as error:
                if not remaining:
                    self._doubt(bead, claim_id)
                    detail = f"the API server does not answer, nothing is claimed: {error}"
                    raise Refused(ProblemCode.UNAVAILABLE, detail) from error
                await asyncio.sleep(READ_BACK_SECONDS)
                continue
            found = self._store.taken(body)
            claim = found.status.claim
            return found if claim is not None and claim.id == claim_id else None
        return None

    async def unanswered(self, bead: Bead, claim_id: str, error: KubeUnavailable) -> Bead | None:
        """What became of a patch that failed; None where the claim may have another bead. Raises Refused."""
        if error.status == THROTTLED:
            return await self.read_back(bead, claim_id, READ_BACK_TRIES)
        return await self.settled(bead, claim_id)

    async def settled(self, bead: Bead, claim_id: str) -> Bead:
        """The claimed bead. Raises Refused where it is not ours: its patch may yet be taken, late."""
        won = await self.read_back(bead, claim_id, READ_BACK_TRIES)
        if won is None:
            self._refuse(claim_id)
            raise ended()
        return won

    def _refuse(self, claim_id: str) -> None:
        """Grant this claim nothing. Should its patch be taken late, the bead comes back as its lease ends."""
        self._refused[claim_id] = None
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)

    def refused(self, claim_id: str) -> bool:
        """Whether the claim is granted nothing."""
        return claim_id in self._refused

    def _doubt(self, bead: Bead, claim_id: str) -> None:
        self._beads[claim_id] = bead
        while len(self._beads) > REMEMBERED:
            self._beads.popitem(last=False)
