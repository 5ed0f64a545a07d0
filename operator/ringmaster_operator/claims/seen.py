"""Which claim ids there have ever been: what is surely none of them need not be looked for in the history.

A Bloom filter: two megabytes that tell for certain which id is new. At a million claims it mistakes 0.2 % of
the new ones, and those are looked for.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from ringmaster_operator.history import History

PAGE = 5000
"""Ids that are read together."""
MOST = 200_000
"""Ids that are read at a start, which takes about a second. A longer history is asked about each id."""
BITS = 24
"""Of an index; each id has four of them."""
MASK = (1 << BITS) - 1
_indexes = Struct("<4I")


class Seen:
    """Claim ids. Until `whole` is set nothing is certain, since the history's ids are not in it yet."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))
        self.whole = False

    async def load(self, history: History) -> None:
        """Take in all that the history has, where nobody else writes to it. Raises HistoryError."""
        if not history.sole or await history.count_claims() > MOST:
            return
        last = 0
        while page := await history.claim_ids(after=last, limit=PAGE):
            last = page[-1][0]
            for _, claim_id in page:
                self.add(claim_id)
        self.whole = True

    def add(self, claim_id: str) -> None:
        for word in _indexes.unpack(_digest(claim_id)):
            index = word & MASK
            self._bits[index >> 3] |= 1 << (index & 7)

    def may_hold(self, claim_id: str) -> bool:
        """False where there never was such a claim."""
        if not self.whole:
            return True
        indexes = (word & MASK for word in _indexes.unpack(_digest(claim_id)))
        return all(self._bits[index >> 3] & (1 << (index & 7)) for index in indexes)


def _digest(claim_id: str) -> bytes:
    return blake2b(claim_id.encode(), digest_size=_indexes.size).digest()
