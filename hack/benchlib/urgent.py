"""An urgent bead that comes as the last of a burst: how long until a session has it."""

from __future__ import annotations

import asyncio
import time

from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure
from ringmaster_operator.kube import BEADS, Kube
from support.manifests import bead

SESSIONS = 16


async def measure(bench: Bench) -> list[Figure]:
    """Each round: so many beads made side by side, sessions at work on them, then the urgent one."""
    namespace, count = bench.namespace("urgent"), bench.size(500)
    urgent, ordinary = [], []
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            for turn in bench.turns():
                waited, worst = await burst(bench, kube, running, namespace, f"r{turn}", count)
                urgent.append(waited)
                ordinary.append(worst)
    return [
        Figure(
            "urgent", f"an urgent bead behind {count} others: created → claimed", urgent, "ms", at_most=200
        ),
        Figure("urgent", "the last of the others", ordinary, "ms"),
    ]


async def burst(
    bench: Bench, kube: Kube, running: Running, namespace: str, turn: str, count: int
) -> tuple[float, float]:
    """Milliseconds until the urgent one was claimed, and until the last was."""
    claimed: dict[str, float] = {}

    async def work(number: int) -> None:
        session = running.session(number)
        while len(claimed) <= count:
            won = await session.pull(wait=1)
            if won is not None:
                claimed[won.bead.name] = time.perf_counter()
                await session.report(won)
        await session.close()

    at_work = asyncio.gather(*map(work, range(SESSIONS)))
    began = time.perf_counter()
    await bench.fill(namespace, [bead(f"{turn}-{number}", priority="P3") for number in range(count)])
    created = time.perf_counter()
    await kube.create(BEADS, namespace, bead(f"{turn}-urgent", priority="P0"))
    await at_work
    last = max(claimed.values())
    return (claimed[f"{turn}-urgent"] - created) * 1e3, milliseconds(began) - milliseconds(last)
