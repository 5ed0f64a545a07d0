"""What must not grow: looked at every few seconds, from outside the operator.

Every few minutes the operator also writes down what its memory is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field

import psutil

from soaklib.world import World

WARM_SECONDS = 30.0
"""Of a life of the operator that no slope is taken over, nor over its first half: caches fill."""
HEAP_SECONDS = 120.0
HEAP_WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Sample:
    """One look. Times in monotonic seconds, sizes in bytes."""

    at: float
    pid: int
    rss: int
    fds: int
    """Descriptors, without those of connections."""
    connections: int
    """To the API server and from clients. A pool uses its connections in turn: those of a burst stay."""
    threads: int
    tasks: int
    sessions: int
    """tmux sessions."""
    processes: int
    """Of the tmux sessions."""
    worktrees: int
    wal: int
    database: int


@dataclass(frozen=True)
class Heap:
    """What the operator's memory is made of. Sizes in bytes."""

    at: float
    pid: int
    beads: int
    """That there had been by then."""
    rss: int
    blocks: int
    """Objects of any size that Python itself allocates."""
    used: int
    """By the C library's allocator, beside Python's own blocks."""
    free: int
    """Kept by it, unused."""
    types: dict[str, int]
    """Objects by type."""


@dataclass
class Leaks:
    """Samples of a run."""

    world: World
    samples: list[Sample] = field(default_factory=list)
    heaps: list[Heap] = field(default_factory=list)

    async def run(self, every: float) -> None:
        """Until cancelled. An operator that ended although no fault killed it is started again."""
        while True:
            await asyncio.sleep(every)
            await self._alive()
            with contextlib.suppress(psutil.Error, OSError):
                self.samples.append(await self.look())
                if not self.heaps or time.monotonic() >= self.heaps[-1].at + HEAP_SECONDS:
                    await self.heap()

    async def _alive(self) -> None:
        operator = self.world.fleet.operator
        if self.world.absent.locked() or operator.process is None or operator.process.poll() is None:
            return
        async with self.world.absent:
            code = operator.process.returncode
            self.world.broken.append(f"the operator ended with {code}: {operator.tail(3)}")
            await self.world.revive()

    async def look(self) -> Sample:
        """One sample; OSError or psutil.Error where the operator is away."""
        world, operator = self.world, self.world.fleet.operator
        assert operator.process is not None
        process = psutil.Process(operator.process.pid)
        connections = [each for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN]
        tasks = await asyncio.to_thread(operator.metric, "ringmaster_tasks")
        trees = await asyncio.to_thread(world.fleet.processes)
        sessions = await asyncio.to_thread(world.fleet.tmux)
        wal = world.database.with_name(world.database.name + "-wal")
        return Sample(
            at=time.monotonic(),
            pid=process.pid,
            rss=process.memory_info().rss,
            fds=process.num_fds() - len(connections),
            connections=len(connections),
            threads=process.num_threads(),
            tasks=int(tasks),
            sessions=len(sessions),
            processes=sum(map(len, trees.values())),
            worktrees=len(list((world.folder / "state").glob("home/worktrees/*"))),
            wal=wal.stat().st_size if wal.exists() else 0,
            database=world.database.stat().st_size,
        )

    async def heap(self) -> None:
        """Ask the operator what its memory is made of; one that does not say so in time is not waited for."""
        operator, file = self.world.fleet.operator, self.world.folder / "heap.json"
        if self.world.absent.locked() or operator.process is None:
            return
        pid, at = operator.process.pid, time.monotonic()
        file.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
        while not file.exists():
            if time.monotonic() > at + HEAP_WAIT_SECONDS or not psutil.pid_exists(pid):
                return
            await asyncio.sleep(0.1)
        body = json.loads(file.read_text())
        rss = psutil.Process(pid).memory_info().rss
        beads = len(self.world.observer.beads)
        self.heaps.append(
            Heap(at, pid, beads, rss, body["blocks"], body["used"], body["free"], body["types"])
        )

    def slopes(self) -> dict[str, float]:
        """Growth an hour of each figure, over the second half of the operator's longest life.

        Empty where no life was long enough.
        """
        lives: dict[int, list[Sample]] = {}
        for sample in self.samples:
            lives.setdefault(sample.pid, []).append(sample)
        longest = max(lives.values(), key=lambda life: life[-1].at - life[0].at, default=[])
        half = (longest[-1].at - longest[0].at) / 2 if longest else 0.0
        steady = [each for each in longest if each.at >= longest[0].at + max(WARM_SECONDS, half)]
        if len(steady) < 3:
            return {}
        names = ("rss", "fds", "connections", "threads", "tasks", "wal")
        times = [sample.at for sample in steady]
        found = {
            name: slope(times, [float(asdict(sample)[name]) for sample in steady]) * 3600 for name in names
        }
        return {"life": longest[-1].at - longest[0].at, "seconds": times[-1] - times[0], **found}

    def most(self, name: str) -> int:
        """The largest value of a figure."""
        return max((int(asdict(sample)[name]) for sample in self.samples), default=0)


def slope(times: list[float], values: list[float]) -> float:
    """Of the straight line that fits best (least squares)."""
    middle, level = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    return sum((time - middle) * (value - level) for time, value in zip(times, values, strict=True)) / spread
