"""A report: kept once, answered the same for ever, in the outbox until applied."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import Session, func, select, text

from ringmaster_operator.history import ClaimConflict, History, ReportConflict
from ringmaster_operator.history.tables import AttemptRow, IterationRow, ReportRow, Table, UsageRow
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import (
    ModelUsage,
    Next,
    ReportAnswer,
    ReportRequest,
    Usage,
    VerifyResult,
)

from .conftest import NOON, Work

Make = Callable[..., Work]


async def counts(history: History, *tables: type[Table]) -> list[int]:
    def count(db: Session) -> list[int]:
        return [db.exec(select(func.count()).select_from(table)).one() for table in tables]

    return await history.read(count)


async def test_a_final_report_ends_the_attempt(history: History, work: Make) -> None:
    one = work()
    await one.start()
    outcome = Outcome(
        kind=OutcomeKind.FAILED, confidence=0.7, summary="no", reason=Reason.VERIFICATION_FAILED
    )
    answer = await one.report(
        one.request(outcome=outcome, branch="ringmaster/x", commit="abc"), next=Next.STOP
    )
    assert answer.next is Next.STOP
    stored = await history.find_claim(claim_id=one.claim_id)
    assert stored is not None
    assert (stored.kind, stored.reason, stored.summary) == ("failed", "VerificationFailed", "no")
    assert stored.ended_at == NOON
    assert stored.counted
    assert await history.open_attempts() == []
    [summary] = await history.attempts_of(bead_uid=one.uid)
    assert (summary.branch, summary.commit, summary.iterations) == ("ringmaster/x", "abc", 1)


async def test_an_iteration_keeps_the_attempt_open(history: History, work: Make) -> None:
    one = work()
    await one.start()
    await one.report(one.request(1), next=Next.ITERATE)
    [running] = await history.open_attempts()
    assert (running.iteration, running.ended_at, running.kind) == (2, None, None)
    await one.report(one.request(2), next=Next.DONE, counted=False)
    assert await history.open_attempts() == []
    ended = await history.find_claim(claim_id=one.claim_id)
    assert ended is not None
    assert not ended.counted
    assert await counts(history, AttemptRow, IterationRow, ReportRow) == [1, 2, 2]


async def test_a_repeated_report_changes_nothing_and_gets_the_first_answer(
    history: History, work: Make
) -> None:
    one = work()
    await one.start()
    usage = Usage(requests=[ModelUsage(position="1", input_tokens=10, computed_usd=1.0)])
    first = await one.report(one.request(usage=usage), next=Next.STOP, reason="first")
    again = await one.report(one.request(usage=usage, final_text="other"), next=Next.DONE, reason="second")
    assert again == first
    assert await counts(history, AttemptRow, IterationRow, ReportRow, UsageRow) == [1, 1, 1, 1]
    spent = await history.spent_today(namespace=one.namespace, now=NOON)
    assert (spent.usd, spent.tokens) == (1.0, 10)
    stored = await history.find_report(report_id=one.request().report_id)
    assert stored is not None
    assert stored.request.final_text == ""
    assert stored.answer == first


async def test_sixteen_at_once_are_one(history: History, work: Make) -> None:
    one = work()
    await one.start()
    answers = await asyncio.gather(
        *(one.report(one.request(), next=Next.STOP, reason=str(number)) for number in range(16))
    )
    assert len({answer.reason for answer in answers}) == 1
    assert await counts(history, IterationRow, ReportRow) == [1, 1]


async def test_a_report_id_of_another_claim_is_refused(history: History, work: Make) -> None:
    one, other = work(), work(uid="uid-2")
    await one.report(one.request())
    with pytest.raises(ReportConflict, match="fresh id"):
        await other.report(other.request(report_id=one.request().report_id))
    assert await counts(history, AttemptRow, IterationRow, ReportRow) == [1, 1, 1]


async def test_the_outbox_is_in_the_order_of_arrival(history: History, work: Make) -> None:
    one = work()
    await one.start()
    for number in (3, 1, 2):
        await one.report(one.request(number), next=Next.ITERATE)
    waiting = await history.unapplied_reports()
    assert [stored.request.iteration for stored in waiting] == [3, 1, 2]
    assert {(stored.bead_uid, stored.namespace, stored.bead, stored.claim_id) for stored in waiting} == {
        (one.uid, one.namespace, one.bead, one.claim_id)
    }
    await history.mark_applied(report_ids=[waiting[1].report_id])
    assert [stored.request.iteration for stored in await history.unapplied_reports()] == [3, 2]
    applied = await history.find_report(report_id=waiting[1].report_id)
    assert applied is not None
    assert applied.applied


async def test_a_refused_report_is_kept_apart(history: History, work: Make) -> None:
    old, new = work(fence=1), work(fence=2)
    request = old.request()
    for _ in range(3):
        await history.refuse_report(
            bead_uid=old.uid,
            namespace=old.namespace,
            bead=old.bead,
            claim_id=old.claim_id,
            request=request,
            reason="fence 1 is over: 2 works on it",
            now=NOON,
        )
    assert await history.find_report(report_id=request.report_id) is None
    assert await history.unapplied_reports() == []
    assert await counts(history, ReportRow, IterationRow) == [1, 0]
    accepted = await new.report(new.request(report_id=request.report_id), next=Next.DONE)
    assert accepted.next is Next.DONE
    rows = await history.read(
        lambda db: [(row.refused, row.refusal) for row in db.exec(select(ReportRow).order_by("id"))]
    )
    assert rows == [(True, "fence 1 is over: 2 works on it"), (False, "")]


async def test_a_report_of_an_unrecorded_claim_is_kept(history: History, work: Make) -> None:
    one = work()
    await one.report(one.request(), next=Next.ITERATE)
    await one.start()  # the operator catches up
    stored = await history.find_claim(claim_id=one.claim_id)
    assert stored is not None
    assert (stored.worker, stored.attempt, stored.iteration) == ("builders", 1, 2)
    assert len(await history.iterations_of(bead_uid=one.uid)) == 1


HOSTILE = ["nul \x00 in it", "\U0001f642 \u202e bidi", "\x1b[31mred", "'; DROP TABLE report; --", "x" * 65536]


@pytest.mark.parametrize("text", HOSTILE, ids=["nul", "unicode", "escape", "sql", "long"])
async def test_no_text_of_an_agent_loses_a_report(history: History, work: Make, text: str) -> None:
    one = work()
    await one.start()
    fields: dict[str, Any] = {
        "final_text": text,
        "agent_session": text[:200],
        "outcome": Outcome(kind=OutcomeKind.FAILED, summary=text[:4000]),
        "verify": [VerifyResult(command=text[:4000], exit_code=2**40, seconds=1, output=text[:16384])],
        "usage": Usage(
            requests=[ModelUsage(position=text[:100], model=text[:100])], price_version=text[:200]
        ),
        "exit_code": -(2**70),
    }
    await one.report(one.request(**fields))
    await one.report(one.request(2, **fields))  # the same position again
    assert await counts(history, IterationRow, UsageRow) == [2, 1]
    [first, _] = await history.iterations_of(bead_uid=one.uid)
    assert first.outcome.kind is OutcomeKind.FAILED


@pytest.mark.parametrize(
    "field",
    [
        '"iteration": 1e30',
        '"fence": 99999999999999999999',
        '"usage": {"reportedUsd": 1e999}',
        '"usage": {"reportedUsd": 1000001}',
        '"usage": {"requests": [{"position": "1", "computedUsd": 1000001}]}',
        '"usage": {"requests": [{"position": "1", "reportedUsd": 1000001}]}',
    ],
)
def test_numbers_that_no_database_keeps_are_refused_before(field: str) -> None:
    body = {"reportId": "r" * 8, "fence": 1, "iteration": 1, "outcome": {"kind": "success"}}
    body |= {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z"}
    text = json.dumps(body)
    ReportRequest.model_validate_json(text)
    with pytest.raises(ValidationError):
        ReportRequest.model_validate_json(text[:-1] + f", {field}}}")


COSTS = "SELECT w.bead, u.usd, u.tokens FROM cost_use u JOIN cost_work w ON w.id = u.work_id ORDER BY w.bead"


async def test_a_report_under_the_claim_of_another_bead_leaves_that_one_as_it_is(
    history: History, work: Make
) -> None:
    one, other = work(), work(uid="uid-2", bead="other")
    usage = Usage(requests=[ModelUsage(position="1", input_tokens=10, computed_usd=1.0)])
    await one.start()
    await one.report(one.request(usage=usage))
    tables = (AttemptRow, IterationRow, ReportRow, UsageRow)
    before = await counts(history, *tables), await history.find_claim(claim_id=one.claim_id)
    about: dict[str, Any] = {
        "bead_uid": other.uid,
        "namespace": other.namespace,
        "bead": other.bead,
        "claim_id": one.claim_id,
        "now": NOON,
    }
    report = other.request(usage=Usage(requests=[ModelUsage(position="1", input_tokens=5, computed_usd=2.0)]))
    for _ in range(2):
        with pytest.raises(ClaimConflict, match="claim with a fresh id"):
            await history.commit_report(
                request=report, answer=ReportAnswer(next=Next.DONE, iteration=1), **about
            )
    assert (await counts(history, *tables), await history.find_claim(claim_id=one.claim_id)) == before
    refuse = {"request": report, "reason": "no", "booked_as": f"{one.claim_id}/{other.uid}", **about}
    assert await history.refuse_report(**refuse) == (2.0, 5)
    assert await history.refuse_report(**refuse) == (0.0, 0)
    costs = await history.read(lambda db: [tuple(row) for row in db.connection().execute(text(COSTS))])
    assert costs == [("fix-it", 1.0, 10), ("other", 2.0, 5)]
    assert await history.find_claim(claim_id=one.claim_id) == before[1]
