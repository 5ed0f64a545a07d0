"""Claims whose patch was sent and never answered: it may have been taken all the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import BEADS, Kube, KubeError, NotFound
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.store import Store

READ_BACK_TRIES = 5
READ_BACK_SECONDS = 1.0
REMEMBERED = 10_000
"""Claims in doubt; of those that nobody repeats, the oldest are forgotten."""


class Doubts:
    """Finds out. A claim in doubt must not be granted another bead: it may hold one already."""

    def __init__(self, *, store: Store, kube: Kube) -> None:
        self._store = store
        self._kube = kube
        self._beads: OrderedDict[str, Bead] = OrderedDict()

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

    def _doubt(self, bead: Bead, claim_id: str) -> None:
        self._beads[claim_id] = bead
        while len(self._beads) > REMEMBERED:
            self._beads.popitem(last=False)
