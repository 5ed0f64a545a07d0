"""From creating a bead to its claim in a waiting session's hands, against one raw status patch."""

from __future__ import annotations

import asyncio
import statistics
import time

from benchlib import raw
from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure, percentile
from ringmaster_operator.kube import BEADS, Kube
from support.manifests import bead


async def measure(bench: Bench) -> list[Figure]:
    """In turns: raw patches one after the other, then beads one after the other."""
    namespace, base = bench.namespace("latency"), bench.namespace("latency-raw")
    middles, lates, patches, ratios = [], [], [], []
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            for turn in bench.turns():
                names = [f"r{turn}-b{number:04d}" for number in range(bench.size(20))]
                await bench.create(base, names)
                patch = statistics.median(await raw.patch_seconds(kube, base, names, 1)) * 1e3
                taken = await one_by_one(kube, running, namespace, names)
                middles.append(statistics.median(taken))
                lates.append(percentile(taken, 0.99))
                patches.append(patch)
                ratios.append(middles[-1] / patch)
    return [
        Figure("latency", "bead created → claimed, p50", middles, "ms"),
        Figure("latency", "bead created → claimed, p99", lates, "ms", at_most=100),
        Figure("latency", "one raw status patch, p50", patches, "ms"),
        Figure("latency", "p50 as a multiple of the raw patch", ratios, at_most=3),
    ]


async def one_by_one(kube: Kube, running: Running, namespace: str, names: list[str]) -> list[float]:
    """Milliseconds of each, from its creation to the answer of the session that waits for it."""
    session, taken = running.session(), []
    for name in names:
        waiting = asyncio.create_task(session.pull(wait=30))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await kube.create(BEADS, namespace, bead(name))
        claimed = await waiting
        taken.append(milliseconds(began))
        if claimed is None:
            raise RuntimeError("a waiting session was not given the bead")
        await session.report(claimed)
    await session.close()
    return taken
