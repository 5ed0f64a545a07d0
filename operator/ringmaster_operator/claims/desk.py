"""The claim desk: picks the bead and takes it, in one step.

The choice is made and reserved without yielding to anyone; then one status patch, on the version that was
judged, carries a fresh claim id and the next fence. A patch that changes nothing is answered 200 as well, so
only who reads back its own id has won.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from ringmaster_operator import metrics
from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.attempts import Attempts
from ringmaster_operator.claims.bench import Bench
from ringmaster_operator.claims.briefing import Briefing
from ringmaster_operator.claims.doubts import Doubts
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Leases
from ringmaster_operator.claims.refusals import Refused, ended
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import Conflict, Kube, KubeUnavailable, NotFound
from ringmaster_operator.resources.bead import Bead, BeadStatus
from ringmaster_operator.resources.protocol import (
    ClaimAnswer,
    ClaimRequest,
    NoWork,
    ProblemCode,
    Verdict,
)
from ringmaster_operator.resources.worker import SessionState, Worker
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")
Grant = Coroutine[Any, Any, ClaimAnswer | None]
CONFLICT_SECONDS = 5.0
"""How much longer than asked a claim is tried where others write on the beads all the time."""


class Desk:
    """Grants claims. `wake()` is called whenever the board has changed."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        history: History,
        statuses: Statuses,
        leases: Leases,
        briefing: Briefing,
        funds: Funds,
        bench: Bench,
        clock: Clock,
        refresh: Callable[[], None],
    ) -> None:
        self._store = store
        self._board = board
        self._doubts = Doubts(store=store, kube=kube)
        self._history = history
        self.attempts = Attempts(history=history, funds=funds)
        self._statuses = statuses
        self._leases = leases
        self._briefing = briefing
        self._funds = funds
        self._bench = bench
        self._clock = clock
        self._refresh = refresh
        self._changed = asyncio.Event()
        self._granting: dict[str, asyncio.Task[ClaimAnswer | None]] = {}
        self._callers: dict[str, object] = {}
        self._closed = False

    def wake(self) -> None:
        """Let everyone who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """The operator ends: send everyone who waits away, to come again."""
        self._closed = True
        self.wake()

    async def claim(
        self, namespace: str, request: ClaimRequest, alive: Callable[[], Awaitable[bool]]
    ) -> ClaimAnswer:
        """A bead, or a verdict after wait_seconds at most. Repeating the claim id repeats the answer."""
        # Asked first: from the answer on nothing yields, so that no other copy of the call is granted unseen.
        claim_id = request.claim_id
        known = self._leases.seen.may_hold(claim_id)
        recorded = await self._history.find_claim(claim_id=claim_id) if known else None
        granting = self._granting.get(claim_id)
        if granting is not None:
            return await asyncio.shield(granting) or _nothing("the bead went to someone else; ask again")
        lease = self._leases.get(claim_id)
        if lease is not None and not lease.over:
            return await self._again(namespace, request)
        over = lease is not None or self._leases.over(claim_id)
        if over or recorded is not None or self._doubts.refused(claim_id):
            raise ended()
        doubtful = self._doubts.take(claim_id)
        if doubtful is not None:
            settling = self._settled(doubtful, namespace, request)
            return await self._asked(claim_id, settling) or _nothing("ask again")
        token = object()
        self._callers[claim_id] = token
        try:
            with metrics.waiting.track_inprogress():
                return await self._wait(namespace, request, alive, token)
        finally:
            if self._callers.get(claim_id) is token:
                del self._callers[claim_id]
                self._bench.forget(claim_id)

    async def _wait(
        self, namespace: str, request: ClaimRequest, alive: Callable[[], Awaitable[bool]], token: object
    ) -> ClaimAnswer:
        deadline = self._clock.monotonic() + request.wait_seconds
        while True:
            changed = self._changed
            reason, answer = await self._try(namespace, request, alive, token, deadline + CONFLICT_SECONDS)
            if answer is not None:
                return answer
            left = deadline - self._clock.monotonic()
            if self._closed or left <= 0 or self._callers.get(request.claim_id) is not token:
                return _nothing(reason)
            pause = self._bench.pause(request.claim_id, left)
            with self._bench.waits(namespace, request), suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for would make a task, and wake up twice
                    await changed.wait()

    async def _try(
        self,
        namespace: str,
        request: ClaimRequest,
        alive: Callable[[], Awaitable[bool]],
        token: object,
        until: float,
    ) -> tuple[str, ClaimAnswer | None]:
        """Grant the best bead that there is; else say in words why there is none, soon after `until`."""
        while True:
            stop = self._verdict(namespace, request)
            if stop is not None:
                return "", ClaimAnswer(none=stop)
            worker = self._worker(namespace, request)
            if self._callers.get(request.claim_id) is not token:
                return "a newer call with this claim id took over", None
            self._refresh()
            bead, reason = self._bench.choose(worker, request)
            if bead is None:
                return reason, None
            promised = self._promised(bead, worker, request)
            # From the choice to here nothing yielded: no one else can have picked it.
            self._board.reserve(bead.key, worker=request.worker, session=request.session)
            self._funds.reserve(request.claim_id, worker, bead)
            answer = await self._asked(request.claim_id, self._grant(bead, promised, worker, request, alive))
            if answer is not None:
                return "", answer
            if self._clock.monotonic() > until:
                return "somebody else changes the beads all the time; ask again", None

    async def _asked(self, claim_id: str, granting: Grant) -> ClaimAnswer | None:
        """What becomes of it. It goes on if the caller goes away; whoever repeats the id finds it."""
        task = asyncio.ensure_future(granting)
        self._granting[claim_id] = task
        task.add_done_callback(lambda done: self._granted(claim_id, done))
        return await asyncio.shield(task)

    def _granted(self, claim_id: str, task: asyncio.Task[ClaimAnswer | None]) -> None:
        self._granting.pop(claim_id, None)
        if not task.cancelled() and task.exception() is not None:
            log.info("claim %s was not granted: %s", claim_id, task.exception())

    async def _grant(
        self,
        bead: Bead,
        promised: Bead,
        worker: Worker,
        request: ClaimRequest,
        alive: Callable[[], Awaitable[bool]],
    ) -> ClaimAnswer | None:
        with _beside(self._briefing.lessons(promised, worker)) as lessons:
            won = await self._won(bead, promised.status, request.claim_id, alive)
            if won is None:
                return None
            await self.attempts.keep(won, worker)
            return ClaimAnswer(claimed=await self._briefing.claimed(won, worker, lessons))

    async def _won(
        self, bead: Bead, status: BeadStatus, claim_id: str, alive: Callable[[], Awaitable[bool]]
    ) -> Bead | None:
        """The bead with its lease, or None when someone else was first; it is reserved no more."""
        try:
            if not await alive():
                raise Refused(ProblemCode.UNAVAILABLE, "the caller has gone")
            with metrics.claim_seconds.time():
                won = await self._take(bead, status, claim_id)
        except BaseException:
            self._funds.free(claim_id)
            self.wake()  # someone else may want the bead that was reserved
            raise
        finally:
            self._board.unreserve(bead.key)
        if won is None:
            self._funds.free(claim_id)
            metrics.claims.labels("conflict").inc()
            return None
        metrics.claims.labels("granted").inc()
        self._leases.grant(won, self._clock.monotonic())
        return won

    def _promised(self, bead: Bead, worker: Worker, request: ClaimRequest) -> Bead:
        """The bead as the claim makes it."""
        now = self._clock.now()
        status = lifecycle.claimed(
            bead,
            claim_id=request.claim_id,
            worker=request.worker,
            session=request.session,
            reason=self._board.merit(worker, bead.metadata.name, now),
            now=now,
        )
        promised = bead.model_copy(update={"status": status})
        status = lifecycle.derive(promised, self._board.view(bead.key), now)
        return bead.model_copy(update={"status": status})

    async def _take(self, bead: Bead, status: BeadStatus, claim_id: str) -> Bead | None:
        """The claimed bead, or None when someone else changed it first (the store is fresh then)."""
        try:
            written = await self._statuses.write(bead, status)
        except NotFound:
            self._store.forget("Bead", bead.key, bead.metadata.uid)
            return None
        except Conflict:
            return await self._doubts.read_back(bead, claim_id)
        except KubeUnavailable as error:
            return await self._doubts.unanswered(bead, claim_id, error)
        claim = written.status.claim
        return written if claim is not None and claim.id == claim_id else None

    async def _settled(self, bead: Bead, namespace: str, request: ClaimRequest) -> ClaimAnswer:
        """The claim that was refused when nobody knew whether it had been written. It takes no other bead."""
        won = await self._doubts.settled(bead, request.claim_id)
        self._leases.grant(won, self._clock.monotonic())
        if (lease := self._leases.get(request.claim_id)) is not None:
            self._funds.recover(lease, None)
            await self.attempts.keep(won, self._worker(namespace, request))
        return await self._again(namespace, request)

    async def _again(self, namespace: str, request: ClaimRequest) -> ClaimAnswer:
        lease = self._leases.get(request.claim_id)
        bead = self._store.bead(lease.key) if lease else None
        claim = bead.status.claim if bead is not None else None
        if lease is None or bead is None or claim is None or claim.id != request.claim_id:
            raise ended()
        if (lease.key[0], lease.worker, lease.session) != (namespace, request.worker, request.session):
            raise Refused(ProblemCode.FORBIDDEN, "this claim id belongs to another session")
        worker = self._store.worker((namespace, request.worker))
        return ClaimAnswer(claimed=await self._briefing.claimed(bead, worker))

    def _worker(self, namespace: str, request: ClaimRequest) -> Worker:
        worker = self._store.worker((namespace, request.worker))
        if worker is None:
            raise Refused(ProblemCode.NOT_FOUND, f"there is no Worker {request.worker} in {namespace}")
        return worker

    def _verdict(self, namespace: str, request: ClaimRequest) -> NoWork | None:
        """Stop, where the session is not wanted any more."""
        worker = self._store.worker((namespace, request.worker))
        if worker is None or worker.metadata.deletion_timestamp is not None:
            return NoWork(verdict=Verdict.STOP, reason=f"Worker {request.worker} is gone")
        states = {item.name: item.state for item in worker.status.sessions}
        if states.get(request.session) is SessionState.DRAINING:
            return NoWork(verdict=Verdict.STOP, reason="this session is being stopped or replaced")
        return None


@contextmanager
def _beside(work: Coroutine[Any, Any, T]) -> Iterator[asyncio.Task[T]]:
    """A task beside what is done here, ended with it."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # who needs it hears of it
    try:
        yield task
    finally:
        task.cancel()


def _nothing(reason: str) -> ClaimAnswer:
    return ClaimAnswer(none=NoWork(verdict=Verdict.NOTHING, reason=reason))
