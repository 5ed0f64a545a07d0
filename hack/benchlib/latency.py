"""From creating a bead to its claim in a waiting session's hands, against one raw status patch.

And against the least that it can take here: a bare client that watches, and patches what a claim patches as
soon as it sees the bead. A raw patch that follows another finds everything awake; both others come after a
pause.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import suppress

from benchlib import raw
from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure, percentile
from ringmaster_operator.kube import BEADS, Body, Kube
from support.manifests import bead

PAUSE_SECONDS = 0.05
"""Before each bead."""
SEEN_SECONDS = 10
"""Within which a watch must tell of a bead."""


async def measure(bench: Bench) -> list[Figure]:
    """In turns: raw patches one after the other, beads one after the other, and so by a bare client."""
    spaces = [bench.namespace(name) for name in ("latency", "latency-raw", "latency-bare")]
    middles, lates, patches, bare = [], [], [], []
    async with bench.kube() as kube:
        with bench.running(spaces[0]) as running:
            status = await _claimed(kube, running, spaces[0])
            for turn in bench.turns():
                names = [f"r{turn}-b{number:04d}" for number in range(bench.size(20))]
                await bench.create(spaces[1], names)
                patch = statistics.median(await raw.patch_seconds(kube, spaces[1], names, 1)) * 1e3
                taken = await one_by_one(kube, running, spaces[0], names)
                middles.append(statistics.median(taken))
                lates.append(percentile(taken, 0.99))
                patches.append(patch)
                bare.append(statistics.median(await _bare(kube, spaces[2], names, status)))
    ratios = [middle / patch for middle, patch in zip(middles, patches, strict=True)]
    alike = [middle / least for middle, least in zip(middles, bare, strict=True)]
    return [
        Figure("latency", "bead created → claimed, p50", middles, "ms"),
        Figure("latency", "bead created → claimed, p99", lates, "ms", at_most=100),
        Figure("latency", "one raw status patch, p50", patches, "ms"),
        Figure("latency", "p50 as a multiple of the raw patch", ratios, at_most=3),
        Figure("latency", "bead created → seen and patched by a bare client, p50", bare, "ms"),
        Figure("latency", "p50 as a multiple of that", alike),
    ]


async def one_by_one(kube: Kube, running: Running, namespace: str, names: list[str]) -> list[float]:
    """Milliseconds of each, from its creation to the answer of the session that waits for it."""
    session, taken = running.session(), []
    for name in names:
        waiting = asyncio.create_task(session.pull(wait=30))
        await asyncio.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        await kube.create(BEADS, namespace, bead(name))
        claimed = await waiting
        taken.append(milliseconds(began))
        if claimed is None:
            raise RuntimeError("a waiting session was not given the bead")
        await session.report(claimed)
    await session.close()
    return taken


async def _claimed(kube: Kube, running: Running, namespace: str) -> Body:
    """The status that a claim makes of a bead."""
    session = running.session()
    await kube.create(BEADS, namespace, bead("first"))
    claimed = await session.pull(wait=30)
    status: Body = (await kube.get(BEADS, namespace, "first"))["status"]
    if claimed is None:
        raise RuntimeError("a waiting session was not given the bead")
    await session.report(claimed)
    await session.close()
    return status


async def _bare(kube: Kube, namespace: str, names: list[str], status: Body) -> list[float]:
    """Milliseconds of each, from its creation to the answer to the patch of who saw it come."""
    seen: asyncio.Queue[Body] = asyncio.Queue()

    async def watcher() -> None:
        version = (await kube.request("GET", BEADS.path(namespace)))["metadata"]["resourceVersion"]
        async for event in kube.watch(BEADS, namespace, labels="", version=version):
            if event["type"] == "ADDED":
                seen.put_nowait(event["object"]["metadata"])

    watching, taken = asyncio.create_task(watcher()), []
    for name in names:
        await asyncio.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        creating = asyncio.create_task(kube.create(BEADS, namespace, bead(name)))
        async with asyncio.timeout(SEEN_SECONDS):
            version = (await seen.get())["resourceVersion"]
        await kube.patch_status(BEADS, namespace, name, status, version=version)
        taken.append(milliseconds(began))
        await creating
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return taken
