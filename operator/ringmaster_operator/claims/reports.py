"""Reports: committed first, acknowledged second, applied third.

The row in the database is the promise. Its `applied` flag makes the table an outbox: whatever the operator or
the API server did in between, the status patch is made later, and made once, because it is tied to the fence
and the iteration that the report speaks of.
"""

from __future__ import annotations

import asyncio
import logging

from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Amount
from ringmaster_operator.board.ladder import wants_plan
from ringmaster_operator.board.lifecycle import Backoff
from ringmaster_operator.claims.briefing import Briefing
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Lease, Leases
from ringmaster_operator.claims.memory import Memory
from ringmaster_operator.claims.metering import count
from ringmaster_operator.claims.outbox import Marks, Outbox, concerns, stored
from ringmaster_operator.claims.plans import Plans
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.evidence import Verdict
from ringmaster_operator.history import History, HistoryUnavailable, Learned, ReportConflict, StoredReport
from ringmaster_operator.kube import BEADS, Conflict, Kube, KubeError, NotFound
from ringmaster_operator.learning import Learning
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import Next, ProblemCode, ReportAnswer, ReportRequest
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)

INLINE_SECONDS = 2.0
RETRY_SECONDS = 2.0


class Reports:
    """Takes reports in, and sees that each reaches the bead's status."""

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
        plans: Plans,
        funds: Funds,
        clock: Clock,
        backoff: Backoff,
        learning: Learning,
        memory: Memory,
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._history = history
        self._statuses = statuses
        self._leases = leases
        self._briefing = briefing
        self._plans = plans
        self._funds = funds
        self._clock = clock
        self._backoff = backoff
        self._learning = learning
        self._memory = memory
        self._busy: dict[str, asyncio.Lock] = {}
        self._outbox = Outbox()
        self._marks = Marks(history)
        self._fresh: dict[str, StoredReport] = {}
        """Committed a moment ago, as the history has them: they need not be read to be applied."""
        self._due = asyncio.Event()

    async def take(self, lease: Lease, request: ReportRequest) -> ReportAnswer:
        """Commit the report of a lease that the caller was checked against; the answer says what to do next.

        Raises Refused(UNAVAILABLE) when the database cannot take it: the session keeps it and comes again.
        """
        lock = self._busy.setdefault(lease.claim_id, asyncio.Lock())
        async with lock:
            if (answer := await self.repeated(lease.claim_id, request.report_id)) is not None:
                return answer
            lease.reports.add(request.report_id)
            if lease.closing or lease.over or self._leases.get(lease.claim_id) is not lease:
                raise Refused(ProblemCode.CLAIM_ENDED, "this claim has ended; the report came too late")
            lease.closing = True
            request = self._funds.priced((lease.key[0], lease.worker), request)
            bead = self._store.bead(lease.key)
            if bead is not None and bead.metadata.uid != lease.uid:
                bead = None
            try:
                answer = await self._commit(lease, bead, request)
            finally:
                lease.closing = False
            self._settle(lease, answer)
        if answer.next is not Next.ITERATE:
            self._busy.pop(lease.claim_id, None)
        self._outbox.add(request.report_id, claim_id=lease.claim_id, iteration=request.iteration)
        # The next claim should find dependents ready, so wait for the patch, but never long.
        applying = asyncio.ensure_future(
            self._deliver(request.report_id, self._fresh.pop(request.report_id, None))
        )
        await asyncio.wait({applying}, timeout=INLINE_SECONDS)
        return answer

    async def repeated(self, claim_id: str, report_id: str) -> ReportAnswer | None:
        """The answer that this report got before, if it was ever committed."""
        lease = self._leases.get(claim_id)
        if lease is not None and not lease.may_know(report_id):
            return None
        known = await self._known(report_id)
        return known.answer if known is not None and known.claim_id == claim_id else None

    async def recover(self) -> None:
        """At start: everything that was acknowledged and not yet applied."""
        for report in await self._history.unapplied_reports():
            self._outbox.add(
                report.request.report_id, claim_id=report.claim_id, iteration=report.request.iteration
            )
            if report.answer.next is not Next.ITERATE:
                self._leases.end(report.claim_id)
        self._due.set()

    async def run(self) -> None:
        """Apply what is left over, in order, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            for report in await self._unapplied():
                if report.request.report_id in self._marks:
                    continue
                await self._deliver(report.request.report_id, report)
            if self._outbox:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)

    async def _unapplied(self) -> list[StoredReport]:
        try:
            return await self._history.unapplied_reports()
        except HistoryUnavailable as error:
            log.warning("outbox cannot be read: %s", error)
            return []

    async def _known(self, report_id: str) -> StoredReport | None:
        try:
            return await self._history.find_report(report_id=report_id)
        except HistoryUnavailable as error:
            raise Refused(ProblemCode.UNAVAILABLE, f"the history cannot be read: {error}") from error

    async def _commit(self, lease: Lease, bead: Bead | None, request: ReportRequest) -> ReportAnswer:
        now = self._clock.now()
        counted = False
        if bead is None:
            answer = ReportAnswer(next=Next.STOP, reason="the bead was deleted", iteration=request.iteration)
        else:
            limits = self._briefing.limits_of(bead)
            desired = self._board.desired(bead.key)
            moved = lifecycle.reported(bead, request, limits, now, backoff=self._backoff, desired=desired)
            counted = moved.counted
            answer = ReportAnswer(next=moved.next, reason=moved.reason, iteration=moved.status.iteration)
            if answer.next is Next.ITERATE and (why := self._funds.may_go_on(lease, request)):
                answer = ReportAnswer(next=Next.STOP, reason=why, iteration=moved.status.iteration)
        verdicts = self._verdicts(lease, bead, request, answer=answer, counted=counted)
        learned = self._learned(lease, bead, request, answer=answer, counted=counted)
        try:
            committed = await self._history.commit_report(
                bead_uid=lease.uid,
                namespace=lease.key[0],
                bead=lease.key[1],
                claim_id=lease.claim_id,
                request=request,
                answer=answer,
                counted=counted,
                granted=self._funds.granted(lease.claim_id, after=request),
                account=self._funds.account(lease),
                infrastructure_usd=self._funds.infrastructure(lease, request),
                learned=learned,
                verdicts=verdicts,
                rules=self._board.rules(lease.key[0]),
                now=now,
            )
        except ReportConflict as error:
            raise Refused(ProblemCode.INVALID, str(error)) from error
        except HistoryUnavailable as error:
            detail = f"the history cannot take the report now, keep it and send it again: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        count(request)
        if not committed.repeated:
            self._fresh[request.report_id] = stored(lease, request, committed.answer, now)
        amount = Amount(committed.usd, committed.tokens)
        self._funds.settle(lease, amount, goes_on=committed.answer.next is Next.ITERATE)
        self._ended(lease, bead, answer=committed.answer, success=learned.success)
        worker = (lease.key[0], lease.worker)
        if verdicts and committed.repeated:
            await self._learning.learned(worker)
        elif committed.learnt:
            self._learning.heard(worker, committed.learnt)
        return committed.answer

    def _verdicts(
        self, lease: Lease, bead: Bead | None, request: ReportRequest, *, answer: ReportAnswer, counted: bool
    ) -> list[Verdict]:
        worker = self._store.worker((lease.key[0], lease.worker))
        if bead is None or worker is None or wants_plan(bead.status):
            return []
        outcome = request.outcome
        return self._learning.verdicts(bead, worker, outcome, after=answer.next, counted=counted)

    def _ended(self, lease: Lease, bead: Bead | None, *, answer: ReportAnswer, success: bool | None) -> None:
        """Later beads are compared with this one, where its end says something of the agent."""
        worker = self._store.worker((lease.key[0], lease.worker))
        if bead is None or worker is None or success is None or wants_plan(bead.status):
            return
        if answer.next is not Next.ITERATE:
            place = self._briefing.repository_of(bead, worker)
            self._learning.ended(bead, worker, success=success, repository=place)

    def _learned(
        self, lease: Lease, bead: Bead | None, request: ReportRequest, *, answer: ReportAnswer, counted: bool
    ) -> Learned:
        worker = self._store.worker((lease.key[0], lease.worker))
        repository = self._briefing.repository_of(bead, worker) if bead is not None else None
        return self._memory.learned(
            lease, bead, request, answer=answer, counted=counted, repository=repository
        )

    def _settle(self, lease: Lease, answer: ReportAnswer) -> None:
        if answer.next is Next.ITERATE:
            lease.next_iteration(answer.iteration)
            self._leases.renew(lease, self._clock.monotonic())
        else:
            self._leases.end(lease.claim_id)

    async def _deliver(self, report_id: str, report: StoredReport | None = None) -> None:
        """Apply one committed report; leaves it in the outbox when the API server does not answer.

        So it does while the iteration before it is there: the status stands where that one was made.
        """
        try:
            report = report or await self._history.find_report(report_id=report_id)
            if report is not None and report_id in self._outbox:
                if self._outbox.behind(report.claim_id, report.request.iteration):
                    return
                await self._apply(report)
                self._marks.add(report_id)
            if self._outbox.applied(report_id):
                self._due.set()
        except (KubeError, HistoryUnavailable) as error:
            log.warning("report %s waits in the outbox: %s", report_id, error)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)

    async def _apply(self, report: StoredReport) -> None:
        key = (report.namespace, report.bead)
        while True:
            bead = self._store.bead(key)
            if bead is None or not concerns(bead, report):
                return
            limits = self._briefing.limits_of(bead)
            moved = lifecycle.reported(
                bead,
                report.request,
                limits,
                report.received_at,
                backoff=self._backoff,
                desired=self._board.desired(key),
            )
            status = moved.status
            await self._plans.prepare(bead, moved, report.request)
            if moved.next is Next.ITERATE and report.answer.next is not Next.ITERATE:
                status = lifecycle.released(
                    bead.model_copy(update={"status": status}),
                    message=report.answer.reason,
                    now=report.received_at,
                    backoff=self._backoff,
                )
            promised = bead.model_copy(update={"status": status})
            status = lifecycle.derive(promised, self._board.view(key), self._clock.now())
            try:
                await self._statuses.write(bead, status)
                return
            except NotFound:
                self._store.forget("Bead", key, bead.metadata.uid)
                return
            except Conflict:
                await self._reread(bead)

    async def _reread(self, bead: Bead) -> None:
        try:
            self._store.observe(await self._kube.get(BEADS, *bead.key))
        except NotFound:
            self._store.forget("Bead", bead.key, bead.metadata.uid)
