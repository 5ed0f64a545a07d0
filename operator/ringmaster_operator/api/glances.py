"""Overviews of namespaces for whoever watches: made again when something changed, once for all who look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ringmaster_operator.api.changes import Ring
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.claims.overview import Made
from ringmaster_operator.clock import Clock

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""Between two looks at what no change tells of: how agents get on, budgets, a day that begins."""
AGAIN_SECONDS = 2.0
"""Until the next attempt, where one failed."""


class Glance:
    """How one namespace stands, as it is sent."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.watchers = 0
        self.number = 0
        """Of the one that is shown; each that says something else has another."""
        self.text = b""
        self.task: asyncio.Task[None] | None = None
        self._standing = ""

    def take(self, made: Made) -> None:
        """Show it, unless it says the same."""
        if made.standing == self._standing:
            return
        self._standing = made.standing
        self.number += 1
        self.text = f"event: overview\ndata: {made.text}\n\n".encode("utf-8", "replace")
        self.ring.soon()


class Glances:
    """Of the namespaces of which somebody wants to have it. Not thread-safe: one event loop owns it."""

    def __init__(self, of: Callable[[str], Awaitable[Made]], clock: Clock, turns: Turns) -> None:
        """of says how a namespace stands, not more often than is good for it; each is made in a turn."""
        self._of = of
        self._clock = clock
        self._turns = turns
        self._glances: dict[str, Glance] = {}

    def enter(self, namespace: str, ring: Ring) -> Glance:
        """A watcher of that ring comes."""
        glance = self._glances.get(namespace)
        if glance is None:
            glance = self._glances[namespace] = Glance(ring)
            glance.task = asyncio.create_task(self._follow(namespace, glance), name=f"overview {namespace}")
        glance.watchers += 1
        return glance

    def leave(self, namespace: str) -> None:
        """A watcher goes; after the last one nothing is made any more."""
        glance = self._glances[namespace]
        glance.watchers -= 1
        if not glance.watchers and glance.task is not None:
            glance.task.cancel()
            del self._glances[namespace]

    async def _follow(self, namespace: str, glance: Glance) -> None:
        well = True
        while True:
            await self._turns.mine()
            shown = glance.ring.shown
            try:
                glance.take(await self._of(namespace))
                well = True
            except Exception as error:  # whoever looks must be told as soon as it can be said again
                log.log(logging.WARNING if well else logging.DEBUG, "no overview of %s: %s", namespace, error)
                well = False
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            until = self._clock.monotonic() + EVERY_SECONDS
            while (rest := until - self._clock.monotonic()) > 0 and glance.ring.shown == shown:
                await glance.ring.moved(rest)
