"""Events of a namespace as they come: the history and the watch made one, each once, also over an absence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from ringmaster_cli.exits import Unreachable
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.identity import Identity
from ringmaster_cli.people.stream import Watch
from ringmaster_operator.resources.event_api import ObjectEvent

Filters = dict[str, str | list[str]]
MOST = 10_000
"""Events that are caught up with after an absence, and ids that are remembered."""


@dataclass(frozen=True)
class Told:
    """An event; or that the operator is away, and why; or, with neither, that it is back."""

    event: ObjectEvent | None = None
    away: str = ""


class EventFeed:
    """One namespace."""

    def __init__(self, who: Identity, filters: Filters, limit: int) -> None:
        """limit: events of the time before. Raises UsageError where the address is none."""
        self.who = who
        self.begun = False
        self._filters = filters
        self._limit = limit
        self._client = Client(who)
        self._watch = Watch(who, ("events",))
        self._seen: dict[int, int] = {}
        """By id, how often it was so when it was told."""
        self._last: datetime | None = None

    def told(self) -> Iterator[Told]:
        """Until the program ends. Raises a CliError where this person may not see it (any more)."""
        while not self._watch.stopped:
            try:
                for event in self._watch.events():
                    if event.name in ("ready", "reset"):
                        yield from map(Told, self._listed())
                        self.begun = True
                    elif event.name == "event":
                        yield from map(Told, self._fresh(ObjectEvent.read(event.data["object"])))
                    elif event.name in ("offline", "online"):
                        yield Told(away=event.why)
            except Unreachable as fault:  # it went away while it was asked for its list
                self._watch.begin_anew()
                yield Told(away=str(fault))
                self._watch.pause()

    def _listed(self) -> list[ObjectEvent]:
        """What was told before the watch began, or while nobody listened; oldest first."""
        filters, limit = dict(self._filters), self._limit
        if self._last is not None:
            filters["since"], limit = self._last.astimezone(UTC).isoformat().replace("+00:00", "Z"), MOST
        found = list(islice(self._client.happened(**filters), limit))
        return [event for item in reversed(found) for event in self._fresh(item)]

    def _fresh(self, item: ObjectEvent) -> list[ObjectEvent]:
        """The event, where it fits and is not told yet."""
        if self._seen.get(item.id, 0) >= item.count or not fits(item, self._filters):
            return []
        self._seen[item.id] = item.count
        self._last = item.at if self._last is None else max(self._last, item.at)
        while len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]
        return [item]


def fits(item: ObjectEvent, filters: Filters) -> bool:
    """Whether the operator would list it under these filters; the times are left to the operator."""
    text = str(filters.get("text", "")).casefold()
    return (
        filters.get("kind", item.kind) == item.kind
        and filters.get("name", item.name) == item.name
        and item.type in filters.get("type", [item.type])
        and item.reason in filters.get("reason", [item.reason])
        and any(text in part.casefold() for part in (item.name, item.reason, item.message))
    )
