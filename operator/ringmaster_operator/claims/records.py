"""Records of iterations as sessions send them, and how long they are kept.

They come after their report, so neither a claim nor a report ever waits for one. A session takes the secrets
out before it sends them; whoever reads them gets them searched once more.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from pydantic import ValidationError

from ringmaster_operator import metrics
from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable, NewRecord
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.records import (
    CONTENTS,
    RecordKind,
    RecordsAnswer,
    RecordsRequest,
    RecordUpload,
    unpacked,
)

log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""Between looks at what is too old or too much."""
BATCH = 100
"""Records that go in one commit, so that no report waits long behind it."""
MIB = 1024 * 1024


class Records:
    """Takes records and lets them go. days 0: none are kept."""

    def __init__(self, *, history: History, clock: Clock, days: int, mib: int) -> None:
        self._history = history
        self._clock = clock
        self._days = days
        self._bytes = mib * MIB
        self._one = asyncio.Semaphore(1)
        """Unpacking is work for the processor: one at a time leaves the others to claims."""

    async def take(
        self, caller: Caller, claim_id: str, report_id: str, request: RecordsRequest
    ) -> RecordsAnswer:
        """POST /claims/{id}/reports/{report id}/records: committed when this returns. Raises Refused."""
        place = await self._history.report_place(report_id=report_id, claim_id=claim_id)
        if place is None or place.namespace != caller.namespace:
            raise Refused(ProblemCode.NOT_FOUND, "this claim has no such report that was accepted")
        if place.worker != caller.worker:
            raise Refused(ProblemCode.FORBIDDEN, "this report is of another Worker")
        caller.check(place.session, "and this report of")
        if place.fence != request.fence:
            detail = f"fence {request.fence} is not the report's fence {place.fence}"
            raise Refused(ProblemCode.FENCED, detail)
        if not self._days:
            return RecordsAnswer()
        async with self._one:
            records = await asyncio.to_thread(lambda: [_checked(item) for item in request.records])
        kept = await self._history.keep_records(
            iteration_id=place.iteration_id,
            namespace=place.namespace,
            records=records,
            now=self._clock.now(),
        )
        for kind in kept:
            metrics.records.labels(kind).inc()
        return RecordsAnswer(kept=[RecordKind(kind) for kind in kept])

    async def run(self) -> None:
        """Drop what is too old or too much, again and again, until cancelled."""
        while True:
            try:
                await self.tidy()
            except HistoryUnavailable as error:
                log.warning("old records of iterations stay for now: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def tidy(self) -> None:
        """Drop what is too old, then, in each namespace, the oldest of what is too much."""
        before = self._clock.now() - timedelta(days=self._days)
        while gone := await self._history.forget_old_records(before=before, most=BATCH):
            metrics.records_dropped.labels("age").inc(gone)
        sizes = await self._history.record_sizes()
        for namespace, size in sizes.items():
            while (excess := size - self._bytes) > 0:
                gone = await self._history.forget_first_records(
                    namespace=namespace, excess=excess, most=BATCH
                )
                metrics.records_dropped.labels("size").inc(gone)
                size = (await self._history.record_sizes()).get(namespace, 0)
            sizes[namespace] = size
        metrics.records_bytes.clear()
        for namespace, size in sizes.items():
            metrics.records_bytes.labels(namespace).set(size)


def _checked(item: RecordUpload) -> NewRecord:
    """What is to be stored of it, once it is known to be what it says. Raises Refused."""
    model = CONTENTS.get(item.kind)
    if model is None:
        raise Refused(ProblemCode.INVALID, f"records of kind {item.kind} are part of the report")
    try:
        stored, raw = unpacked(item.data)
        model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(ProblemCode.INVALID, f"{item.kind}: {where}: {first['msg']}") from error
    except ValueError as error:
        raise Refused(ProblemCode.INVALID, f"{item.kind}: {error}") from error
    return NewRecord(kind=item.kind.value, size=len(raw), truncated=item.truncated, content=stored)
