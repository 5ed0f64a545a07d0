"""One soak: the plan is carried out while the fleet works, then all is looked at."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soaklib import verdict
from soaklib.faults import FAULTS
from soaklib.leaks import Heap, Leaks
from soaklib.plan import Fault
from soaklib.sessions import PROBE
from soaklib.stream import Stream
from soaklib.world import REPLICAS, World, light, world
from support.manifests import bead

PROBE_SECONDS = 120.0
SAMPLE_SECONDS = 3.0


@dataclass(frozen=True)
class Carried:
    """A fault as it was carried out."""

    fault: Fault
    at: float
    """Seconds from the begin, at which it really began."""
    lasted: float
    """Until what it broke was whole again."""
    recovered: float | None
    """Seconds from then until a bead that was created then was done."""
    measured: float | None
    """What the fault measured itself, in seconds."""


@dataclass
class Result:
    """What a soak found. `broken` is empty when all held."""

    seed: int
    minutes: float
    plan: list[Fault]
    carried: list[Carried] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    slopes: dict[str, float] = field(default_factory=dict)
    revived: list[str] = field(default_factory=list)
    given_again: dict[str, list[float]] = field(default_factory=dict)
    """Seconds until a bead whose holder was lost had its next claim, by how it was lost."""
    heaps: list[Heap] = field(default_factory=list)


async def soak(cluster: Any, folder: Path, *, seed: int, minutes: float, faults: list[Fault]) -> Result:
    """Carry out a plan on a cluster that may be broken, with its files in `folder`."""
    result = Result(seed, minutes, faults)
    began = time.monotonic()
    async with world(cluster, folder, random.Random(seed)) as made:
        stream = Stream(made, random.Random(seed + 1))
        leaks = Leaks(made)
        await _workers_wait(made)
        first = await leaks.look()
        tasks = [asyncio.create_task(stream.run()), asyncio.create_task(leaks.run(SAMPLE_SECONDS))]
        try:
            await _carry_out(made, result, time.monotonic(), tasks)
        except BaseException:
            tasks[0].cancel()
            raise
        stream.stopped = True
        await tasks[0]
        result.figures["settle_seconds"] = await verdict.settle(made, stream)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        verdict.reports(made)
        await verdict.work(made, stream)
        await _workers_wait(made)
        await verdict.leaks(made, leaks, first)
        await leaks.heap()
        for session in made.lights:
            session.stop.set()
        await verdict.nothing_left(made)
        _figures(made, leaks, result, time.monotonic() - began)
    return result


async def _workers_wait(made: World) -> None:
    """Until the tmux sessions wait for work: what an idle fleet is, is taken then."""
    await asyncio.to_thread(made.fleet.until, lambda: len(made.fleet.workers()) == REPLICAS, "sessions wait")
    await asyncio.sleep(2.0)


async def _carry_out(made: World, result: Result, began: float, tasks: list[asyncio.Task[None]]) -> None:
    """Each fault at its time, or when the fleet has recovered from the one before, whichever is later."""
    waiting = list(result.plan)
    number = 0
    while waiting:
        group = [waiting.pop(0)]
        while waiting and group[0].paired and waiting[0].paired and len(group) < 2:
            group.append(waiting.pop(0))
        await asyncio.sleep(max(0.0, began + group[0].at - time.monotonic()))
        start = time.monotonic()
        done = await asyncio.gather(*(_one(made, fault, fault.at - group[0].at) for fault in group))
        number += 1
        recovered = await _probe(made, number, " and ".join(fault.kind for fault in group))
        for fault, (lasted, measured) in zip(group, done, strict=True):
            alone = recovered if len(group) == 1 else None
            carried = Carried(fault, round(start - began, 1), round(lasted, 1), alone, measured)
            result.carried.append(carried)
            print(_line(carried, recovered), file=sys.stderr, flush=True)
        for task in tasks:
            if task.done():
                await task
        for words in made.everything_broken()[len(result.broken) :]:
            result.broken.append(words)
            print(f"  BROKEN: {words}", file=sys.stderr, flush=True)
    left = began + result.minutes * 60 - time.monotonic()
    await asyncio.sleep(max(0.0, left))


async def _one(made: World, fault: Fault, after: float) -> tuple[float, float | None]:
    await asyncio.sleep(max(0.0, after))
    began = time.monotonic()
    measured = await FAULTS[fault.kind](made, fault)
    return time.monotonic() - began, measured


async def _probe(made: World, number: int, what: str) -> float | None:
    """Create a bead; seconds until it was done."""
    name = f"{PROBE}{number:04d}"
    began = time.monotonic()
    await made.direct.create(made.namespace, light(bead(name, priority="P0")))
    done = await made.observer.until(name, seconds=PROBE_SECONDS)
    if done is None:
        made.broken.append(f"stuck: {name} was not done within {PROBE_SECONDS:g} s after {what}")
        return None
    return done - began


def _line(carried: Carried, recovered: float | None) -> str:
    fault = carried.fault
    after = "never" if recovered is None else f"{recovered:.2f} s"
    return f"{carried.at:7.1f} s  {fault.kind:16} {carried.lasted:5.1f} s, recovered after {after}"


def _figures(made: World, leaks: Leaks, result: Result, seconds: float) -> None:
    beads = list(made.observer.beads.values())
    result.broken = made.everything_broken()
    result.revived = made.revived
    result.slopes, result.heaps = leaks.slopes(), leaks.heaps
    result.given_again = made.observer.given_again
    result.figures |= {
        "seconds": round(seconds, 1),
        "beads": len(beads),
        "done": sum(seen.phase == "Succeeded" for seen in beads),
        "failed": sum(seen.phase == "Failed" for seen in beads),
        "claims": made.ledger.claims,
        "acknowledged": len(made.ledger.acknowledged),
        "refused": made.ledger.refused,
        "calls": made.ledger.calls,
        "repeated": made.ledger.repeated,
        "throttled": made.proxy.throttled,
        "observed": made.observer.events,
        "gaps": made.observer.gaps,
        "most_rss": leaks.most("rss"),
        "most_fds": leaks.most("fds"),
        "most_connections": leaks.most("connections"),
        "most_tasks": leaks.most("tasks"),
        "most_wal": leaks.most("wal"),
        "database": leaks.most("database"),
    }
