"""Which claim ids there have ever been: what is surely none of them need not be looked for in the history.

A Bloom filter: two megabytes that tell for certain which id is new. At a million claims it mistakes 0.2 % of
the new ones, and those are looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from ringmaster_operator.history import History

PAGE = 5000
"""Ids that are read together."""
BITS = 24
"""Of an index; four of them come from one digest."""
INDEXES = 4


class Seen:
    """Claim ids. Until `whole` is set nothing is certain, since the history's ids are not in it yet."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))
        self.whole = False

    async def load(self, history: History) -> None:
        """Take in all that the history has; it may have no other writer. Raises HistoryError."""
        last = 0
        while page := await history.claim_ids(after=last, limit=PAGE):
            last = page[-1][0]
            for _, claim_id in page:
                self.add(claim_id)
        self.whole = True

    def add(self, claim_id: str) -> None:
        for index in _indexes(claim_id):
            self._bits[index >> 3] |= 1 << (index & 7)

    def may_hold(self, claim_id: str) -> bool:
        """False where there never was such a claim."""
        return not self.whole or all(
            self._bits[index >> 3] & (1 << (index & 7)) for index in _indexes(claim_id)
        )


def _indexes(claim_id: str) -> Iterator[int]:
    size = BITS // 8
    digest = blake2b(claim_id.encode(), digest_size=size * INDEXES).digest()
    return (int.from_bytes(digest[at : at + size]) for at in range(0, size * INDEXES, size))
