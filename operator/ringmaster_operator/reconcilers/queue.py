"""A work queue in the manner of client-go's: what is dirty, once, one at a time per key.

Marking a key that waits does nothing; marking one that is being worked makes it go round once more.
Failures come back with backoff and jitter, and a key may ask to be looked at again later.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from ringmaster_operator import metrics

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)

BASE_SECONDS = 0.05
LIMIT_SECONDS = 60.0


class WorkQueue(Generic[K]):
    """`reconcile(key)` returns seconds after which to look again, or None.

    Its exceptions are logged and retried with exponential backoff (0.05 s to 60 s, full jitter).
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[float | None]],
        *,
        workers: int = 8,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._adds = metrics.queue_adds.labels(name)
        self._depth = metrics.queue_depth.labels(name)
        self._took = metrics.reconcile_seconds.labels(name)
        self._done = metrics.reconciles.labels(name, "ok")
        self._reconcile = reconcile
        self._workers = workers
        self._jitter = jitter
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._waiting: set[K] = set()
        self._active: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}

    def add(self, key: K) -> None:
        """Mark the key dirty now."""
        if key in self._active:
            self._again.add(key)
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)
            self._adds.inc()
            self._depth.set(len(self._waiting))

    def add_after(self, key: K, seconds: float) -> None:
        """Mark the key dirty later; the earliest wish counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        pending = self._timers.get(key)
        if pending is not None:
            if pending.when() <= due:
                return
            pending.cancel()
        self._timers[key] = loop.call_at(due, self._due, key)

    def forget(self, key: K) -> None:
        """The object is gone: no timer, no backoff."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._depth.set(len(self._waiting))
            self._active.add(key)
            try:
                await self._once(key)
            finally:
                self._active.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    async def _once(self, key: K) -> None:
        try:
            with self._took.time():
                later = await self._reconcile(key)
        except Exception as error:
            failures = self._failures.get(key, 0) + 1
            self._failures[key] = failures
            delay = min(LIMIT_SECONDS, BASE_SECONDS * 2 ** min(failures, 20)) * (0.5 + self._jitter() / 2)
            metrics.reconciles.labels(self._name, "error").inc()
            log.warning(
                "%s %s: %s; again in %.1f s", self._name, key, error, delay, exc_info=_unforeseen(error)
            )
            self.add_after(key, delay)
            return
        self._failures.pop(key, None)
        self._done.inc()
        if later is not None:
            self.add_after(key, later)


def _unforeseen(error: Exception) -> bool:
    from ringmaster_operator.kube import KubeError

    return not isinstance(error, KubeError)
