"""The only room with kopf in it: it hosts the watches and hands every event on.

kopf runs in a thread with a loop of its own, because on exit it cancels every task of its loop, and because
any watch error but 410 ends it: then it is started again, with backoff, while all else goes on. Handlers are
`on.event` only: no finalizers, no annotations, not one write.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import kopf
import uvloop

from ringmaster_operator import metrics
from ringmaster_operator.handlers.beginning import login
from ringmaster_operator.resources.base import GROUP, VERSION
from ringmaster_operator.resources.project import CONFIG_MAP

log = logging.getLogger(__name__)

PLURALS = ("beads", "workers", "backupschedules")
PAGE = 500
BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
CLOSING_SECONDS = 0.1
"""For connections to close, with TLS: those of a loop that has ended stay open as long as the process."""

Sink = Callable[[str, dict[str, Any]], None]
"""Called in the operator's loop with the event's type (ADDED, MODIFIED, DELETED, or empty) and the object."""
Began = Callable[[str], None]
"""Called in the operator's loop with the plural of a kind: what changes from now on is told, no more."""


class Watch:
    """Runs kopf and restarts it; `failed` holds the last reason while it is down.

    Made in the operator's loop.
    """

    def __init__(self, *, sink: Sink, began: Began, namespace: str) -> None:
        self._sink = sink
        self._began = began
        self._loop = asyncio.get_running_loop()
        self._namespace = namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.failed = ""

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """End the watches; returns when the thread has ended (10 s at most)."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 10.0)

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            began = self._loop.time()
            try:
                uvloop.run(self._operate())
                self.failed = "" if self._stop.is_set() else "the watch ended"
            except Exception as error:
                self.failed = f"{type(error).__name__}: {error}"
            if self._stop.is_set():
                return
            tries = 0 if self._loop.time() - began > STEADY_SECONDS else tries + 1
            pause = BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS) - 1)]
            metrics.watch_restarts.inc()
            log.warning("watch: %s; again in %g s", self.failed, pause)
            self._stop.wait(pause)

    async def _operate(self) -> None:
        self.failed = ""
        try:
            await kopf.operator(
                registry=self._registry(),
                settings=_settings(),
                standalone=True,
                clusterwide=not self._namespace,
                namespaces=[self._namespace] if self._namespace else [],
                stop_flag=self._stop,
            )
        finally:  # one that goes on has the time, for a pause comes anyway
            await asyncio.sleep(CLOSING_SECONDS if self._stop.is_set() else BACKOFF_SECONDS[0])

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(partial(login, f"/apis/{GROUP}/{VERSION}/", PLURALS, self._begins))
        for plural in PLURALS:
            kopf.on.event(GROUP, VERSION, plural, registry=registry)(self._event)
        kopf.on.event("", "v1", "configmaps", registry=registry)(self._event)
        return registry

    def _begins(self, plural: str) -> None:
        self._loop.call_soon_threadsafe(self._began, plural)

    async def _event(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        # The raw dict is kopf's own and never changed after: handing it over by reference is safe.
        self._loop.call_soon_threadsafe(self._sink, type or "", dict(body))


class _NoDiffs(kopf.DiffBaseStorage):
    """Nothing here asks what changed since kopf last looked, so it need not copy each object to find out."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None
    ) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.watching.chunk_size = PAGE
    settings.queueing.idle_timeout = 1.0
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 5.0
    settings.process.ultimate_exiting_timeout = 10.0
    # Server-side: of all ConfigMaps, only the projects' settings ever come over the wire.
    settings.watching.field_selectors["", "v1", "configmaps"] = f"metadata.name={CONFIG_MAP}"
    settings.persistence.finalizer = f"{GROUP}/unused"
    return settings
