"""Others write on each bead 20 times a second: how much slower the fleet gets, how often it retries."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchlib.bench import Bench, Running
from benchlib.figures import Figure
from ringmaster_operator.kube import BEADS, Kube, KubeError
from support.manifests import bead
from support.sessions import Session

EACH_SECONDS = 1 / 20
SESSIONS = 4
AT_ONCE = 8
"""Beads that there are at any time: all of them together are written 160 times a second."""


@dataclass
class Batch:
    """Beads that come as room is made, and what becomes of them."""

    names: list[str]
    there: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    foreign: int = 0
    """Writes of somebody else."""

    async def create(self, kube: Kube, namespace: str) -> None:
        for name in self.names:
            await self.room.acquire()
            await kube.create(BEADS, namespace, bead(name))
            self.there.add(name)

    async def work(self, session: Session) -> None:
        while not self.done.is_set():
            claimed = await session.pull(wait=0.5)
            if claimed is None:
                continue
            status, said = await session.report(claimed)
            if status != 200:
                raise RuntimeError(f"{claimed.bead.name}: {said}")
            self.there.discard(claimed.bead.name)
            self.finished.add(claimed.bead.name)
            self.room.release()
            if len(self.finished) == len(self.names):
                self.done.set()
        await session.close()

    async def write(self, kube: Kube, namespace: str, place: int) -> None:
        """One writer for each bead that there is: 20 times a second."""
        due = time.perf_counter()
        while not self.done.is_set():
            names = sorted(self.there)
            if place < len(names):
                change = {"metadata": {"labels": {"storm": str(self.foreign)}}}
                with suppress(KubeError):
                    await kube.patch(BEADS, namespace, names[place], change)
                    self.foreign += 1
            due += EACH_SECONDS
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def measure(bench: Bench) -> list[Figure]:
    """In turns: so many beads in peace, so many in the storm."""
    namespace, count = bench.namespace("storm"), bench.size(80)
    peace, storm, shares, retries, writes = [], [], [], [], []
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            for turn in bench.turns():
                quiet = Batch([f"p{turn}-{number:03d}" for number in range(count)])
                peace.append(count / await _seconds(quiet, kube, running, namespace, writers=0))
                since = bench.cluster.audit_size()
                loud = Batch([f"s{turn}-{number:03d}" for number in range(count)])
                took = await _seconds(loud, kube, running, namespace, writers=AT_ONCE)
                storm.append(count / took)
                shares.append(storm[-1] / peace[-1])
                writes.append(loud.foreign / took)
                answers = _answers(bench.cluster.audit(since=since), namespace)
                retries.append(answers[409] / answers[200])
    return [
        Figure("storm", "beads done in peace", peace, "/s"),
        Figure("storm", f"beads done in the storm, {AT_ONCE} at any time", storm, "/s"),
        Figure("storm", "share that is kept", shares),
        Figure("storm", "foreign writes on them", writes, "/s"),
        Figure("storm", "status patches refused (409) for each that was taken", retries),
    ]


async def _seconds(batch: Batch, kube: Kube, running: Running, namespace: str, *, writers: int) -> float:
    """Until all beads of a batch are done."""
    foreign = asyncio.gather(*(batch.write(kube, namespace, place) for place in range(writers)))
    began = time.perf_counter()
    sessions = [running.session(number) for number in range(SESSIONS)]
    await asyncio.gather(batch.create(kube, namespace), *map(batch.work, sessions))
    took = time.perf_counter() - began
    await foreign
    return took


def _answers(entries: list[dict[str, Any]], namespace: str) -> Counter[int]:
    """Status patches of beads, by how the API server answered them."""
    return Counter(
        entry.get("responseStatus", {}).get("code", 0)
        for entry in entries
        if entry["verb"] == "patch"
        and entry.get("objectRef", {}).get("namespace") == namespace
        and entry["objectRef"].get("resource") == "beads"
        and entry["objectRef"].get("subresource") == "status"
    )
