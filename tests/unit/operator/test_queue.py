"""The work queue: each key once, one at a time, again when it was marked meanwhile, later when it asked."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ringmaster_operator.reconcilers.queue import WorkQueue


@asynccontextmanager
async def running(
    reconcile: Callable[[str], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[WorkQueue[str]]:
    queue: WorkQueue[str] = WorkQueue("test", reconcile, workers=workers, jitter=lambda: 1.0)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_key_that_waits_is_worked_once() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    async with running(reconcile) as queue:
        for _ in range(100):
            queue.add("a")
        queue.add("b")
        await until(lambda: sorted(seen) == ["a", "b"])
        await asyncio.sleep(0.02)
    assert sorted(seen) == ["a", "b"]


async def test_a_key_is_never_worked_twice_at_once_and_goes_round_again_when_marked_meanwhile() -> None:
    active = 0
    most = 0
    rounds = 0
    gate = asyncio.Event()

    async def reconcile(_: str) -> None:
        nonlocal active, most, rounds
        active += 1
        most = max(most, active)
        rounds += 1
        await gate.wait()
        active -= 1

    async with running(reconcile) as queue:
        queue.add("a")
        await until(lambda: rounds == 1)
        queue.add("a")
        queue.add("a")
        gate.set()
        await until(lambda: rounds == 2)
        await asyncio.sleep(0.02)
    assert (most, rounds) == (1, 2)


async def test_failures_come_back_with_growing_pauses_and_success_resets_them() -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()

    async def reconcile(_: str) -> None:
        times.append(loop.time())
        if len(times) < 4:
            raise ValueError("not yet")

    async with running(reconcile) as queue:
        queue.add("a")
        await until(lambda: len(times) == 4)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[0] >= 0.1
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.4


async def test_a_key_may_ask_to_be_looked_at_again() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> float | None:
        seen.append(key)
        return 0.01 if len(seen) < 3 else None

    async with running(reconcile) as queue:
        queue.add("a")
        await until(lambda: len(seen) == 3)
        await asyncio.sleep(0.03)
    assert seen == ["a", "a", "a"]


async def test_the_earliest_wish_counts_and_forget_ends_it() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    async with running(reconcile) as queue:
        queue.add_after("early", 60)
        queue.add_after("early", 0.01)
        queue.add_after("early", 30)
        queue.add_after("gone", 0.01)
        queue.forget("gone")
        await until(lambda: seen == ["early"])
        await asyncio.sleep(0.03)
    assert seen == ["early"]


@pytest.mark.parametrize("workers", [1, 8])
async def test_no_more_keys_than_workers_are_worked_at_once(workers: int) -> None:
    active = 0
    most = 0
    done = 0

    async def reconcile(_: str) -> None:
        nonlocal active, most, done
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.001)
        active -= 1
        done += 1

    async with running(reconcile, workers=workers) as queue:
        for number in range(50):
            queue.add(str(number))
        await until(lambda: done == 50)
    assert most == workers
