"""People who look, without their browsers: the calls and the stream of a page, in a process of their own.

Three in five look at the Overview, the others at the board, the Workers and the costs. Each call and each
change of the held bead is a line on standard output: when, and how long it took or how late it came.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2

OVERVIEW_GAP, WORKERS_GAP, COSTS_GAP = 0.2, 1.0, 5.0
EVERY, COSTS_EVERY = 10.0, 60.0
COSTS = ("costs?by=day&limit=500", "costs?by=model&limit=50", "costs?by=outcome&limit=500")
HELD = "a-held"
"""A bead on which nobody works, the first of its priority: what is changed is looked for on its card."""
STAMP = re.compile(rf'"name":"{HELD}".*?"usd":([0-9.]+)'.encode())
"""What the bead costs is when it was changed: seconds, of which the last five digits count."""
TURN = 100_000
Get = Callable[[str], Awaitable[dict[str, object]]]


@dataclass
class Viewer:
    """One open page."""

    client: httpx2.AsyncClient
    base: str
    changed: dict[str, asyncio.Event] = field(default_factory=dict)

    async def get(self, path: str) -> dict[str, object]:
        began, clock = time.time(), time.perf_counter()
        answer = await self.client.get(f"{self.base}/{path}")
        answer.raise_for_status()
        print(f"call {began:.4f} {time.perf_counter() - clock:.5f}", flush=True)
        found: dict[str, object] = answer.json()
        return found

    async def listen(self) -> None:
        """The stream of changes, as long as it lasts; it comes again as the page's does."""
        while True:
            async with self.client.stream("GET", f"{self.base}/watch") as answer:
                answer.raise_for_status()
                async for piece in answer.aiter_bytes():
                    for stamp in STAMP.findall(piece):
                        now = time.time()
                        print(f"seen {now:.4f} {(now - float(stamp)) % TURN:.5f}", flush=True)
                    for kind, event in self.changed.items():
                        if f"event: {kind}".encode() in piece:
                            event.set()

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
        async def load() -> None:
            await self.get("overview")

        await self.again(load, "bead worker", OVERVIEW_GAP, EVERY)

    async def board(self) -> None:
        """Everything once; the stream says the rest."""
        self.changed["bead"] = asyncio.Event()
        page = await self.get("beads?sort=priority&limit=500")
        while "next" in page:
            page = await self.get(f"beads?sort=priority&limit=500&cursor={page['next']}")

    async def workers(self) -> None:
        async def load() -> None:
            await asyncio.gather(self.get("workers?limit=500"), self.get("overview"))

        await self.again(load, "worker", WORKERS_GAP, EVERY)

    async def costs(self) -> None:
        async def load() -> None:
            await asyncio.gather(*map(self.get, (*COSTS, "costs/forecast", "costs/prices")))

        await self.again(load, "bead worker", COSTS_GAP, COSTS_EVERY)


async def run(url: str, namespace: str, count: int, cookie: str) -> None:
    viewers = [
        Viewer(
            httpx2.AsyncClient(timeout=60, headers={"Cookie": cookie}), f"{url}/api/v1/namespaces/{namespace}"
        )
        for _ in range(count)
    ]
    tasks = []
    for at, viewer in enumerate(viewers):
        look = (viewer.overview, viewer.board, viewer.overview, viewer.workers, viewer.overview)[at % 5]
        tasks.append(viewer.costs() if at % 10 == 9 else look())
        tasks.append(viewer.listen())
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    address, project, number = sys.argv[1:]
    asyncio.run(run(address, project, int(number), os.environ["BENCH_COOKIE"]))
