"""Looks one after another, behind who works."""

from __future__ import annotations

import asyncio

from ringmaster_operator.api.turns import Turns
from ringmaster_operator.clock import Clock

GAP = 0.01
LONG = 3600.0


async def test_those_that_come_at_once_go_one_after_another_in_their_order() -> None:
    turns, clock, began = Turns(Clock(), GAP), Clock(), []

    async def look(number: int) -> None:
        await turns.mine()
        began.append((number, clock.monotonic()))

    start = clock.monotonic()
    await asyncio.gather(*map(look, range(20)))
    assert [number for number, _ in began] == list(range(20))
    late = [at - start - number * GAP for number, at in began]
    assert min(late) > -0.002, "a look began before its turn"  # timers of an event loop are as exact as this


async def test_who_works_gets_in_between() -> None:
    turns, seen = Turns(Clock(), GAP), []

    async def look() -> None:
        await turns.mine()
        seen.append("look")

    async def work() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        seen.append("work")

    await asyncio.gather(*(look() for _ in range(10)), work())
    assert seen[:2] == ["look", "work"]


async def test_who_comes_alone_does_not_wait() -> None:
    times = iter((5.0, 3605.0, 9000.0))
    turns = Turns(Clock(monotonic=lambda: next(times)), gap=3600)
    for _ in range(3):
        async with asyncio.timeout(10):
            await turns.mine()


def behind_work() -> Turns:
    """Looks wait for calls as long as it takes."""
    return Turns(Clock(), gap=0, behind=LONG, call=LONG)


async def still(task: asyncio.Task[None]) -> bool:
    """Whether it waits on, after all that could be done at once."""
    for _ in range(20):
        await asyncio.sleep(0.001)
    return not task.done()


async def test_a_look_waits_for_every_call_that_is_being_answered() -> None:
    turns = behind_work()
    with turns.working():
        with turns.working():
            look = asyncio.create_task(turns.mine())
            assert await still(look)
        assert await still(look)
    async with asyncio.timeout(10):
        await look


async def test_a_call_that_failed_is_waited_for_no_more() -> None:
    turns = behind_work()

    async def failing() -> None:
        with turns.working():
            await asyncio.sleep(0.01)
            raise OSError

    call, look = asyncio.create_task(failing()), asyncio.create_task(turns.mine())
    async with asyncio.timeout(10):
        await asyncio.gather(look, call, return_exceptions=True)


async def test_work_without_a_gap_puts_no_look_off_for_ever() -> None:
    turns, clock = Turns(Clock(), gap=0, behind=0.05, call=LONG), Clock()
    with turns.working():
        for _ in range(2):
            began = clock.monotonic()
            async with asyncio.timeout(10):
                await asyncio.gather(*(turns.mine() for _ in range(5)))
            assert clock.monotonic() - began >= 0.05


async def test_a_call_that_waits_for_work_is_not_waited_for() -> None:
    turns, clock = Turns(Clock(), gap=0, behind=LONG, call=0.05), Clock()
    began = clock.monotonic()
    with turns.working():
        async with asyncio.timeout(10):
            await turns.mine()
            assert clock.monotonic() - began >= 0.05
            await turns.mine()


async def test_one_that_goes_leaves_their_turns_to_the_others() -> None:
    turns = behind_work()
    with turns.working():
        looks = [asyncio.create_task(turns.mine()) for _ in range(3)]
        assert await still(looks[0])
        looks[0].cancel()
        looks[1].cancel()
    async with asyncio.timeout(10):
        await looks[2]
    await asyncio.gather(*looks, return_exceptions=True)
