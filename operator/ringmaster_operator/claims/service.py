"""The workers' protocol as a service: each call checked against its claim, whoever carries it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ringmaster_operator import metrics
from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import Backoff
from ringmaster_operator.claims.briefing import Briefing
from ringmaster_operator.claims.caller import Caller as Caller
from ringmaster_operator.claims.desk import Desk
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.hygiene import clean_heartbeat, clean_question, clean_words, cleaned_report
from ringmaster_operator.claims.late import LateReports
from ringmaster_operator.claims.leases import Lease, Leases
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.claims.reports import Reports
from ringmaster_operator.claims.returns import Returns
from ringmaster_operator.claims.talk import Talk
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import ClaimConflict, History, HistoryUnavailable
from ringmaster_operator.kube import Kube, KubeError
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import (
    Asked,
    AskRequest,
    ClaimAnswer,
    ClaimRequest,
    Ended,
    HeartbeatAnswer,
    HeartbeatRequest,
    Order,
    ProblemCode,
    ReleaseRequest,
    ReportAnswer,
    ReportRequest,
    WorkAnswer,
)
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Key, Resource, Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0


class ClaimService:
    """What sessions may do. Every method raises Refused with a code and a message for people."""

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
        desk: Desk,
        reports: Reports,
        funds: Funds,
        talk: Talk,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self._store = store
        self._board = board
        self._history = history
        self._leases = leases
        self._briefing = briefing
        self._desk = desk
        self._reports = reports
        self._funds = funds
        self._talk = talk
        self._clock = clock
        self._returns = Returns(
            store=store,
            board=board,
            kube=kube,
            history=history,
            statuses=statuses,
            leases=leases,
            funds=funds,
            clock=clock,
            backoff=backoff,
        )
        self._late = LateReports(history=history, funds=funds, clock=clock)
        self._look = asyncio.Event()
        store.listen(self._listen)

    async def claim(
        self, caller: Caller, request: ClaimRequest, alive: Callable[[], Awaitable[bool]]
    ) -> ClaimAnswer:
        """POST /claims."""
        if request.worker != caller.worker:
            detail = f"this token is of Worker {caller.worker}, not of {request.worker}"
            raise Refused(ProblemCode.FORBIDDEN, detail)
        caller.check(request.session, "not of")
        answer = await self._desk.claim(caller.namespace, request, alive)
        self._look.set()
        return answer

    async def heartbeat(self, caller: Caller, claim_id: str, request: HeartbeatRequest) -> HeartbeatAnswer:
        """POST /claims/{id}/heartbeat: the lease is renewed, the order is what to do now."""
        lease, request = await self._lease(caller, claim_id, request.fence), clean_heartbeat(request)
        self._leases.renew(lease, self._clock.monotonic())
        if request.iteration == lease.iteration:
            lease.hear(request.progress, self._clock.monotonic())
        await self._told(lease, request.steered)
        spent = await self._funds.heard(lease)
        order, reason = self._order(lease)
        bead = self._bead(lease)
        if spent and order in (Order.CONTINUE, Order.FINISH):
            order, reason = Order.RELEASE, spent
        return HeartbeatAnswer(
            order=order,
            reason=reason,
            lease_seconds=self._leases.seconds,
            allowance=self._funds.allowance(claim_id),
            steering=self._talk.untold(bead) if bead is not None else [],
            answered=self._talk.answered(lease),
        )

    async def ask(self, caller: Caller, claim_id: str, request: AskRequest) -> Asked:
        """POST /claims/{id}/question: the agent asks a person and goes on meanwhile."""
        lease = await self._lease(caller, claim_id, request.fence)
        bead = self._bead(lease)
        if bead is None:
            raise Refused(ProblemCode.CLAIM_ENDED, "the bead was deleted")
        return await self._talk.ask(lease, bead, clean_question(request))

    async def _told(self, lease: Lease, ids: Sequence[str]) -> None:
        bead = self._bead(lease)
        if ids and bead is not None:
            await self._talk.told(bead, ids)

    async def work(self, caller: Caller, claim_id: str, fence: int) -> WorkAnswer:
        """GET /claims/{id}/work: the bead as it is now."""
        lease = await self._lease(caller, claim_id, fence)
        self._leases.renew(lease, self._clock.monotonic())
        bead = self._bead(lease)
        if bead is None or bead.status.claim is None:
            raise Refused(ProblemCode.CLAIM_ENDED, "the bead was deleted")
        order, reason = self._order(lease)
        worker = self._store.worker((lease.key[0], lease.worker))
        claimed = await self._briefing.claimed(bead, worker)
        return WorkAnswer(
            order=order, reason=reason, claimed=claimed.model_copy(update={"iteration": lease.iteration})
        )

    async def report(self, caller: Caller, claim_id: str, request: ReportRequest) -> ReportAnswer:
        """POST /claims/{id}/reports: committed when this returns."""
        answer = await self._reports.repeated(claim_id, request.report_id)
        if answer is not None:
            return answer
        request = await cleaned_report(request)
        try:
            lease = await self._lease(caller, claim_id, request.fence)
        except Refused as refusal:
            return await self._too_late(caller, claim_id, request, refusal)
        await self._told(lease, request.steered)
        try:
            return await self._reports.take(lease, request)
        except ClaimConflict as error:
            await self._late.keep_foreign(lease, request, str(error))
            await self._try_give_back(lease, str(error), lost=False)
            raise Refused(ProblemCode.CLAIM_ENDED, str(error)) from error
        except Refused as refusal:
            if refusal.code is not ProblemCode.CLAIM_ENDED:
                raise
            return await self._too_late(caller, claim_id, request, refusal)

    async def _too_late(
        self, caller: Caller, claim_id: str, request: ReportRequest, refusal: Refused
    ) -> ReportAnswer:
        """The answer to its first copy, if that ended the claim; else it is kept apart, and refused."""
        if (answer := await self._reports.repeated(claim_id, request.report_id)) is not None:
            return answer
        if refusal.code in (ProblemCode.FENCED, ProblemCode.CLAIM_ENDED):
            await self._late.keep(caller, claim_id, request, str(refusal))
        raise refusal

    async def release(self, caller: Caller, claim_id: str, request: ReleaseRequest) -> Ended:
        """POST /claims/{id}/release: the bead goes back without a verdict; repeating it changes nothing."""
        lease = self._leases.get(claim_id)
        if lease is None:
            attempt = await self._history.find_claim(claim_id=claim_id)
            if attempt is not None and attempt.namespace == caller.namespace:
                return Ended()
        lease = await self._lease(caller, claim_id, request.fence, over=True)
        message = clean_words(request.reason) or "released by its session"
        if request.saved is not None:
            await self._history.save_work(
                bead_uid=lease.uid, fence=lease.fence, saved=request.saved, now=self._clock.now()
            )
        await self._returns.give_back(lease, message, lost=False)
        return Ended()

    async def session_ended(self, namespace: str, worker: str, session: str, message: str) -> None:
        """The runtime saw the session die: its beads need not wait for the lease to run out."""
        for lease in self._leases:
            if (lease.key[0], lease.worker, lease.session) == (namespace, worker, session):
                await self._returns.give_back(lease, message, lost=True)

    async def recover(self) -> None:
        """At start, with the store filled: finish what a crash left between database and API server."""
        await self._reports.recover()
        await self._leases.seen.load(self._history)
        held: set[str] = set()
        attempts = await self._history.open_attempts()
        granted = {attempt.claim_id: attempt.granted for attempt in attempts}
        for bead in self._store.beads():
            lease = self._leases.hold(bead, self._clock.monotonic())
            if lease is not None:
                held.add(lease.claim_id)
                self._funds.recover(lease, granted.get(lease.claim_id))
                await self._recover(lease, bead)
        for attempt in attempts:
            if attempt.claim_id not in held:
                await self._returns.end_attempt(attempt.bead_uid, attempt.fence, "the operator was restarted")

    async def _recover(self, lease: Lease, bead: Bead) -> None:
        """What the history says of a claim that a bead is held by."""
        if (attempt := await self._history.find_claim(claim_id=lease.claim_id)) is None:
            await self._desk.attempts.record(bead, self._store.worker((lease.key[0], lease.worker)))
        elif attempt.bead_uid == lease.uid and attempt.ended_at is not None:
            lease.over, lease.deadline = True, self._clock.monotonic()  # the bead was being given back

    async def expire(self) -> None:
        """Give back what nobody was heard of, until cancelled."""
        while True:
            now = self._clock.monotonic()
            for lease in self._leases.due(now):
                metrics.leases_lost.inc()
                silent = f"session {lease.session} was not heard of for {self._leases.seconds:g} s"
                await self._try_give_back(lease, silent, lost=True)
            deadline = self._leases.next_deadline()
            pause = LOOK_SECONDS if deadline is None else max(0.05, min(LOOK_SECONDS, deadline - now))
            self._look.clear()
            try:
                await asyncio.wait_for(self._look.wait(), pause)
            except TimeoutError:
                continue

    async def _try_give_back(self, lease: Lease, message: str, *, lost: bool) -> None:
        try:
            await self._returns.give_back(lease, message, lost=lost)
        except (KubeError, HistoryUnavailable, Refused) as error:
            log.warning("%s/%s cannot be given back yet: %s", *lease.key, error)
            lease.deadline = self._clock.monotonic() + 1.0

    async def _lease(self, caller: Caller, claim_id: str, fence: int, *, over: bool = False) -> Lease:
        """Of a call, if the caller may make it. over: also where its end is in the history."""
        lease = self._leases.get(claim_id)
        if lease is None:
            attempt = await self._history.find_claim(claim_id=claim_id)
            if attempt is None or attempt.namespace != caller.namespace:
                raise Refused(ProblemCode.NOT_FOUND, "there is no such claim")
            raise Refused(ProblemCode.CLAIM_ENDED, "this claim has ended; the bead may be with someone else")
        if lease.key[0] != caller.namespace:
            raise Refused(ProblemCode.NOT_FOUND, "there is no such claim")
        if lease.worker != caller.worker:
            raise Refused(ProblemCode.FORBIDDEN, "this claim belongs to another Worker")
        caller.check(lease.session, "and this claim of")
        if lease.fence != fence:
            detail = f"fence {fence} is not the claim's fence {lease.fence}"
            raise Refused(ProblemCode.FENCED, detail)
        if lease.over and not over:
            raise Refused(ProblemCode.CLAIM_ENDED, "this claim has ended; the bead is being given back")
        return lease

    def _bead(self, lease: Lease) -> Bead | None:
        bead = self._store.bead(lease.key)
        return bead if bead is not None and bead.metadata.uid == lease.uid else None

    def _order(self, lease: Lease) -> tuple[Order, str]:
        bead = self._bead(lease)
        worker = self._store.worker((lease.key[0], lease.worker))
        desired = self._board.desired(lease.key) if bead is not None else None
        return lifecycle.order_for(bead, lease.fence, desired=desired, worker=worker)

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        """A claim that appeared without us (a lost answer, a restart) still gets a lease that runs out.

        A deleted bead's lease is kept: its session has a report to make.
        """
        if not isinstance(new, Bead):
            return
        claim = new.status.claim
        lease = self._leases.of_bead(new.metadata.uid)
        if claim is not None and self._leases.get(claim.id) is None:
            self._leases.hold(new, self._clock.monotonic())
            self._look.set()
        elif claim is None and lease is not None and new.status.fence >= lease.fence:
            self._leases.end(lease.claim_id)
