"""Scores follow the board in the background, and rest while it rests."""

from __future__ import annotations

import asyncio

from ringmaster_operator.reconcilers.scoring import Scorer
from support.boards import NOON, NS, bead, board_of


async def test_a_nudge_after_a_change_brings_new_scores() -> None:
    board = board_of(bead("a"), bead("b", depends_on=["a"]))
    scorer = Scorer(board)
    running = asyncio.create_task(scorer.run())
    before = board.room(NS).merits
    scorer.nudge()
    board.put(bead("c", depends_on=["b"]))
    board.refresh(NOON)
    scorer.nudge()
    async with asyncio.timeout(60):
        while board.unscored() or board.room(NS).merits is before:
            await asyncio.sleep(0.01)
    assert board.room(NS).merits.keys() == {"a", "b", "c"}
    assert board.view((NS, "a")).score > board.view((NS, "c")).score
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_a_change_nothing_is_scored() -> None:
    board = board_of(bead("a"), bead("b", depends_on=["a"]))
    scorer = Scorer(board)
    running = asyncio.create_task(scorer.run())
    before = board.room(NS).merits
    for _ in range(5):
        scorer.nudge()
        await asyncio.sleep(0.05)
    assert board.room(NS).merits is before
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
