"""Changes of beads and Workers, and what is told of them, as it happens, for whoever watches a namespace.

They come from the operator's own store: a watcher costs the API server nothing. Each namespace that is
watched keeps its last changes in one ring that all its watchers read, each from its own place. A watcher
holds no queue: one that falls behind the ring has lost its place and is told to list again.

What comes after a silence is shown at once, and what comes soon after that together: whoever looks at busy
work costs five sends a second, of bytes that are made once for all who look.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import deque
from dataclasses import dataclass

from ringmaster_operator.api.turns import Turns
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import StoredEvent
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.event_api import ObjectEvent
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Key, Resource

PAUSE_SECONDS = 0.2
"""Between two looks at a ring; a page draws no more often."""
PIECE = 32 * 1024
"""Bytes that are sent at once, about."""
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
    text: bytes


class Ring:
    """The last changes of one namespace, numbered."""

    def __init__(self, epoch: str, clock: Clock) -> None:
        self.changes: deque[Change] = deque(maxlen=KEPT)
        self.newest = 0
        self.shown = 0
        """The last one that watchers may see yet."""
        self.watchers = 0
        self.left_at = 0.0
        """When the last watcher went, by the monotonic clock."""
        self._epoch = epoch
        self._clock = clock
        self._shown_at = -PAUSE_SECONDS
        self._later: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()
        self._pieces: dict[tuple[frozenset[str], int], tuple[bytes, int]] = {}

    def add(self, kind: str, data: str) -> None:
        """Take in a change, and show it as soon as it is time."""
        self.newest += 1
        text = f"event: {kind}\nid: {self.identifier(self.newest)}\ndata: {data}\n\n"
        self.changes.append(Change(self.newest, kind, text.encode("utf-8", "replace")))
        self.soon()

    def soon(self) -> None:
        """Let everyone look as soon as it is time."""
        if self._later is None:
            wait = self._shown_at + PAUSE_SECONDS - self._clock.monotonic()
            if wait <= 0:
                self.show()
            else:
                self._later = asyncio.get_running_loop().call_later(wait, self.show)

    def show(self) -> None:
        """Let everyone who waits look, at all that there is."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self.shown, self._shown_at = self.newest, self._clock.monotonic()
        self._pieces.clear()
        self._moved.set()
        self._moved = asyncio.Event()

    def keeps(self, number: int) -> bool:
        """Whether all that came after that one is still there."""
        return self.newest - len(self.changes) <= number <= self.newest

    def piece(self, kinds: frozenset[str], number: int) -> tuple[bytes, int] | None:
        """What is shown after that one, not too much at once, and the last number; None: it is lost."""
        if not self.keeps(number):
            return None
        found = self._pieces.get((kinds, number))
        if found is None:
            found = self._pieces[kinds, number] = self._piece(kinds, number)
        return found

    def _piece(self, kinds: frozenset[str], number: int) -> tuple[bytes, int]:
        texts, size, first = [], 0, self.newest - len(self.changes)
        for place in range(number - first, self.shown - first):
            change = self.changes[place]
            number = change.number
            if change.kind in kinds:
                texts.append(change.text)
                size += len(change.text)
                if size > PIECE:
                    break
        return b"".join(texts), number

    async def moved(self, seconds: float) -> None:
        """Until there is something to look at, or the seconds have passed."""
        event = self._moved
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def identifier(self, number: int) -> str:
        """What a watcher is told as the id of a change."""
        return f"{self._epoch}-{number}"


class Changes:
    """The rings of the namespaces that are watched. Not thread-safe: one event loop owns it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[str, Ring] = {}
        self.epoch = secrets.token_hex(4)
        """Tells the numbers of this process from those of the one before."""
        self.closed = False
        self.turns = Turns(clock)
        """Of watchers that all have the same to be told."""

    @property
    def watchers(self) -> int:
        """How many there are."""
        return sum(ring.watchers for ring in self._rings.values())

    def enter(self, namespace: str) -> Ring:
        """A watcher comes."""
        ring = self._rings.get(namespace) or self._rings.setdefault(namespace, Ring(self.epoch, self._clock))
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
            ring.show()

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
    body = {
        "type": "DELETED" if new is None else "ADDED" if old is None else "MODIFIED",
        "name": name,
        "uid": known.metadata.uid if known is not None else "",
    }
    said = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    shown = BeadInfo.of(new) if isinstance(new, Bead) else new if isinstance(new, Worker) else None
    if shown is None:
        return said
    return f'{said[:-1]},"object":{shown.model_dump_json(by_alias=True, exclude_none=True)}}}'
