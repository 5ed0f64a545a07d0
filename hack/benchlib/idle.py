"""An idle fleet: writes, processor time and wake-ups of the operator with 1,000 beads and 50 sessions."""

from __future__ import annotations

import asyncio
import time

import psutil

from benchlib.bench import Bench
from benchlib.figures import Figure
from support.manifests import bead
from support.sessions import Session

SESSIONS = 50
SECONDS = 6.0
READS = frozenset({"get", "list", "watch"})


async def measure(bench: Bench) -> list[Figure]:
    """Held beads, sessions that wait for any; each round some seconds of nothing."""
    namespace, count = bench.namespace("idle"), bench.size(1000)
    writes, shares, wakes = [], [], []
    with bench.running(namespace) as running:
        await bench.fill(namespace, [bead(f"b{number:05d}", desired="Hold") for number in range(count)])
        await running.settled(count)
        waiting = [asyncio.create_task(_wait(running.session(number))) for number in range(SESSIONS)]
        await asyncio.sleep(5)
        assert running.operator.process is not None
        process = psutil.Process(running.operator.process.pid)
        for _ in bench.turns():
            since, cpu, began = bench.cluster.audit_size(), _cpu(process), time.monotonic()
            switches = process.num_ctx_switches().voluntary
            await asyncio.sleep(SECONDS)
            passed = time.monotonic() - began
            shares.append((_cpu(process) - cpu) / passed * 100)
            wakes.append((process.num_ctx_switches().voluntary - switches) / passed)
            writes.append(
                float(sum(_written(entry, namespace) for entry in bench.cluster.audit(since=since)))
            )
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return [
        Figure("idle", f"writes in {SECONDS:g} s, {count:,} beads, {SESSIONS} sessions", writes, at_most=0),
        Figure("idle", "processor time", shares, "%", at_most=1),
        Figure("idle", "wake-ups of the main thread", wakes, "/s"),
    ]


def _written(entry: dict[str, object], namespace: str) -> bool:
    target = entry.get("objectRef")
    return entry["verb"] not in READS and isinstance(target, dict) and target.get("namespace") == namespace


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _wait(session: Session) -> None:
    try:
        while True:
            await session.pull(wait=60)
    finally:
        await session.close()
