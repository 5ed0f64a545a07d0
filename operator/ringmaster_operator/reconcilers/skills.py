"""All that follows from what Workers can do: their statuses, and the beads that nobody can take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kube
from ringmaster_operator.learning import Learning
from ringmaster_operator.reconcilers.assignable import Assigner
from ringmaster_operator.reconcilers.capabilities import CapabilityReconciler
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Key, Store


class Skills:
    """Runs both; `wake` is called when sessions that wait should look again."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        statuses: Statuses,
        learning: Learning,
        clock: Clock,
        workers: int,
        wake: Callable[[], None],
    ) -> None:
        self._wake = wake
        self._assigner = Assigner(store=store, board=board, statuses=statuses, clock=clock)
        self._capabilities = CapabilityReconciler(
            store=store,
            board=board,
            kube=kube,
            learning=learning,
            clock=clock,
            workers=workers,
            changed=self._changed,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._assigner.run())
            group.create_task(self._capabilities.queue.run())

    def rules_changed(self) -> None:
        """A project's settings have changed."""
        self._capabilities.look_again()
        self._assigner.mark_all()

    def _changed(self, key: Key) -> None:
        self._assigner.mark(key[0])
        self._wake()
