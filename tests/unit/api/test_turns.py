"""Looks one after another, with room between them for who works."""

from __future__ import annotations

import asyncio

from ringmaster_operator.api.turns import Turns
from ringmaster_operator.clock import Clock

GAP = 0.01


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
