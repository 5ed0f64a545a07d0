"""Sessions that claim, work for some seconds and report, as long as they are let: a process of their own.

Each claim is a line on standard output: when it was asked for (seconds since 1970) and how long it took.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time

from support.sessions import Session, usage

WAIT_SECONDS = 20


async def work(session: Session, rng: random.Random, hold: float) -> None:
    """One bead after another."""
    while True:
        began, clock = time.time(), time.perf_counter()
        claimed = await session.pull(wait=WAIT_SECONDS)
        if claimed is None:
            continue
        print(f"{began:.4f} {time.perf_counter() - clock:.5f}", flush=True)
        await asyncio.sleep(hold * rng.uniform(0.25, 0.75))
        await session.heartbeat(claimed)
        await asyncio.sleep(hold * rng.uniform(0.25, 0.75))
        await session.report(claimed, usage=usage(usd=rng.uniform(0.01, 2)))


async def run(url: str, token: str, count: int, hold: float, seed: int) -> None:
    sessions = [Session(url, token, name=f"fleet-{number}") for number in range(count)]
    await asyncio.gather(*(work(item, random.Random(seed + at), hold) for at, item in enumerate(sessions)))


if __name__ == "__main__":
    address, number, seconds, start = sys.argv[1:]
    asyncio.run(run(address, os.environ["BENCH_TOKEN"], int(number), float(seconds), int(start)))
