"""Whose a secret is, remembered for people who look: their pages ask several times a second.

Nothing is remembered beyond a change: whatever is written about users, roles, tokens and sessions makes all
of it forgotten, so that what was taken away counts at the next call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.history.user_records import Known

SECONDS = 5.0
"""How long at most: should anybody but the operator write to the database."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class _Kept:
    known: Known
    mark: int
    until: float


class Remembered:
    """By the digests of secrets. Raises HistoryUnavailable where it has to ask the database and cannot."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def of(self, digest: str, read: Callable[[Session], Known | None]) -> Known | None:
        """What `read` finds, or found a moment ago."""
        mark, now = self._history.freshness.mark, self._clock.monotonic()
        kept = self._kept.get(digest)
        if kept is not None and kept.mark == mark and now < kept.until:
            return kept.known
        known = await self._history.read(read)
        if known is not None and mark is not None and mark == self._history.freshness.mark:
            self._kept[digest] = _Kept(known, mark, now + SECONDS)
            self._kept.move_to_end(digest)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        else:
            self._kept.pop(digest, None)
        return known
