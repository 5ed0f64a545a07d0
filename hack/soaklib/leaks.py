"""What must not grow: looked at every few seconds, from outside the operator."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict, dataclass, field

import psutil

from soaklib.world import World

WARM_SECONDS = 30.0
"""Of a life of the operator that no slope is taken over: caches fill."""


@dataclass(frozen=True)
class Sample:
    """One look. Times in monotonic seconds, sizes in bytes."""

    at: float
    pid: int
    rss: int
    fds: int
    threads: int
    tasks: int
    sessions: int
    """tmux sessions."""
    processes: int
    """Of the tmux sessions."""
    worktrees: int
    wal: int
    database: int


@dataclass
class Leaks:
    """Samples of a run."""

    world: World
    samples: list[Sample] = field(default_factory=list)

    async def run(self, every: float) -> None:
        """Until cancelled. An operator that ended although no fault killed it is started again."""
        while True:
            await asyncio.sleep(every)
            await self._alive()
            with contextlib.suppress(psutil.Error, OSError):
                self.samples.append(await self.look())

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
        tasks = await asyncio.to_thread(operator.metric, "ringmaster_tasks")
        trees = await asyncio.to_thread(world.fleet.processes)
        sessions = await asyncio.to_thread(world.fleet.tmux)
        wal = world.database.with_name(world.database.name + "-wal")
        return Sample(
            at=time.monotonic(),
            pid=process.pid,
            rss=process.memory_info().rss,
            fds=process.num_fds(),
            threads=process.num_threads(),
            tasks=int(tasks),
            sessions=len(sessions),
            processes=sum(map(len, trees.values())),
            worktrees=len(list((world.folder / "state").glob("home/worktrees/*"))),
            wal=wal.stat().st_size if wal.exists() else 0,
            database=world.database.stat().st_size,
        )

    def slopes(self) -> dict[str, float]:
        """Growth an hour of each figure, over the longest life of the operator without its warm-up.

        Empty where no life was long enough.
        """
        lives: dict[int, list[Sample]] = {}
        for sample in self.samples:
            lives.setdefault(sample.pid, []).append(sample)
        longest = max(lives.values(), key=lambda life: life[-1].at - life[0].at, default=[])
        steady = [sample for sample in longest if sample.at >= longest[0].at + WARM_SECONDS]
        if len(steady) < 3:
            return {}
        names = ("rss", "fds", "threads", "tasks", "wal")
        times = [sample.at for sample in steady]
        found = {
            name: slope(times, [float(asdict(sample)[name]) for sample in steady]) * 3600 for name in names
        }
        return {"seconds": times[-1] - times[0], **found}

    def most(self, name: str) -> int:
        """The largest value of a figure."""
        return max((int(asdict(sample)[name]) for sample in self.samples), default=0)


def slope(times: list[float], values: list[float]) -> float:
    """Of the straight line that fits best (least squares)."""
    middle, level = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    return sum((time - middle) * (value - level) for time, value in zip(times, values, strict=True)) / spread
