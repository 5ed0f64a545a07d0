"""The transcript for people in bounded memory: how a run began and how it ended, the middle dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ringmaster_cli.agents.events import Event, understood
from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.terminal import plain
from ringmaster_operator.resources.records import MOST_EVENTS, EventKind, TranscriptEvent

HEAD = 192 * 1024
TAIL = 320 * 1024
"""Characters that are kept of the beginning and of the end."""
MOST = 16 * 1024
"""Characters of one event: its beginning and its end."""
EACH = 80
"""What an event counts for besides its text."""
SLOT = MOST_EVENTS // 4
"""Events at most of the beginning, and as many of the end."""


@dataclass(frozen=True)
class Played:
    """What a tape has."""

    profile: str = ""
    events: tuple[TranscriptEvent, ...] = ()
    truncated: bool = False

    def then(self, other: Played) -> Played:
        """Both, one after the other."""
        return Played(
            profile=other.profile or self.profile,
            events=self.events + other.events,
            truncated=self.truncated or other.truncated,
        )


class Tape:
    """Takes one run's lines as they come."""

    def __init__(self, profile: str, events: Events, *, head: int = HEAD, tail: int = TAIL) -> None:
        self._profile = profile
        self._events = events
        self._head: list[TranscriptEvent] = []
        self._room = head
        self._most_tail = tail
        self._tail: deque[TranscriptEvent] = deque()
        self._held = 0
        self._left_out = 0
        self._open: Event | None = None
        """The last one, as long as more words may go on with it."""
        self._at = datetime.now(UTC)

    def hear(self, line: str, *, error: bool) -> None:
        """One line of standard output or standard error."""
        found = [Event(EventKind.NOTE, line, goes_on=True)] if error else understood(self._events, line)
        for event in found:
            last = self._open
            if last is not None and event.goes_on and event.kind is last.kind and len(last.text) < MOST:
                glue = "" if event.kind is EventKind.TEXT and self._events in _PIECES else "\n"
                self._open = replace(last, text=f"{last.text}{glue}{event.text}")
                continue
            self._shut()
            self._open, self._at = event, datetime.now(UTC)

    def played(self) -> Played:
        """All that is kept."""
        self._shut()
        truncated = bool(self._left_out)
        gap = [_omitted(self._left_out)] if truncated else []
        return Played(self._profile, (*self._head, *gap, *self._tail), truncated)

    def _shut(self) -> None:
        if self._open is None or not (self._open.text.strip() or self._open.tool):
            self._open = None
            return
        event = TranscriptEvent(
            kind=self._open.kind,
            text=_both_ends(plain(self._open.text.rstrip())),
            tool=self._open.tool[:256],
            at=self._at.replace(microsecond=self._at.microsecond // 1000 * 1000),
        )
        self._open = None
        size = len(event.text) + EACH
        if size <= self._room and not self._tail and len(self._head) < SLOT:
            self._room -= size
            self._head.append(event)
            return
        self._room = 0
        self._tail.append(event)
        self._held += size
        while self._held > self._most_tail or len(self._tail) > SLOT:
            self._held -= len(self._tail.popleft().text) + EACH
            self._left_out += 1


def fitted(played: Played, size: int) -> Played:
    """The same within so many characters, events dropped from its middle."""
    events, sizes = list(played.events), [len(event.text) + EACH for event in played.events]
    if sum(sizes) <= size and len(events) <= MOST_EVENTS:
        return played
    head, tail = list(_within(sizes, size * 3 // 8)), list(_within(sizes[::-1], size * 5 // 8))
    first, last = len(head), len(events) - len(tail)
    gap = _omitted(last - first)
    return replace(played, events=(*events[:first], gap, *events[last:]), truncated=True)


def _within(sizes: list[int], room: int) -> Iterator[int]:
    """The first sizes that fit."""
    for size in sizes[:SLOT]:
        room -= size
        if room < 0:
            return
        yield size


def _omitted(count: int) -> TranscriptEvent:
    return TranscriptEvent(kind=EventKind.OMITTED, text=f"{count} events are left out here")


def _both_ends(text: str) -> str:
    if len(text) <= MOST:
        return text
    half = MOST // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


_PIECES = (Events.GEMINI, Events.GOOSE)
"""Agents that tell their words in pieces, not in lines."""
