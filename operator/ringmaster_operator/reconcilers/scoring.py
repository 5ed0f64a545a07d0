"""Keeps the scores in step with the graph, beside everything else.

Any change moves all scores a little, and they only decide among equally urgent beads: so they are found for a
whole namespace at once, in a thread, and the more seldom the longer that takes. Nothing is written: a status
takes its score along when something else changes. A board that does not change costs nothing.
"""

from __future__ import annotations

import asyncio

from ringmaster_operator import metrics
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.scoring import load_libraries, measured

PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
PAUSES = 20
"""After a round it pauses so many times as long as the round took: about a twentieth of a core."""


class Scorer:
    """Scores what has changed; `nudge` after every refresh of the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._wanted = asyncio.Event()

    def nudge(self) -> None:
        """Look whether there is anything to score."""
        if self._board.unscored():
            self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(load_libraries)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            began = loop.time()
            with metrics.score_seconds.time():
                for namespace in self._board.unscored():
                    if namespace not in self._board.unscored():
                        continue  # edited meanwhile: the refresh that follows nudges
                    taken = self._board.snapshot(namespace)
                    self._board.set_merits(namespace, await asyncio.to_thread(measured, taken))
            pause = max(PAUSE_SECONDS, PAUSES * (loop.time() - began))
            await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
