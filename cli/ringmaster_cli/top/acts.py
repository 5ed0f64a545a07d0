"""What `ringmaster top` asks of the operator, in threads: the person's hand is never waited for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ringmaster_cli.exits import CliError, Refused
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.feed import Feed, News
from ringmaster_cli.top.pages import answer, asked, detail
from ringmaster_cli.top.ui import Intent, Item
from ringmaster_operator.resources.bead import Bead, BeadType, Desired, Phase
from ringmaster_operator.resources.bead_api import IterationInfo
from ringmaster_operator.resources.order_api import Explanation
from ringmaster_operator.resources.overview_api import Overview

REFRESH_SECONDS = 10.0
"""Between looks at what no change tells of: progress, money, ranks."""
RANKED = 100
RUNS = 10
FINISHED = (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class Heard:
    """What a thread has to tell."""

    namespace: str
    news: News | None = None
    view: Overview | None = None
    ranks: dict[str, tuple[int, datetime | None]] | None = None
    said: str = ""
    trouble: bool = False
    """said is bad news."""
    page: tuple[Item, tuple[str, ...]] | None = None
    question: tuple[Item, tuple[str, ...]] | None = None
    fault: CliError | None = None
    """The namespace is not to be seen (any more)."""


class Hands:
    """Threads that ask, and one queue of what they heard. `wake` is called from any of them."""

    def __init__(
        self, clients: Mapping[str, Client], feeds: Mapping[str, Feed], wake: Callable[[], None]
    ) -> None:
        self._clients = clients
        self._feeds = feeds
        self._wake = wake
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._look = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Begin to look; daemons, so that nothing holds the end up."""
        for name, feed in self._feeds.items():
            threading.Thread(target=self._follow, args=(name, feed), daemon=True).start()
        threading.Thread(target=self._refresh, daemon=True).start()

    def stop(self) -> None:
        """End the threads, as soon as they notice."""
        self._stopped = True
        self._look.set()
        for feed in self._feeds.values():
            feed.stop()

    def do(self, intent: Intent, columns: int, now: datetime) -> None:
        """Act, and tell what came of it."""
        threading.Thread(target=self._do, args=(intent, columns, now), daemon=True).start()

    def _tell(self, heard: Heard) -> None:
        self.heard.put(heard)
        self._wake()

    def _follow(self, namespace: str, feed: Feed) -> None:
        try:
            for news in feed.news():
                self._tell(Heard(namespace, news=news))
        except CliError as fault:
            self._tell(Heard(namespace, fault=fault))
        except Exception as fault:
            self._tell(Heard(namespace, fault=CliError(f"internal fault: {type(fault).__name__}: {fault}")))

    def _refresh(self) -> None:
        while not self._stopped:
            self._look.clear()
            for namespace, client in self._clients.items():
                with suppress(CliError):  # the watch tells what is wrong
                    places = list(islice(client.order(RANKED), RANKED))
                    ranks = {place.name: (place.rank, place.waiting_since) for place in places}
                    self._tell(Heard(namespace, view=client.overview(), ranks=ranks))
            self._look.wait(REFRESH_SECONDS)

    def _do(self, intent: Intent, columns: int, now: datetime) -> None:
        item = intent.item
        assert item is not None  # noqa: S101 - what needs no item is not done here
        client = self._clients[item.namespace]
        try:
            if intent.what == "open":
                page = (item, tuple(_detail(client, item.bead, columns, now)))
                self._tell(Heard(item.namespace, page=page))
            elif intent.what == "ask":
                bead = _question(client, item.bead)
                about = Item(item.key, item.namespace, bead.metadata.name)
                assert bead.spec.decision is not None  # noqa: S101 - of _question()
                lines = tuple(asked(bead, bead.spec.decision, now))
                self._tell(Heard(item.namespace, question=(about, lines)))
            else:
                said = _act(client, intent.what, item.bead, intent.text)
                self._tell(Heard(item.namespace, said=said))
                self._look.set()
        except CliError as fault:
            self._tell(Heard(item.namespace, said=str(fault), trouble=True))


def _act(client: Client, what: str, name: str, text: str) -> str:
    """Do it; what to say of it. Raises CliError."""
    if what == "hold":
        if client.bead(name).spec.desired is Desired.HOLD:
            client.resume(name)
            return f"{name} goes on"
        client.hold(name)
        return f"{name} is held; h lets it go on"
    if what == "priority":
        client.patch(name, {"priority": text})
        return f"{name} has priority {text}"
    if what in ("retry", "scratch"):
        client.retry(name, from_scratch=what == "scratch")
        return f"{name} runs again"
    if what == "steer":
        client.steer(name, text)
        return f"{name}: its agent is told at its next turn"
    bead = client.bead(name)
    if bead.spec.decision is not None:
        text = answer(bead.spec.decision, text)
    client.decide(name, text)
    return f"{name}: decided, {text}"


def _question(client: Client, name: str) -> Bead:
    """The open decision of that name, or that the bead of that name asks. Raises CliError."""
    bead = client.bead(name)
    if bead.spec.type is BeadType.DECISION:
        if bead.status.phase in FINISHED:
            raise Refused(f"{name} is decided already")
        return bead
    for found in client.beads(type="decision", parent=name):
        if found.phase not in FINISHED:
            return client.bead(found.name)
    raise Refused(f"{name} asks nothing now")


def _detail(client: Client, name: str, columns: int, now: datetime) -> list[str]:
    bead = client.bead(name)
    why: Explanation | None = None
    runs: list[IterationInfo] = []
    with suppress(Refused):
        why = client.explain(name)
        runs = list(islice(client.iterations(name, RUNS), RUNS))
    return detail(bead, why, runs, columns, now)
