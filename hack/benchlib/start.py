"""An operator that starts with 10,000 beads there: seconds to the first claim, and memory."""

from __future__ import annotations

import asyncio
import random
import time

import psutil

from benchlib.bench import Bench, Running
from benchlib.figures import Figure
from ringmaster_operator.kube import BEADS
from support.manifests import bead

SEED = 1
REST = 15.0
"""Seconds in which nothing happens, before memory is read once more."""


async def measure(bench: Bench) -> list[Figure]:
    """Beads with three dependencies each; then restarts, beside one plain list of all of them."""
    namespace, count = bench.namespace("start"), bench.size(10_000)
    firsts, sizes, rests, lists, ratios = [], [], [], [], []
    chance = random.Random(SEED)
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            await bench.fill(namespace, [_bead(number, chance) for number in range(count)])
            await running.settled(count, bench.seconds)
            for _ in bench.turns():
                began = time.perf_counter()
                there = [item async for item in kube.list(BEADS, namespace)]
                lists.append(time.perf_counter() - began)
                if len(there) != count:
                    raise RuntimeError(f"{len(there)} beads of {count}")
                firsts.append(await _again(running))
                ratios.append(firsts[-1] / lists[-1])
                await running.settled(count)
                sizes.append(_resident(running))
                await asyncio.sleep(REST)
                rests.append(_resident(running))
    return [
        Figure("start", f"operator start → first claim, {count:,} beads", firsts, "s", at_most=15),
        Figure("start", "a plain list of them by pages", lists, "s"),
        Figure("start", "first claim as a multiple of the list", ratios),
        Figure("start", "memory of the operator, all beads judged", sizes, "MiB"),
        Figure("start", f"the same after {REST:g} s of rest", rests, "MiB", at_most=250),
    ]


def _resident(running: Running) -> float:
    assert running.operator.process is not None
    return float(psutil.Process(running.operator.process.pid).memory_info().rss / 2**20)


def _bead(number: int, chance: random.Random) -> dict[str, object]:
    needs = {f"b{chance.randrange(number):05d}" for _ in range(3)} if number >= 100 else set()
    return bead(f"b{number:05d}", priority=f"P{number % 5}", dependsOn=sorted(needs))


async def _again(running: Running) -> float:
    """Seconds from its start to the answer that has a bead."""
    operator = running.operator
    await asyncio.to_thread(operator.stop)
    began = time.perf_counter()
    await asyncio.to_thread(operator.start, wait=False)
    await asyncio.to_thread(operator.wait_ready, 120)
    session = running.session(int(time.time()) % 100_000)
    claimed = await session.pull(wait=60)
    taken = time.perf_counter() - began
    if claimed is None:
        raise RuntimeError("nothing could be claimed")
    await session.release(claimed, "measured")
    await session.close()
    return taken
