"""What happened, told twice: as Kubernetes Events for `kubectl describe`, and into the history.

Events cost an API write each, so only what a person should look at becomes one (warnings, decisions); the
same note about the same object is counted up, not repeated, and at most once a minute. History has all.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ringmaster_operator import metrics
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable, NewEvent, StoredEvent
from ringmaster_operator.kube import EVENTS, Body, Conflict, Kube, KubeError
from ringmaster_operator.resources.base import API_VERSION, Metadata

log = logging.getLogger(__name__)

COMPONENT = "ringmaster-operator"
QUIET_SECONDS = 60.0
REMEMBERED = 10_000
BACKLOG = 2_000
TOGETHER = 64
"""Events in one write at most, and posted before the next one, so that others get their turn."""
GATHER_SECONDS = 0.05
"""What is told meanwhile is written together, and behind the answers that wait for the history."""
SETTLE_SECONDS = 1.0
RETRY_SECONDS = 2.0
"""Between tries while the history cannot be written."""


@dataclass(frozen=True)
class Note:
    """One thing that happened to an object; reason is one CamelCase word."""

    reason: str
    message: str
    warning: bool = False
    public: bool = False
    """Worth a Kubernetes Event even though it is no warning."""


@dataclass
class _Told:
    count: int
    at: float
    first: datetime


class Events:
    """A bounded queue in front of the API server: telling must never hold up doing."""

    def __init__(
        self,
        kube: Kube,
        history: History,
        clock: Clock,
        recorded: Callable[[StoredEvent], None] = lambda _: None,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`recorded` is told of each event once the history has it."""
        self._kube = kube
        self._history = history
        self._clock = clock
        self._recorded = recorded
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._due, self._kept = asyncio.Event(), asyncio.Event()
        self._kept.set()
        self._posts: deque[tuple[str, Metadata, Note]] = deque()
        """Told and not yet Kubernetes Events, which they are to be."""
        self._retry_seconds = retry_seconds
        self._late: deque[NewEvent] = deque()
        """Told and not yet in the history, which could not be written."""
        self._listeners: list[Callable[[str, Metadata, Note], None]] = []

    def listen(self, listener: Callable[[str, Metadata, Note], None]) -> None:
        """Have it called with whatever is told; it must not wait or raise."""
        self._listeners.append(listener)

    def tell(self, kind: str, meta: Metadata, note: Note) -> None:
        """Note it; never waits and never raises."""
        for listener in self._listeners:
            listener(kind, meta, note)
        if len(self._late) >= BACKLOG or len(self._posts) >= BACKLOG:
            log.warning("event backlog is full; dropped %s of %s/%s", note.reason, kind, meta.name)
            return
        self._late.append(_event(kind, meta, note, self._clock.now()))
        if note.warning or note.public:
            self._posts.append((kind, meta, note))
        self._kept.clear()
        self._due.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._retry_seconds if self._late else None):
                    await self._due.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._due.clear()
            await self._catch_up()
            for _ in range(min(len(self._posts), TOGETHER)):
                await self._post(*self._posts.popleft())
            if self._posts:
                self._due.set()

    async def settled(self) -> None:
        """While it runs: until the history has all that was told, for a second at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._kept.wait()

    async def _catch_up(self) -> None:
        """Record what waits, in order, as far as the history can be written."""
        while self._late:
            events = list(islice(self._late, TOGETHER))
            try:
                kept = await self._history.record_events(events=events)
            except HistoryUnavailable as error:
                log.debug("%d events not recorded yet: %s", len(self._late), error)
                return
            for event in kept:
                self._late.popleft()
                self._recorded(event)
        self._kept.set()

    async def _post(self, kind: str, meta: Metadata, note: Note) -> None:
        digest = hashlib.sha256(f"{meta.uid}\0{note.reason}\0{note.message}".encode()).hexdigest()[:16]
        told = self._told.get(digest)
        now = self._clock.monotonic()
        if told is not None and now - told.at < QUIET_SECONDS:
            return
        told = _Told((told.count if told else 0) + 1, now, told.first if told else self._clock.now())
        self._told[digest] = told
        self._told.move_to_end(digest)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        body = self._body(kind, meta, note, digest, told)
        try:
            await self._write(meta.namespace, body)
        except KubeError as error:
            log.info("event %s of %s/%s not posted: %s", note.reason, kind, meta.name, error)

    async def _write(self, namespace: str, body: Body) -> None:
        metrics.api_writes.labels("Event").inc()
        try:
            await self._kube.create(EVENTS, namespace, body)
        except Conflict:
            patch = {key: body[key] for key in ("count", "lastTimestamp")}
            await self._kube.patch(EVENTS, namespace, body["metadata"]["name"], patch)

    def _body(self, kind: str, meta: Metadata, note: Note, digest: str, told: _Told) -> Body:
        stamp = self._clock.now().isoformat().replace("+00:00", "Z")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta.name[:200]}.{digest}", "namespace": meta.namespace},
            "involvedObject": {
                "apiVersion": "v1" if kind == "ConfigMap" else API_VERSION,
                "kind": kind,
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
            "type": "Warning" if note.warning else "Normal",
            "reason": note.reason,
            "message": note.message[:1024],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "count": told.count,
            "firstTimestamp": told.first.isoformat().replace("+00:00", "Z"),
            "lastTimestamp": stamp,
        }


def _event(kind: str, meta: Metadata, note: Note, now: datetime) -> NewEvent:
    return NewEvent(
        namespace=meta.namespace,
        kind=kind,
        name=meta.name,
        uid=meta.uid,
        type="Warning" if note.warning else "Normal",
        reason=note.reason,
        message=note.message,
        at=now,
    )
