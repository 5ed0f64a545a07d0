"""What sessions show, for all who look: one capture for all of them, and none while nobody looks.

Capturing a tmux pane starts a program, so it is done at most five times a second for each session, less often
while nothing moves, and always outside of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ringmaster_operator.claims.hygiene import clean_words
from ringmaster_operator.runtimes import ansi
from ringmaster_operator.runtimes.protocol import Key, Runtime, SessionFault, SessionState

Body = dict[str, Any]
FASTEST, SLOWEST = 0.2, 1.0
"""Seconds between two looks: while something moves, and after a while in which nothing did."""
ENDED = 5.0
"""Seconds between looks at a session that has ended."""
SEARCHED = 60
"""Lines within which it is looked for how far the screen has scrolled."""
LIVE = (SessionState.STARTING, SessionState.RUNNING)


@dataclass(frozen=True)
class Shown:
    """One moment of a session, ready to be sent."""

    state: str
    live: bool
    columns: int = 0
    rows: int = 0
    above: int = 0
    cursor: tuple[int, int] | None = None
    lines: tuple[ansi.Runs, ...] = ()

    def body(self) -> Body:
        """As JSON-ready dict."""
        return {
            **self._frame(),
            "columns": self.columns,
            "rows": self.rows,
            "above": self.above,
            "lines": self.lines,
        }

    def since(self, old: Shown) -> Body | None:
        """What makes this of the old one; None where it is simpler to send the whole."""
        if old.above > self.above or (self.columns, self.rows) != (old.columns, old.rows):
            return None
        drop = _scrolled(old.lines, self.lines)
        kept = old.lines[drop:]
        changed = [
            [number, line]
            for number, line in enumerate(self.lines)
            if number >= len(kept) or kept[number] != line
        ]
        if len(changed) > max(len(self.lines) // 2, 5):
            return None
        more = {"drop": drop, "total": len(self.lines), "above": self.above, "changed": changed}
        return {**self._frame(), **more}

    def _frame(self) -> Body:
        cursor = self.cursor and {"line": self.cursor[0], "column": self.cursor[1]}
        return {"state": self.state, "live": self.live, "cursor": cursor}


def _scrolled(old: tuple[ansi.Runs, ...], new: tuple[ansi.Runs, ...]) -> int:
    """How many of the old lines are gone at the top, as it seems."""
    best, most = 0, -1
    for drop in range(min(len(old), SEARCHED)):
        same = sum(one == other and bool(one) for one, other in zip(old[drop:], new, strict=False))
        if same > most:
            best, most = drop, same
    return best


@lru_cache(maxsize=4096)
def _harmless(text: str) -> bool:
    return clean_words(text) == text


def _clean(runs: ansi.Runs) -> ansi.Runs:
    """The line; one with a credential in it loses its colours with it."""
    text = ansi.plain(runs)
    return runs if _harmless(text) else ({"text": clean_words(text)},)


async def look(runtime: Runtime, key: Key, lines: int) -> Shown:
    """How it is now. Raises SessionFault."""
    view = await runtime.view(key, lines=lines)
    found = await asyncio.to_thread(lambda: tuple(map(_clean, ansi.parsed(view.lines))))
    return Shown(
        state=view.state.value,
        live=view.state in LIVE,
        columns=view.columns,
        rows=view.rows,
        above=view.above,
        cursor=view.cursor,
        lines=found,
    )


@dataclass(eq=False)
class Feed:
    """One session that somebody looks at."""

    runtime: Runtime
    key: Key
    lines: int
    viewers: int = 0
    shown: Shown | None = None
    fault: str = ""
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        pause = FASTEST
        while True:
            before = self.shown, self.fault
            try:
                self.shown, self.fault = await look(self.runtime, self.key, self.lines), ""
            except SessionFault as error:
                self.fault = str(error)
            pause = FASTEST if (self.shown, self.fault) != before else min(pause * 1.5, SLOWEST)
            if (self.shown, self.fault) != before:
                self._moved.set()
                self._moved = asyncio.Event()
            idle = ENDED if self.fault or not (self.shown and self.shown.live) else pause
            await asyncio.sleep(FASTEST)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), max(idle - FASTEST, 0.001))
            self.hurry.clear()

    async def moved(self, seconds: float) -> None:
        """Until there is something else to see, or for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), seconds)


class Feeds:
    """All sessions that somebody looks at."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[Key, int], tuple[Feed, asyncio.Task[None]]] = {}

    @property
    def viewers(self) -> int:
        """How many look."""
        return sum(feed.viewers for feed, _ in self._feeds.values())

    @asynccontextmanager
    async def watching(self, runtime: Runtime, key: Key, lines: int) -> AsyncIterator[Feed]:
        """The session's feed, shared with all who look at as many lines of it."""
        place = key, lines
        if place not in self._feeds:
            feed = Feed(runtime, key, lines)
            self._feeds[place] = feed, asyncio.create_task(feed.run(), name="screen")
        feed, task = self._feeds[place]
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if not feed.viewers:
                self._feeds.pop(place, None)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def typed(self, key: Key) -> None:
        """Somebody typed there: it is looked at soon."""
        for (known, _), (feed, _) in self._feeds.items():
            if known == key:
                feed.hurry.set()
