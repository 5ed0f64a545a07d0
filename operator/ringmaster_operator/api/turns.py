"""Looks one after another, behind whoever works.

Many looks that are due at once would hold up a claim until all are answered, and what they set off on the
other end takes processors from the API server meanwhile. A look waits until no session's call is being
answered, though never long: work without a gap must not leave people blind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ringmaster_operator.clock import Clock

GAP_SECONDS = 0.002
"""Between two looks: more than one takes, so that a claim waits for one of them at most."""
BEHIND_SECONDS = 0.1
"""How long a look is put off for calls that are answered: an overview twice, when made and when sent."""
CALL_SECONDS = 0.15
"""How long a call counts as being answered: one that takes longer waits for work, or for somebody else."""


class Turns:
    """Hands out moments; one event loop owns it. Who comes alone while nobody works does not wait."""

    def __init__(
        self,
        clock: Clock,
        gap: float = GAP_SECONDS,
        *,
        behind: float = BEHIND_SECONDS,
        call: float = CALL_SECONDS,
    ) -> None:
        """All in seconds, as the constants say."""
        self._clock = clock
        self._gap = gap
        self._behind = behind
        self._call = call
        self._free = 0.0
        """When the next one may begin, by the monotonic clock; so are the others."""
        self._calls: dict[object, float] = {}
        """Calls that are being answered, in their order, and when each came."""
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        """Looks in their order, and when each began to wait."""
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """A session's call is being answered."""
        call = object()
        self._calls[call] = self._clock.monotonic()
        try:
            yield
        finally:
            del self._calls[call]
            if self._waiting and not self._calls:
                self._hand_out()

    async def mine(self) -> None:
        """Until it is the caller's turn, in the order of the calls."""
        now = self._clock.monotonic()
        if not self._waiting and self._due(now, now) <= now:
            self._free = now + self._gap
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((now, turn))
        if self._timer is None:
            self._hand_out()
        await turn

    def _due(self, since: float, now: float) -> float:
        """When one that has waited since then may look, as far as is known at this time."""
        came = next(reversed(self._calls.values()), None)
        if came is None or now - came >= self._call:
            return self._free
        return max(self._free, min(since + self._behind, came + self._call))

    def _hand_out(self) -> None:
        """Give the first one its turn if it is time, and come again for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.monotonic()
        while self._waiting:
            since, turn = self._waiting[0]
            if not turn.done():
                due = self._due(since, now)
                if due > now:
                    self._timer = asyncio.get_running_loop().call_later(due - now, self._hand_out)
                    return
                turn.set_result(None)
                self._free = now + self._gap
            self._waiting.popleft()
