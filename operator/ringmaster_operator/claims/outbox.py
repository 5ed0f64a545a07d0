"""Reports that are committed and not yet applied: those of a claim in the order of its iterations."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from ringmaster_operator import metrics
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.history import History, HistoryUnavailable, StoredReport
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ReportAnswer, ReportRequest

log = logging.getLogger(__name__)

TOGETHER = 200
"""Marks in one write at most."""
RETRY_SECONDS = 2.0
"""Between tries while the history cannot be written."""


class Outbox:
    """What of it this process knows; the rows in the database are the truth."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int]] = {}
        """Claim and iteration by report id."""

    def __contains__(self, report_id: str) -> bool:
        return report_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def add(self, report_id: str, *, claim_id: str, iteration: int) -> None:
        """It is committed."""
        self._open[report_id] = claim_id, iteration
        metrics.outbox.set(len(self._open))

    def behind(self, claim_id: str, iteration: int) -> bool:
        """Whether an earlier iteration of the claim waits: the status stands where that was made."""
        return any(claim == claim_id and number < iteration for claim, number in self._open.values())

    def applied(self, report_id: str) -> bool:
        """Take it out; whether others of its claim waited for that."""
        claim_id, _ = self._open.pop(report_id, ("", 0))
        metrics.outbox.set(len(self._open))
        return any(claim == claim_id for claim, _ in self._open.values())


class Marks:
    """Tells the history which reports are applied: behind the work, and several in one write.

    A mark that a crash prevents costs nothing: whoever looks at the report again sees that its bead has moved
    on.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._waiting: dict[str, None] = {}
        self._writing: asyncio.Task[None] | None = None

    def __contains__(self, report_id: str) -> bool:
        """Whether it is applied, and its mark still on its way."""
        return report_id in self._waiting

    def add(self, report_id: str) -> None:
        """Never waits and never raises."""
        self._waiting[report_id] = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        while self._waiting:
            ids = list(self._waiting)[:TOGETHER]
            try:
                await self._history.mark_applied(report_ids=ids)
            except HistoryUnavailable as error:
                log.warning("%d applied reports are not marked yet: %s", len(self._waiting), error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for report_id in ids:
                del self._waiting[report_id]


def stored(lease: Lease, request: ReportRequest, answer: ReportAnswer, now: datetime) -> StoredReport:
    """The report that was committed, as the history gives it back."""
    return StoredReport(
        report_id=request.report_id,
        bead_uid=lease.uid,
        namespace=lease.key[0],
        bead=lease.key[1],
        claim_id=lease.claim_id,
        request=request.model_copy(update={"saved": None}),
        answer=answer,
        received_at=now,
        applied=False,
    )


def concerns(bead: Bead, report: StoredReport) -> bool:
    """Whether the status still stands where the report was made: same bead, fence, and iteration."""
    claim = bead.status.claim
    return (
        bead.metadata.uid == report.bead_uid
        and claim is not None
        and claim.fence == report.request.fence
        and max(1, bead.status.iteration) == report.request.iteration
    )
