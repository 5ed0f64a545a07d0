"""People who look, without their browsers: the calls and the stream of a page, in a process of their own.

Three in five look at the Overview, the others at the board, the Workers and the costs. They ask for what a
page asks for when it comes, and again for what it asks for again; tests/browser/test_calls.py holds what a
real page calls to that. Of the stream they read no more than it takes to tell how late they are told: people
read it on machines of their own, and what that takes here would count against the operator. Each call, each
change of the held bead and each overview of the stream is a line on standard output: when, and how long it
took or how late it came.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import httptools
import httpx2

COSTS_GAP, COSTS_EVERY = 10.0, 60.0
COSTS = ("costs?by=day&limit=500", "costs?by=model&limit=50", "costs?by=outcome&limit=500")
HELD = "a-held"
"""A bead on which nobody works, the first of its priority: what is changed is looked for on its card."""
TURN = 100_000
"""What the bead costs is when it was changed: seconds, of which the last five digits count."""
KINDS = "kinds=beads&kinds=workers&kinds=events"
AT = re.compile(rb'"at":"([^"]+)"')
Get = Callable[[str], Awaitable[dict[str, object]]]


@dataclass
class Events:
    """The body of an answer, event by event, as httptools hands it out."""

    hear: Callable[[bytes], None]
    rest: bytes = b""

    def on_body(self, piece: bytes) -> None:
        *events, self.rest = (self.rest + piece).split(b"\n\n")
        for event in events:
            self.hear(event)


@dataclass
class Viewer:
    """One open page."""

    client: httpx2.AsyncClient
    base: str
    cookie: str
    changed: dict[str, asyncio.Event] = field(default_factory=dict)

    async def get(self, path: str) -> dict[str, object]:
        began, clock = time.time(), time.perf_counter()
        answer = await self.client.get(f"{self.base}/{path}")
        answer.raise_for_status()
        print(f"call {began:.4f} {time.perf_counter() - clock:.5f}", flush=True)
        found: dict[str, object] = answer.json()
        return found

    async def listen(self, *, overview: bool) -> None:
        """The stream of changes, as long as it lasts; it comes again as the page's does."""
        url = urlsplit(f"{self.base}/watch?{KINDS}{'&kinds=overview' if overview else ''}")
        asked = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nCookie: {self.cookie}\r\n\r\n"
        while True:
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.write(asked.encode())
            parser = httptools.HttpResponseParser(Events(self.hear))
            while piece := await reader.read(2**18):
                parser.feed_data(piece)
                if parser.get_status_code() != 200:
                    raise RuntimeError(f"the stream is answered with {parser.get_status_code()}")
            writer.close()

    def hear(self, event: bytes) -> None:
        """One event: what kind it is, and of what tells how late it comes that."""
        kind, now = event[len(b"event: ") :].partition(b"\n")[0], time.time()
        if kind == b"bead" and HELD.encode() in event:
            told = json.loads(event.partition(b"\ndata: ")[2])
            if told["name"] == HELD:
                print(f"seen {now:.4f} {(now - told['object']['usd']) % TURN:.5f}", flush=True)
        elif kind == b"overview" and (at := AT.search(event)):
            late = now - datetime.fromisoformat(at[1].decode()).timestamp()
            print(f"overview {now:.4f} {late:.5f}", flush=True)
        if (changed := self.changed.get(kind.decode())) is not None:
            changed.set()

    async def again(self, load: Callable[[], Awaitable[None]], kinds: str, gap: float, every: float) -> None:
        """Load when something of these kinds changed, not more often than every gap, and every so often."""
        event = asyncio.Event()
        self.changed |= dict.fromkeys(kinds.split(), event)
        while True:
            began = time.monotonic()
            event.clear()
            await load()
            try:
                await asyncio.wait_for(event.wait(), max(0.01, began + every - time.monotonic()))
            except TimeoutError:
                continue
            await asyncio.sleep(max(0.0, began + gap - time.monotonic()))

    async def overview(self) -> None:
        """Once; the stream says the rest."""
        await asyncio.gather(self.get("overview"), self.listen(overview=True))

    async def board(self) -> None:
        """Everything once; the stream says the rest."""
        await asyncio.gather(self.beads(), self.listen(overview=False))

    async def beads(self) -> None:
        page = await self.get("beads?sort=priority&limit=500")
        while "next" in page:
            page = await self.get(f"beads?sort=priority&limit=500&cursor={page['next']}")

    async def workers(self) -> None:
        """Once; the stream says the rest."""
        await asyncio.gather(self.get("workers?limit=500"), self.get("overview"), self.listen(overview=True))

    async def costs(self) -> None:
        async def load() -> None:
            await asyncio.gather(*map(self.get, (*COSTS, "costs/forecast", "costs/prices")))

        again = self.again(load, "bead worker", COSTS_GAP, COSTS_EVERY)
        await asyncio.gather(again, self.listen(overview=False))


async def run(url: str, namespace: str, count: int, cookie: str) -> None:
    viewers = [
        Viewer(
            httpx2.AsyncClient(timeout=60, headers={"Cookie": cookie}),
            f"{url}/api/v1/namespaces/{namespace}",
            cookie,
        )
        for _ in range(count)
    ]
    tasks = []
    for at, viewer in enumerate(viewers):
        look = (viewer.overview, viewer.board, viewer.overview, viewer.workers, viewer.overview)[at % 5]
        tasks.append(viewer.costs() if at % 10 == 9 else look())
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    address, project, number = sys.argv[1:]
    asyncio.run(run(address, project, int(number), os.environ["BENCH_COOKIE"]))
