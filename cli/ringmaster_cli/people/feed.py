"""Lists and the watch made one: everything that happens in a namespace, once, also over an absence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ringmaster_cli.exits import Unreachable
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.identity import Identity
from ringmaster_cli.people.known import Known, Step
from ringmaster_cli.people.stream import KINDS, Event, Watch


@dataclass(frozen=True)
class News:
    """begin (all is listed), steps, offline (with why) or online."""

    what: str
    steps: tuple[Step, ...] = ()
    why: str = ""


class Feed:
    """One namespace; `known` is what is known of it."""

    def __init__(self, who: Identity, kinds: Collection[str] = KINDS) -> None:
        """Raises UsageError where the address is none."""
        self.who = who
        self.known = Known()
        self._kinds = tuple(kinds)
        self._client = Client(who)
        self._watch = Watch(who, self._kinds)
        self._begun = False

    def stop(self) -> None:
        """End it, from any thread."""
        self._watch.stop()

    def news(self) -> Iterator[News]:
        """Until stop(). Raises a CliError where the operator says that this person may not watch."""
        while not self._watch.stopped:
            try:
                for event in self._watch.events():
                    yield from self._told(event)
            except Unreachable as fault:  # it went away while it was asked for its lists
                self._watch.begin_anew()
                yield News("offline", why=str(fault))
                self._watch.pause()

    def _told(self, event: Event) -> Iterator[News]:
        if event.name in ("ready", "reset"):
            steps = self._listed()
            yield News("steps" if self._begun else "begin", tuple(steps))
            self._begun = True
        elif event.name in ("bead", "worker"):
            step = self.known.take(event)
            if step is not None:
                yield News("steps", (step,))
        else:
            yield News(event.name, why=event.why)

    def _listed(self) -> list[Step]:
        steps: list[Step] = []
        if "beads" in self._kinds:
            steps += self.known.listed("bead", self._client.beads())
        if "workers" in self._kinds:
            steps += self.known.listed("worker", self._client.workers())
        return steps
