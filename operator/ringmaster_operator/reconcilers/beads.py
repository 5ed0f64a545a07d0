"""Beads: keep the board in step with the store, and each status in step with the board."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ringmaster_operator import metrics
from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS, Conflict, Kube, NotFound
from ringmaster_operator.last_seen import LastSeen
from ringmaster_operator.reconcilers.queue import WorkQueue
from ringmaster_operator.reconcilers.scoring import Scorer
from ringmaster_operator.resources.bead import Bead, BeadStatus
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Key, Resource, Store

QUIET_SECONDS = 0.01
GRANT_SECONDS = 0.005
RESERVED_SECONDS = 0.1


class BeadReconciler:
    """Listens to the store, refreshes the board, and writes what a bead's status should say.

    `settle` tells what a person's answer to its escalation makes of a status; None while there is none.

    Refreshes are bundled: the first change is seen at once, those of the next 10 ms together, and claims
    behind their answers.
    """

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        statuses: Statuses,
        last_seen: LastSeen,
        clock: Clock,
        workers: int,
        settle: Callable[[Bead], Awaitable[BeadStatus | None]],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._statuses = statuses
        self._last_seen = last_seen
        self._clock = clock
        self._settle = settle
        self._changed = changed
        self._pulse: asyncio.TimerHandle | None = None
        self._last = float("-inf")
        self.scorer = Scorer(board)
        self._counted: dict[Key, tuple[str, str]] = {}
        self.queue: WorkQueue[Key] = WorkQueue("bead", self.reconcile, workers=workers)
        store.listen(self._listen)

    def refresh(self) -> None:
        """Bring the board up to date now, and mark what changed."""
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None
        self._last = asyncio.get_running_loop().time()
        moved = self._board.refresh(self._clock.now())
        self.scorer.nudge()
        for key in moved:
            self.queue.add(key)
        if moved:
            self._changed()

    def released(self, key: Key) -> list[str]:
        """What may be worked now that the bead has succeeded."""
        self.refresh()
        return self._board.released_by(key)

    async def reconcile(self, key: Key) -> float | None:
        """One bead: status as the board and its own history of claims imply it."""
        self.refresh()
        if self._board.claimable(key):
            # A session that waits takes it now, and its one patch says all that this one would.
            await asyncio.sleep(GRANT_SECONDS)
        if self._board.reserved(key):
            return RESERVED_SECONDS
        bead = self._store.bead(key)
        if bead is None:
            self.queue.forget(key)
            return None
        now = self._clock.now()
        view = self._board.view(key)
        expired = lifecycle.expired_ttl(bead, now) and not view.awaited
        if expired and bead.metadata.deletion_timestamp is None:
            await self._kube.delete(BEADS, *key, uid=bead.metadata.uid)
            return None
        try:
            answered = await self._settle(bead)
            judged = bead if answered is None else bead.model_copy(update={"status": answered})
            await self._statuses.write(bead, lifecycle.derive(judged, view, now))
        except Conflict:
            await self._reread(bead)
            return 0.0
        except NotFound:
            self._store.forget("Bead", key, bead.metadata.uid)
            return None
        if view.wake_at is None:
            return None
        return max(0.0, (view.wake_at - now).total_seconds())

    async def _reread(self, bead: Bead) -> None:
        try:
            self._store.observe(await self._kube.get(BEADS, *bead.key))
        except NotFound:
            self._store.forget("Bead", bead.key, bead.metadata.uid)

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind == "Worker":
            if isinstance(new, Worker):
                self._board.put_worker(new)
            else:
                self._board.remove_worker(key)
        if kind != "Bead":
            return
        self._count(key, new if isinstance(new, Bead) else None)
        if isinstance(old, Bead) and (new is None or new.metadata.uid != old.metadata.uid):
            self._last_seen.note(old, deleted=True)
        if isinstance(new, Bead) and new.status.phase != (
            old.status.phase if isinstance(old, Bead) else None
        ):
            self._last_seen.note(new)  # whoever wrote it: the answer to our own write may have been lost
        if isinstance(new, Bead):
            self._board.put(new)
        else:
            self._board.remove(key)
        pause = QUIET_SECONDS if _granted(old, new) else 0.0
        if pause:
            self.queue.add_after(key, pause)
        else:
            self.queue.add(key)
        if self._pulse is None:
            loop = asyncio.get_running_loop()
            due = max(loop.time() + pause, self._last + QUIET_SECONDS)
            self._pulse = loop.call_at(due, self.refresh)

    def _count(self, key: Key, bead: Bead | None) -> None:
        before = self._counted.pop(key, None)
        if before is not None:
            metrics.beads.labels(*before).dec()
        if bead is not None and bead.status.phase is not None:
            labels = (bead.metadata.namespace, str(bead.status.phase))
            metrics.beads.labels(*labels).inc()
            self._counted[key] = labels


def _granted(old: Resource | None, new: Resource | None) -> bool:
    """Whether a claim has just been written. Its patch says all, and its session waits for the answer."""
    return isinstance(old, Bead) and isinstance(new, Bead) and not old.status.claim and bool(new.status.claim)
