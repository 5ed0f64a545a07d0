"""The outbox as the operator keeps it beside the history: reports as committed, marks in groups."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session

from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.claims.outbox import Marks, stored
from ringmaster_operator.history import History
from ringmaster_operator.history.errors import unavailable
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.protocol import (
    ModelUsage,
    Next,
    Reflexion,
    ReportAnswer,
    ReportRequest,
    Usage,
    VerifyResult,
)
from ringmaster_operator.resources.saved import SavedWork

from .conftest import NOON, Work

Make = Callable[..., Work]


def lease(one: Work, **more: Any) -> Lease:
    key = (one.namespace, one.bead)
    return Lease(one.claim_id, key, one.uid, one.fence, one.worker, "s-0", deadline=0.0, **more)


def reports(one: Work) -> list[ReportRequest]:
    used = ModelUsage(position="m1", model="m", input_tokens=7, output_tokens=3, computed_usd=0.01)
    failed = Outcome.model_validate({"kind": "failed", "reason": "AgentError", "summary": "no 🤖 \x00"})
    return [
        one.request(),
        one.request(2, usage=Usage(requests=[used], reported_usd=0.02), branch="b", commit="c" * 40),
        one.request(
            3,
            outcome=failed,
            verify=[VerifyResult(command="make", exit_code=2, seconds=1.5, output="boom " * 40)],
            reflexion=Reflexion(lesson="Run make first, always.", cause="It was not built."),
            final_text="I give up\n",
            exit_code=-9,
            saved=SavedWork(branch="b", commit="c" * 40, bundle="QUJD"),
        ),
    ]


async def test_a_report_in_memory_is_the_one_in_the_history(history: History, work: Make) -> None:
    one = work()
    await one.start()
    for request in reports(one):
        answer = await one.report(request, next=Next.ITERATE, reason="again")
        kept = await history.find_report(report_id=request.report_id)
        assert stored(lease(one), request, answer, NOON) == kept


async def test_a_repeated_report_is_told_from_a_fresh_one(history: History, work: Make) -> None:
    one = work()
    names: dict[str, Any] = {"bead_uid": "uid-1", "namespace": "team", "bead": "fix-it"}
    answer = ReportAnswer(next=Next.DONE, iteration=1)
    told = [
        await history.commit_report(
            **names, claim_id=one.claim_id, request=one.request(), answer=answer, now=NOON
        )
        for _ in range(2)
    ]
    assert [committed.repeated for committed in told] == [False, True]


async def test_marks_go_together_while_the_history_is_busy(history: History, work: Make) -> None:
    one, gate, entered = work(), threading.Event(), threading.Event()
    await one.start()
    for number in range(1, 21):
        await one.report(one.request(number), next=Next.ITERATE)
    ids = [report.report_id for report in await history.unapplied_reports()]

    def hold(_: Session) -> None:
        entered.set()
        gate.wait(10)

    busy = asyncio.create_task(history.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    marks, writes = Marks(history), list[int]()
    real = history.mark_applied

    async def mark_applied(*, report_ids: list[str]) -> None:
        writes.append(len(report_ids))
        await real(report_ids=report_ids)

    history.mark_applied = mark_applied  # type: ignore[method-assign,assignment]
    for report_id in ids[:-1]:
        marks.add(report_id)
        await asyncio.sleep(0)
    assert ids[0] in marks
    gate.set()
    await busy
    while ids[0] in marks or ids[-2] in marks:
        await asyncio.sleep(0.01)
    assert [report.report_id for report in await history.unapplied_reports()] == ids[-1:]
    assert len(writes) == 2
    assert sum(writes) == 19


async def test_marks_wait_for_a_history_that_cannot_be_written(
    history: History, work: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringmaster_operator.claims.outbox.RETRY_SECONDS", 0.01)
    one, marks = work(), Marks(history)
    await one.start()
    await one.report(one.request())
    real, failures = history.mark_applied, iter(range(3))

    async def mark_applied(*, report_ids: list[str]) -> None:
        if next(failures, None) is not None:
            raise unavailable("here", "the disk is full")
        await real(report_ids=report_ids)

    history.mark_applied = mark_applied  # type: ignore[method-assign,assignment]
    marks.add(one.request().report_id)
    while one.request().report_id in marks:
        await asyncio.sleep(0.01)
    assert await history.unapplied_reports() == []
    assert next(failures, None) is None


def test_only_a_claim_of_this_process_is_known_whole(work: Make) -> None:
    adopted, granted = lease(work()), lease(work(), ours=True)
    assert adopted.may_know("r")
    assert not granted.may_know("r")
    granted.reports.add("r")
    assert granted.may_know("r")
