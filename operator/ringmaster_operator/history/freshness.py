"""Whether what was read earlier is still what is written, for those who would rather not read it again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Freshness:
    """Counts writes of a kind. One event loop owns it, and nobody else writes to the database meanwhile."""

    def __init__(self) -> None:
        self._written = 0
        self._under_way = 0

    @property
    def mark(self) -> int | None:
        """What is read while it is one number is good as long as it is that; None: something is written."""
        return None if self._under_way else self._written

    async def writing(self, write: Coroutine[Any, Any, T]) -> T:
        """Counted until it is committed or has failed, also where whoever asked for it is gone by then."""
        self._under_way += 1
        task = asyncio.ensure_future(write)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, _: asyncio.Task[Any]) -> None:
        self._written += 1
        self._under_way -= 1
