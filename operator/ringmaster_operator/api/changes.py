"""Changes of beads and Workers, and what is told of them, as it happens, for whoever watches a namespace.

They come from the operator's own store: a watcher costs the API server nothing. Each namespace that is
watched keeps its last changes in one ring that all its watchers read, each from its own place. A watcher
holds no queue: one that falls behind the ring has lost its place and is told to list again.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import StoredEvent
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.event_api import ObjectEvent
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Key, Resource

KEPT = 2000
"""Changes of a namespace that are kept for those who come again."""
IDLE_SECONDS = 600.0
"""How long they are kept on when nobody watches any more."""
KINDS = {"Bead": "bead", "Worker": "worker"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as it is sent."""

    number: int
    kind: str
    """bead, worker or event."""
    data: str
    """JSON."""


class Ring:
    """The last changes of one namespace, numbered."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque(maxlen=KEPT)
        self.newest = 0
        self.watchers = 0
        self.left_at = 0.0
        """When the last watcher went, by the monotonic clock."""
        self._moved = asyncio.Event()

    def add(self, kind: str, data: str) -> None:
        self.newest += 1
        self.changes.append(Change(self.newest, kind, data))
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits look."""
        self._moved.set()
        self._moved = asyncio.Event()

    def after(self, number: int) -> list[Change] | None:
        """The changes after that one, oldest first; None when some of them are kept no more."""
        if number >= self.newest:
            return []
        if number < self.newest - len(self.changes):
            return None
        skipped = number - (self.newest - len(self.changes))
        return [self.changes[place] for place in range(skipped, len(self.changes))]

    async def moved(self, seconds: float) -> None:
        """Until there is something to look at, or the seconds have passed."""
        event = self._moved
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return


class Changes:
    """The rings of the namespaces that are watched. Not thread-safe: one event loop owns it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[str, Ring] = {}
        self.epoch = secrets.token_hex(4)
        """Tells the numbers of this process from those of the one before."""
        self.closed = False

    @property
    def watchers(self) -> int:
        """How many there are."""
        return sum(ring.watchers for ring in self._rings.values())

    def enter(self, namespace: str) -> Ring:
        """A watcher comes."""
        ring = self._rings.setdefault(namespace, Ring())
        ring.watchers += 1
        return ring

    def leave(self, namespace: str) -> None:
        """A watcher goes."""
        ring = self._rings[namespace]
        ring.watchers -= 1
        ring.left_at = self._clock.monotonic()

    def close(self) -> None:
        """The operator ends: send everyone away, to come again."""
        self.closed = True
        for ring in self._rings.values():
            ring.wake()

    def take(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        """A change of the store."""
        if kind in KINDS and (ring := self._watched(key[0])) is not None:
            ring.add(KINDS[kind], _data(key[1], old, new))

    def told(self, event: StoredEvent) -> None:
        """Something was told about an object, again or for the first time."""
        if (ring := self._watched(event.namespace)) is not None:
            body = {
                "type": "ADDED" if event.count == 1 else "MODIFIED",
                "name": event.name,
                "uid": event.uid,
                "object": object_event(event).body(),
            }
            ring.add("event", json.dumps(body, separators=(",", ":"), ensure_ascii=False))

    def _watched(self, namespace: str) -> Ring | None:
        """The ring of a namespace that somebody watches, or did a short while ago."""
        ring = self._rings.get(namespace)
        if ring is None or ring.watchers or self._clock.monotonic() - ring.left_at <= IDLE_SECONDS:
            return ring
        del self._rings[namespace]
        return None

    def identifier(self, number: int) -> str:
        """What a watcher is told as the id of a change."""
        return f"{self.epoch}-{number}"

    def number(self, identifier: str | None) -> int | None:
        """The number of such an id; None where it is no id of this process."""
        epoch, _, number = (identifier or "").partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()) or len(number) > 15:
            return None
        return int(number)


def object_event(found: StoredEvent) -> ObjectEvent:
    """An event as the API tells it."""
    own = set(StoredEvent.__slots__) - {"namespace"}
    return ObjectEvent(**{name: getattr(found, name) for name in own})


def _data(name: str, old: Resource | None, new: Resource | None) -> str:
    known = new or old
    body: dict[str, object] = {
        "type": "DELETED" if new is None else "ADDED" if old is None else "MODIFIED",
        "name": name,
        "uid": known.metadata.uid if known is not None else "",
    }
    if isinstance(new, Bead):
        body["object"] = BeadInfo.of(new).body()
    elif isinstance(new, Worker):
        body["object"] = new.body()
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
