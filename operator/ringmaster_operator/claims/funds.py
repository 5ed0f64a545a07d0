"""Money and tokens: who may begin, who may go on, and what is said when a limit comes near.

The arithmetic is board/ledger.py's; this keeps it in step with claims, heartbeats, reports and the history.
Nothing here asks the database while a claim waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import (
    NOTHING,
    Amount,
    Payer,
    Purse,
    payer,
    purses,
    purses_of,
    spent_words,
)
from ringmaster_operator.board.ladder import model_of
from ringmaster_operator.board.ledger import Estimates, Ledger
from ringmaster_operator.claims.budget_view import overview
from ringmaster_operator.claims.budget_warnings import Warnings
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.claims.origin import account_of, counted, time_cost
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events
from ringmaster_operator.history import Account, History, HistoryUnavailable, heard_source
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.costs import bill
from ringmaster_operator.resources.protocol import Allowance, Progress, ReportRequest
from ringmaster_operator.resources.worker import Spent, Worker
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)


class Funds:
    """The budgets of all namespaces."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        history: History,
        events: Events,
        clock: Clock,
        estimate: Amount,
    ) -> None:
        self._store = store
        self._board = board
        self._history = history
        self._warnings = Warnings(events)
        self._clock = clock
        self._ledger = Ledger()
        self._estimates = Estimates(estimate)

    async def load(self) -> None:
        """At start: what was spent this month. Raises HistoryError."""
        now = self._clock.now()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for row in await self._history.spent_since(since=month):
            who = Payer(row.namespace, row.worker, row.account.requested_by, row.account.labels)
            amount = Amount(row.usd, row.tokens)
            self._ledger.post(who, amount, row.at)
            self._estimates.learn((row.namespace, row.profile, row.model, row.type), amount)

    def refusals(self, worker: Worker) -> Callable[[Bead], str]:
        """Why this Worker may not begin a bead now, in words; empty when it may. For one choice only.

        Beads that no budget tells apart share an answer: thousands may be asked about.
        """
        project, now = self._board.project(worker.metadata.namespace), self._clock.now()
        budgets = project.budgets if project is not None else []
        keys = {key for budget in budgets for key in budget.labels}
        known: dict[tuple[object, ...], str] = {}

        def refusal(bead: Bead) -> str:
            who = payer(worker.metadata.name, bead)
            alike = (_kind(worker, bead), who.user, frozenset(i for i in who.labels if i[0] in keys))
            if alike not in known:
                limits = purses(worker, project, who)
                known[alike] = self._ledger.refusal(limits, self._estimate(worker, bead), now)
            return known[alike]

        return refusal

    def reserve(self, claim_id: str, worker: Worker, bead: Bead) -> None:
        """Set aside what the claim's first iteration is estimated to use."""
        who, limits = self._limits(worker, bead)
        self._ledger.reserve(claim_id, who, limits, self._estimate(worker, bead), self._clock.now())

    def free(self, claim_id: str) -> None:
        """The claim is over, or was never made."""
        self._ledger.free(claim_id)

    def recover(self, lease: Lease, granted: tuple[float, int] | None) -> None:
        """A claim that runs since before this operator did, with the part that the history has for it."""
        bead, worker = self._store.bead(lease.key), self._worker(lease)
        if bead is not None and worker is not None and self._ledger.of(lease.claim_id) is None:
            estimate = self._estimate(worker, bead)
            part = estimate if granted is None else Amount(*granted)
            self._ledger.recover(lease.claim_id, payer(worker.metadata.name, bead), part, estimate)

    def granted(self, claim_id: str, *, after: ReportRequest | None = None) -> tuple[float, int] | None:
        """What the history keeps of a claim's part: (dollars, tokens), None where no budget stops sessions.

        Once may_go_on has allowed an iteration after a report: that iteration's part.
        """
        item = self._ledger.of(claim_id)
        if item is None or not self._strict(item.payer):
            return None
        gone = _amount(after) if after is not None else NOTHING
        part = (item.granted - gone).most(NOTHING)
        return part.usd, part.tokens

    def allowance(self, claim_id: str) -> Allowance | None:
        """What the claim's iteration may use without asking; None where no budget stops sessions."""
        item = self._ledger.of(claim_id)
        if item is None:
            return None
        strict = self._strict(item.payer)
        if not strict:
            return None
        return Allowance(
            usd=item.granted.usd if any(purse.usd is not None for purse in strict) else None,
            tokens=item.granted.tokens if any(purse.tokens is not None for purse in strict) else None,
        )

    async def heard(self, lease: Lease) -> str:
        """Take in a heartbeat's figures; why the session must stop at its next turn, else nothing.

        A greater part is kept in the history before the session hears of it: after a restart it still counts.
        """
        item = self._ledger.of(lease.claim_id)
        if item is None:
            return ""
        used, limits = self._used(lease, lease.progress), self._purses(self._worker(lease), item.payer)
        stop = self._ledger.use(lease.claim_id, limits, used, self._clock.now())
        granted = self.granted(lease.claim_id)
        if granted is not None and granted != (item.granted.usd, item.granted.tokens):
            try:
                await self._history.grant(claim_id=lease.claim_id, usd=granted[0], tokens=granted[1])
            except HistoryUnavailable as error:
                log.warning("%s/%s gets no greater part of its budgets now: %s", *lease.key, error)
                self._ledger.cut(lease.claim_id, item.granted)
        return stop

    def priced(self, worker: tuple[str, str], request: ReportRequest) -> ReportRequest:
        """The report as it counts: under a flat rate tokens without dollars, else with the project's prices.

        worker: (namespace, name).
        """
        found, project = self._store.worker(worker), self._board.project(worker[0])
        usage = counted(request.usage, found, project, self._clock.now())
        return request if usage is request.usage else request.model_copy(update={"usage": usage})

    def infrastructure(self, lease: Lease, request: ReportRequest) -> float:
        """US dollars of the time that an iteration took, at the project's rate."""
        return time_cost(request, self._worker(lease), self._board.project(lease.key[0]))

    def may_go_on(self, lease: Lease, request: ReportRequest) -> str:
        """Why another iteration may not follow this one; when it may (empty), its part is set aside."""
        bead, worker = self._store.bead(lease.key), self._worker(lease)
        if bead is None or worker is None:
            return ""
        who, limits = self._limits(worker, bead)
        gone, now, estimate = _amount(request), self._clock.now(), self._estimate(worker, bead)
        refusal = self._ledger.refusal(limits, estimate, now, claim_id=lease.claim_id, gone=gone)
        if not refusal:
            self._ledger.reserve(lease.claim_id, who, limits, estimate, now, gone=gone)
        return refusal

    def settle(self, lease: Lease, amount: Amount, *, goes_on: bool) -> None:
        """A report was committed; amount is what it adds to the books."""
        who, now = self._payer(lease), self._clock.now()
        self._ledger.settle(lease.claim_id, who, amount, now, goes_on=goes_on)
        bead, worker = self._store.bead(lease.key), self._worker(lease)
        if bead is not None and worker is not None:
            self._estimates.learn(_kind(worker, bead), amount)
            for purse in self._purses(worker, who):
                self._warnings.tell(purse, self._ledger.spent(purse, now), worker, now)

    async def lost(self, lease: Lease) -> None:
        """A session fell silent: what it last told of its iteration is booked. Raises HistoryUnavailable.

        Where a budget stops sessions, all that it was allowed is booked: it may have used that unheard. A
        report that comes late puts it right.
        """
        used, who, now = self._used(lease, lease.progress), self._payer(lease), self._clock.now()
        item = self._ledger.of(lease.claim_id)
        if item is not None and self._strict(who):
            used = item.held
        if used == NOTHING:
            return
        fresh = await self._history.book(
            source=heard_source(lease.claim_id, lease.iteration),
            claim_id=lease.claim_id,
            bead_uid=lease.uid,
            namespace=lease.key[0],
            bead=lease.key[1],
            worker=lease.worker,
            account=self.account(lease),
            usd=used.usd,
            tokens=used.tokens,
            now=now,
        )
        if fresh:
            self._ledger.post(who, used, now)

    def late(
        self, namespace: str, worker: str, account: Account, amount: Amount, at: datetime | None = None
    ) -> None:
        """What was learned late is spent money all the same: a report, or (of another time) a price."""
        if amount != NOTHING:
            who = Payer(namespace, worker, account.requested_by, account.labels)
            self._ledger.post(who, amount, at or self._clock.now())

    def account_of(self, namespace: str, bead: str) -> Account:
        """Whom work on a bead counts for, where no claim tells."""
        found = self._store.bead((namespace, bead))
        who = payer("", found) if found is not None else Payer(namespace, "")
        return account_of(self._store, self._board, who=who, bead=found, worker=None)

    def account(self, lease: Lease) -> Account:
        """Whom the work counts for, as the history keeps it."""
        who, bead, worker = self._payer(lease), self._store.bead(lease.key), self._worker(lease)
        return account_of(self._store, self._board, who=who, bead=bead, worker=worker)

    def standing(self, worker: Worker) -> tuple[Spent, str]:
        """What a Worker has spent today, and what limit of its own or its project's is reached, in words."""
        now = self._clock.now()
        today = self._ledger.today(worker.key, now)
        reached = ""
        for purse in purses_of(worker, self._board.project(worker.metadata.namespace)):
            spent = self._ledger.spent(purse, now)
            if purse.reached(spent):
                reached = reached or spent_words(purse, spent)
        return Spent(usd=round(today.usd, 6), tokens=today.tokens), reached

    def overview(self, namespace: str) -> list[BudgetState]:
        """All budgets of a namespace, those of single Workers and users too."""
        workers = [item for item in self._store.workers() if item.metadata.namespace == namespace]
        project = self._board.project(namespace)
        return overview(namespace, workers, project, self._ledger, self._clock.now())

    def _estimate(self, worker: Worker, bead: Bead) -> Amount:
        found = self._estimates.of(_kind(worker, bead))
        return Amount(0.0, found.tokens) if worker.spec.budget.flat_rate else found

    def _limits(self, worker: Worker, bead: Bead) -> tuple[Payer, tuple[Purse, ...]]:
        who = payer(worker.metadata.name, bead)
        return who, self._purses(worker, who)

    def _strict(self, who: Payer) -> list[Purse]:
        """The budgets that stop its sessions."""
        worker = self._store.worker((who.namespace, who.worker))
        return [purse for purse in self._purses(worker, who) if purse.stops_sessions]

    def _purses(self, worker: Worker | None, who: Payer) -> tuple[Purse, ...]:
        return purses(worker, self._board.project(who.namespace), who) if worker is not None else ()

    def _payer(self, lease: Lease) -> Payer:
        item, bead = self._ledger.of(lease.claim_id), self._store.bead(lease.key)
        if item is not None:
            return item.payer
        return payer(lease.worker, bead) if bead is not None else Payer(lease.key[0], lease.worker)

    def _worker(self, lease: Lease) -> Worker | None:
        return self._store.worker((lease.key[0], lease.worker))

    def _used(self, lease: Lease, progress: Progress) -> Amount:
        worker = self._worker(lease)
        flat = worker is not None and worker.spec.budget.flat_rate
        return Amount(0.0 if flat else progress.usd or 0.0, progress.tokens)


def _kind(worker: Worker, bead: Bead) -> tuple[str, ...]:
    """As the history tells kinds of work apart."""
    agent = worker.spec.agent
    model = model_of(bead) or agent.model or ""
    return worker.metadata.namespace, agent.profile, model, bead.spec.type.value


def _amount(request: ReportRequest) -> Amount:
    total = bill(request.usage)
    return Amount(total.usd, total.tokens)
