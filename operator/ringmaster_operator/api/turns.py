"""Looks one after another: many that are due at once would hold up whoever works until all are answered."""

from __future__ import annotations

import asyncio

from ringmaster_operator.clock import Clock

GAP_SECONDS = 0.002
"""Between two looks: more than one takes, so that a claim waits for one of them at most."""


class Turns:
    """Hands out moments; one event loop owns it. Who comes alone does not wait."""

    def __init__(self, clock: Clock, gap: float = GAP_SECONDS) -> None:
        self._clock = clock
        self._gap = gap
        self._free = 0.0
        """When the next one may begin, by the monotonic clock."""

    async def mine(self) -> None:
        """Until it is the caller's turn, in the order of the calls."""
        now = self._clock.monotonic()
        begins = max(now, self._free)
        self._free = begins + self._gap
        if begins > now:
            await asyncio.sleep(begins - now)
