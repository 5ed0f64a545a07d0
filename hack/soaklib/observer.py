"""An observer of its own: a watch of the beads at the API server itself, begun before anything else.

It asks the operator nothing. What it misses while the API server is away it gets from where it stopped; where
that place is gone (410), it lists, and compares with what it saw last.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from soaklib.direct import Direct, beads

FINISHED = ("Succeeded", "Failed", "Cancelled")
PAUSE_SECONDS = 0.2
SILENT_SECONDS = 30.0


@dataclass
class Seen:
    """What was seen of a bead; times are monotonic seconds."""

    name: str
    first: float
    phase: str = ""
    fence: int = 0
    claim: str = ""
    holds: bool = False
    """Whether it is claimed at this moment; `claim` is the last one."""
    session: str = ""
    claimed: float | None = None
    finished: float | None = None
    message: str = ""
    deleted: bool = False


@dataclass
class Observer:
    """Beads of a namespace. `broken` holds what must never be seen."""

    kubeconfig: Path
    namespace: str
    beads: dict[str, Seen] = field(default_factory=dict)
    """By uid."""
    broken: list[str] = field(default_factory=list)
    gaps: int = 0
    """Times that it had to list again."""
    events: int = 0
    given_again: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from a holder's loss until the bead had its next claim, by how the holder was lost."""
    _lost: dict[str, tuple[int, float, str]] = field(default_factory=dict)
    """Fence, when and how, by the bead's name."""
    _claims: dict[str, str] = field(default_factory=dict)
    """The bead's uid by claim id."""
    _named: dict[str, Seen] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled."""
        version = ""
        direct = Direct(self.kubeconfig, read_seconds=SILENT_SECONDS)
        async with direct.client as client:
            while True:
                try:
                    version = version or await self._list(client)
                    async for event in self._events(client, version):
                        if event["type"] == "ERROR":
                            version, self.gaps = "", self.gaps + 1
                            break
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            self._take(event["type"], event["object"])
                except (httpx2.HTTPError, ValueError):
                    pass
                await asyncio.sleep(PAUSE_SECONDS)

    def named(self, name: str) -> Seen | None:
        return self._named.get(name)

    async def until(self, name: str, *, seconds: float, claimed: bool = False) -> float | None:
        """When a bead was seen to be finished (or claimed); None if not within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = self._named.get(name)
            when = seen and (seen.claimed if claimed else seen.finished)
            if when:
                return when
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.01, deadline - time.monotonic()))
            except TimeoutError:
                break
        return None

    def unfinished(self) -> list[Seen]:
        return [seen for seen in self.beads.values() if seen.finished is None]

    def lost(self, name: str, fence: int, how: str) -> None:
        """The claim with that fence has no holder any more who works on."""
        seen = self._named.get(name)
        if seen is not None and seen.finished is None and seen.fence <= fence:
            self._lost[name] = fence, time.monotonic(), how

    def lost_with(self, sessions: Collection[str], how: str) -> None:
        """The same for whatever these sessions hold."""
        for seen in self.unfinished():
            if seen.holds and seen.session in sessions:
                self.lost(seen.name, seen.fence, how)

    async def _list(self, client: httpx2.AsyncClient) -> str:
        answer = await client.get(beads(self.namespace))
        answer.raise_for_status()
        page = answer.json()
        for item in page["items"]:
            self._take("LISTED", item)
        return str(page["metadata"]["resourceVersion"])

    async def _events(self, client: httpx2.AsyncClient, version: str) -> AsyncIterator[Any]:
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "25",
        }
        async with client.stream("GET", beads(self.namespace), params=query) as answer:
            if answer.status_code == 410:
                yield {"type": "ERROR"}
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                yield json.loads(line)

    def _take(self, event: str, body: dict[str, Any]) -> None:
        meta, status = body["metadata"], body.get("status", {})
        now = time.monotonic()
        seen = self.beads.setdefault(meta["uid"], Seen(meta["name"], now))
        self._named[seen.name] = seen
        self.events += 1
        if event == "DELETED":
            seen.deleted = True
            if seen.finished is None:
                self.broken.append(f"lost: {seen.name} was deleted before it was finished")
                seen.finished = now
            return
        self._compare(meta["uid"], seen, status, now)
        self._changed.set()

    def _compare(self, uid: str, seen: Seen, status: dict[str, Any], now: float) -> None:
        phase, fence, claim = status.get("phase", ""), status.get("fence", 0), status.get("claim") or {}
        if seen.phase in FINISHED and phase != seen.phase:
            self.broken.append(f"went back: {seen.name} from {seen.phase} to {phase or 'no phase'}")
        if fence < seen.fence:
            self.broken.append(f"went back: {seen.name} from fence {seen.fence} to {fence}")
        held = claim.get("id", "")
        seen.holds = bool(held)
        if held:
            if held != seen.claim and fence <= seen.fence:
                self.broken.append(f"double claim: {seen.name} has a second claim with fence {fence}")
            if self._claims.setdefault(held, uid) != uid:
                self.broken.append(f"double claim: {held} holds {seen.name} and another bead")
            seen.claim, seen.claimed = held, seen.claimed or now
            seen.session = claim.get("session", "")
            if seen.name in self._lost and fence > self._lost[seen.name][0]:
                _, since, how = self._lost.pop(seen.name)
                self.given_again.setdefault(how, []).append(now - since)
        seen.phase, seen.fence = phase, fence
        seen.message = next(
            (item["message"] for item in status.get("conditions", []) if item["type"] == "Ready"), ""
        )
        if phase in FINISHED:
            seen.finished = seen.finished or now
            self._lost.pop(seen.name, None)  # its report was on the way, or its session began again with it
