"""The operator's watch as events: it comes again by itself, goes on where it was, and says when away."""

from __future__ import annotations

import http.client
import json
import queue
import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ringmaster_cli.client import Passing, read_answer
from ringmaster_cli.exits import CliError, Refused, UsageError
from ringmaster_cli.people.identity import Identity
from ringmaster_cli.wire import Answer, Wire, WireError, words_of

SILENCE_SECONDS = 40.0
"""The operator says something every 15 s: after so long without a word the connection is dead."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
KINDS = ("beads", "workers")
LONGEST_ERROR = 64 * 1024
Body = dict[str, Any]
F = TypeVar("F")
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """ready, bead, worker or reset, as the operator sends them; offline (with `why`) and online are ours."""

    name: str
    data: Body = field(default_factory=dict)

    @property
    def why(self) -> str:
        return str(self.data.get("why", ""))


class Watch:
    """One namespace, watched until stop()."""

    def __init__(self, who: Identity, kinds: Iterable[str] = KINDS) -> None:
        """Raises UsageError where the address is none."""
        self._who = who
        query = urlencode({"kinds": list(kinds)}, doseq=True)
        self._path = f"/api/v1/namespaces/{quote(who.namespace, safe='')}/watch?{query}"
        self._last = ""
        self._away = False
        self._pause = FIRST_PAUSE_SECONDS
        self._stopped = threading.Event()
        try:
            self._wire = Wire(who.url.rstrip("/"))
        except ValueError as fault:
            raise UsageError(f"--url is not usable: {fault}") from fault

    def stop(self) -> None:
        """End it, from any thread."""
        self._stopped.set()
        self._wire.cut()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def begin_anew(self) -> None:
        """Forget the place: the next connection begins with `ready`. Between two runs of events()."""
        self._wire.close()
        self._last, self._away = "", True

    def pause(self) -> None:
        """Wait a moment, longer each time in a row that the operator is away, or until stop()."""
        self._stopped.wait(random.uniform(self._pause / 2, self._pause))  # noqa: S311 - no secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def events(self) -> Iterator[Event]:
        """All that comes. After `ready` and `reset` what is there is to be listed.

        Raises a CliError where the operator says that this person may not watch (any more).
        """
        while not self._stopped.is_set():
            try:
                for event in self._connected():
                    if self._away:
                        yield Event("online")
                    self._away, self._pause = False, FIRST_PAUSE_SECONDS
                    if event is not None:
                        yield event
                # A stream lasts an hour, and ends in between when its operator does.
            except (WireError, Passing) as fault:
                if self._stopped.is_set():
                    return
                if not self._away:
                    yield Event("offline", {"why": str(fault)})
                self._away = True
            self.pause()

    def _connected(self) -> Iterator[Event | None]:
        """The events of one connection, and None as soon as there is one. Raises WireError, Passing."""
        headers = {"Authorization": f"Bearer {self._who.token}", "Accept": "text/event-stream"}
        if self._last:
            headers["Last-Event-ID"] = self._last
        answer = self._wire.open(self._path, headers=headers, seconds=SILENCE_SECONDS)
        try:
            if answer.status != 200:
                content = answer.read(LONGEST_ERROR)
                got = Answer(answer.status, answer.reason, dict(answer.headers), content)
                read_answer(got, url=self._who.url)
                raise WireError(f"the operator answers {answer.status}")
            yield None
            for name, data, identifier in frames(_lines(answer)):
                if name == "end":
                    raise Refused(str(data.get("detail", "the operator ended the watch")))
                self._last = identifier or self._last
                yield Event(name, data)
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise WireError(words_of(fault)) from fault
        finally:
            self._wire.close()


def _lines(answer: http.client.HTTPResponse) -> Iterator[str]:
    while line := answer.readline():
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def frames(lines: Iterable[str]) -> Iterator[tuple[str, Body, str]]:
    """Server-sent events as (event, data, id). Raises ValueError where data is no JSON object."""
    name, identifier, data = "message", "", list[str]()
    for line in lines:
        if line:
            head, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if head == "event":
                name = value
            elif head == "id":
                identifier = value
            elif head == "data":
                data.append(value)
        elif data:
            body = json.loads("\n".join(data))
            if not isinstance(body, dict):
                raise ValueError("an event that is none of ours")
            yield name, body, identifier
            name, identifier, data = "message", "", []


def relay(feed: F, items: Iterable[T], lines: queue.SimpleQueue[tuple[F, T | CliError]]) -> None:
    """Hand on, in a thread, everything that a feed has to tell, and last what ended it."""

    def work() -> None:
        try:
            for item in items:
                lines.put((feed, item))
        except CliError as fault:
            lines.put((feed, fault))
        except Exception as fault:
            lines.put((feed, CliError(f"internal fault: {type(fault).__name__}: {fault}")))

    threading.Thread(target=work, daemon=True).start()
