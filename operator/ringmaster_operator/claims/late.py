"""Reports that are not accepted: kept with the reason, and what they used is spent all the same."""

from __future__ import annotations

from typing import Any

from ringmaster_operator import metrics
from ringmaster_operator.board.budgets import Amount
from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import Account, History, HistoryUnavailable
from ringmaster_operator.resources.protocol import ProblemCode, ReportRequest


class LateReports:
    """Keeps them. Raises Refused(UNAVAILABLE) where the history cannot: the session comes again then."""

    def __init__(self, *, history: History, funds: Funds, clock: Clock) -> None:
        self._history = history
        self._funds = funds
        self._clock = clock

    async def keep(self, caller: Caller, claim_id: str, request: ReportRequest, why: str) -> None:
        """One that came too late, or with another fence."""
        try:
            attempt = await self._history.find_claim(claim_id=claim_id)
        except HistoryUnavailable as error:
            raise _unavailable(error) from error
        uid, name = (attempt.bead_uid, attempt.bead) if attempt else ("", "")
        account = self._funds.account_of(caller.namespace, name)
        worker = (caller.namespace, caller.worker)
        await self._keep(worker, account, request, why, claim_id=claim_id, bead_uid=uid, bead=name)

    async def keep_foreign(self, lease: Lease, request: ReportRequest, why: str) -> None:
        """One of a bead that is held under the id of another bead's claim: that one's costs stay its own."""
        await self._keep(
            (lease.key[0], lease.worker),
            self._funds.account(lease),
            request,
            why,
            claim_id=lease.claim_id,
            booked_as=f"{lease.claim_id}/{lease.uid}",  # no claim's own id has a slash
            bead_uid=lease.uid,
            bead=lease.key[1],
        )

    async def _keep(
        self, worker: tuple[str, str], account: Account, request: ReportRequest, why: str, **what: Any
    ) -> None:
        """worker: (namespace, name)."""
        metrics.reports_refused.inc()
        try:
            usd, tokens = await self._history.refuse_report(
                namespace=worker[0],
                worker=worker[1],
                request=self._funds.priced(worker, request),
                reason=why,
                account=account,
                now=self._clock.now(),
                **what,
            )
        except HistoryUnavailable as error:
            raise _unavailable(error) from error
        self._funds.late(*worker, account, Amount(usd, tokens))


def _unavailable(error: HistoryUnavailable) -> Refused:
    return Refused(ProblemCode.UNAVAILABLE, f"the history cannot be written: {error}")
