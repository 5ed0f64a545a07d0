"""Failed attempts to sign in, counted in memory and kept in the history: a restart resets no wait."""

from __future__ import annotations

import math
from datetime import timedelta

from ringmaster_operator.auth.throttle import FORGET_SECONDS, REMEMBERED, Attempts
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.history.guesses import keep_failures, kept_failures
from ringmaster_operator.history.user_records import Failures


class KeptAttempts:
    """Raises AuthError (THROTTLED), or HistoryUnavailable: an attempt that cannot be kept is not made."""

    def __init__(self, *, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._counts = Attempts(clock.monotonic)

    async def load(self) -> None:
        """At start: what was kept."""
        now = self._clock.now()
        since = now - timedelta(seconds=FORGET_SECONDS)
        for item in await self._history.read(lambda db: kept_failures(db, since=since, limit=REMEMBERED)):
            ago, wait = (now - item.at).total_seconds(), (item.until - now).total_seconds()
            self._counts.kinds[item.kind].remember(item.digest, item.count, max(ago, 0.0), wait)

    async def begin(self, account: str, address: str) -> None:
        """Count an attempt as failed, before anything is told of it."""
        self._counts.begin(account, address)
        await self._keep(account, address)

    async def succeeded(self, account: str, address: str) -> None:
        """The attempt that was begun."""
        self._counts.succeeded(account, address)
        await self._keep(account, address)

    async def _keep(self, account: str, address: str) -> None:
        now, found, gone = self._clock.now(), list[Failures](), list[str]()
        for kind, throttle, key in self._counts.of(account, address):
            count, ago, wait = throttle.known(key)
            at, until = (now + timedelta(seconds=math.ceil(seconds)) for seconds in (-ago, wait))
            found.append(Failures(digest=key, kind=kind, count=count, at=at, until=until))
            gone += throttle.dropped
            throttle.dropped.clear()
        expired = now - timedelta(seconds=FORGET_SECONDS)
        await self._history.write(lambda db: keep_failures(db, found=found, gone=gone, expired=expired))
