"""The writes of a report. A 2xx answer to a worker rests on this one transaction.

The row in `report` makes a repeated report harmless and, until it is marked as applied, is the outbox: what a
crash between this commit and the API server leaves undone is finished from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, select

from ringmaster_operator.evidence import Verdict
from ringmaster_operator.history.attempts import Attempt, reported, unseen_attempt
from ringmaster_operator.history.booking import book
from ringmaster_operator.history.capabilities import learn
from ringmaster_operator.history.costs import describe, of_iteration
from ringmaster_operator.history.errors import ReportConflict
from ringmaster_operator.history.lesson_uses import Learned, learn_lessons
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.records import Committed
from ringmaster_operator.history.saved import drop_work, save_work
from ringmaster_operator.history.spending import Account, booked_of
from ringmaster_operator.history.tables import IterationRow, ReportRow
from ringmaster_operator.history.usage import cleaned, keep_usage
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.costs import bill
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest

_INT32 = 2**31 - 1
_REPORT, _ITERATION = table(ReportRow), table(IterationRow)
_OPEN = {"applied": False, "refused": False, "refusal": ""}
_KEEP = Prepared(
    lambda insert: insert(_REPORT).on_conflict_do_nothing(index_elements=["report_id"]),
    gives=columns(_REPORT),
)
_RAN = Prepared(lambda insert: insert(_ITERATION).returning(_ITERATION.c.id), gives=columns(_ITERATION))
_APPLY = Prepared(
    lambda _: update(_REPORT).where(_REPORT.c.report_id == bindparam("its_id")).values(applied=True)
)


def commit_report(
    db: Session,
    *,
    bead_uid: str,
    namespace: str,
    bead: str,
    claim_id: str,
    request: ReportRequest,
    answer: ReportAnswer,
    counted: bool = True,
    granted: tuple[float, int] | None = None,
    verdicts: Sequence[Verdict] = (),
    rules: ConfidenceRules | None = None,
    account: Account | None = None,
    infrastructure_usd: float = 0.0,
    learned: Learned | None = None,
    now: datetime,
) -> Committed:
    """Keep report, iteration, usage and, unless it iterates, the attempt's end. Gives the first answer.

    granted is what the next iteration may use, (dollars, tokens); verdicts are what the report says of
    capabilities, by the rules of its project; infrastructure_usd is what the session's time cost; learned is
    what it says of lessons.

    Raises ReportConflict when another claim has used the report id.
    """
    kept = {
        "report_id": request.report_id,
        "claim_id": claim_id,
        "bead_uid": bead_uid,
        "fence": request.fence,
        "namespace": namespace,
        "bead": bead,
        "body": request.model_copy(update={"saved": None}).body(),
        "answer": answer.body(),
        "received_at": now,
    }
    if _KEEP.many(db, [_OPEN | kept]) == 0:
        return _known(db, request.report_id, claim_id)
    attempt = _attempt(db, kept, request, answer, counted=counted, granted=granted, now=now)
    iteration, usage = _iteration(attempt, request, now), cleaned(request.usage)
    describe(iteration, usage, model=attempt.model or "", infrastructure_usd=infrastructure_usd)
    iteration_id: int = _RAN.run(db, iteration).scalar_one()
    added = keep_usage(
        db,
        attempt=attempt,
        iteration_id=iteration_id,
        iteration_at=now,
        usage=usage,
        lump_usd=iteration["lump_usd"],
    )
    added.sums.add(now.date(), iteration["provider"], iteration["model"], of_iteration(iteration))
    book(
        db,
        source=request.report_id,
        claim_id=claim_id,
        bead_uid=bead_uid,
        namespace=namespace,
        bead=bead,
        worker=attempt.worker,
        account=account or Account(),
        usd=added.usd,
        tokens=added.tokens,
        sums=added.sums,
        now=now,
    )
    if request.pushed or answer.next is Next.DONE:
        drop_work(db, bead_uid=bead_uid)
    elif request.saved is not None:
        save_work(db, bead_uid=bead_uid, fence=request.fence, saved=request.saved, now=now)
    if verdicts:
        learn(
            db,
            attempt=attempt,
            report_id=request.report_id,
            verdicts=verdicts,
            rules=rules or ConfidenceRules(),
            now=now,
        )
    if learned is not None:
        ended = answer.next is not Next.ITERATE
        learn_lessons(db, learned=learned, fence=request.fence, ended=ended, now=now)
    return Committed(answer=answer, usd=added.usd, tokens=added.tokens)


def _known(db: Session, report_id: str, claim_id: str) -> Committed:
    known = db.exec(select(ReportRow).where(ReportRow.report_id == report_id)).one()
    if known.claim_id != claim_id:
        raise ReportConflict(
            f"report id {report_id} belongs to another claim; make a fresh id for every report"
        )
    return Committed(answer=ReportAnswer.read(known.answer), repeated=True)


def _attempt(
    db: Session,
    kept: Mapping[str, Any],
    request: ReportRequest,
    answer: ReportAnswer,
    *,
    counted: bool,
    granted: tuple[float, int] | None,
    now: datetime,
) -> Attempt:
    """The attempt, as it is after this report; made when its beginning was never recorded."""
    usd, tokens = granted or (None, None)
    goes_on = answer.next is Next.ITERATE
    told: dict[str, Any] = {
        "bead_uid": kept["bead_uid"],
        "fence": request.fence,
        "branch": request.branch,
        "commit": request.commit,
        "goes_on": {"iteration": answer.iteration, "granted_usd": usd, "granted_tokens": tokens}
        if goes_on
        else None,
        "ends": None if goes_on else _end(request.outcome, counted=counted, now=now),
    }
    attempt = reported(db, **told)
    if attempt is None:
        known = {name: kept[name] for name in ("bead_uid", "fence", "namespace", "bead", "claim_id")}
        known |= {"iteration": request.iteration, "started_at": request.started_at}
        unseen_attempt(db, known=known)
        attempt = reported(db, **told)
    if attempt is None:
        raise LookupError(f"the attempt of report {request.report_id} was just recorded, and is gone")
    return attempt


def _end(outcome: Outcome, *, counted: bool, now: datetime) -> dict[str, Any]:
    return {
        "ended_at": now,
        "kind": outcome.kind.value,
        "confidence": outcome.confidence,
        "reason": outcome.reason.value if outcome.reason else None,
        "summary": outcome.summary,
        "counted": counted,
    }


def _iteration(attempt: Attempt, request: ReportRequest, now: datetime) -> dict[str, Any]:
    code = request.exit_code
    return {
        "attempt_id": attempt.id,
        "report_id": request.report_id,
        "bead_uid": attempt.bead_uid,
        "namespace": attempt.namespace,
        "worker": attempt.worker,
        "iteration": request.iteration,
        "outcome": request.outcome.body(),
        "exit_code": code if code is None else max(-_INT32, min(code, _INT32)),
        "verify": [result.body() for result in request.verify],
        "reflexion": request.reflexion.body() if request.reflexion else None,
        "final_text": request.final_text,
        "branch": request.branch,
        "commit": request.commit,
        "agent_session": request.agent_session,
        "started_at": request.started_at,
        "finished_at": request.finished_at,
        "at": now,
        "reported_usd": request.usage.reported_usd,
    }


def refuse_report(
    db: Session,
    *,
    bead_uid: str,
    namespace: str,
    bead: str,
    claim_id: str,
    request: ReportRequest,
    reason: str,
    worker: str = "",
    account: Account | None = None,
    now: datetime,
) -> tuple[float, int]:
    """Keep a report that was not accepted, and why; once per report id and claim.

    What it used is spent all the same: returns the dollars and tokens that were not booked before, less than
    nothing where more was booked for the lost session than it had used.
    """
    key = f"{request.report_id}/refused/{claim_id}"  # a report id has no slash
    if db.exec(select(ReportRow.id).where(ReportRow.report_id == key)).first() is not None:
        return 0.0, 0
    db.add(
        ReportRow(
            report_id=key,
            claim_id=claim_id,
            bead_uid=bead_uid,
            fence=request.fence,
            namespace=namespace,
            bead=bead,
            body=request.body(),
            received_at=now,
            applied=True,
            refused=True,
            refusal=reason,
        )
    )
    heard = booked_of(db, claim_id=claim_id, iteration=request.iteration)
    if not bead_uid or heard is None:
        return 0.0, 0
    total = bill(request.usage)
    usd, tokens = total.usd - heard[0], total.tokens - heard[1]
    book(
        db,
        source=key,
        claim_id=claim_id,
        bead_uid=bead_uid,
        namespace=namespace,
        bead=bead,
        worker=worker,
        account=account or Account(),
        usd=usd,
        tokens=tokens,
        now=now,
    )
    return usd, tokens


def mark_applied(db: Session, *, report_ids: Collection[str]) -> None:
    """The beads' statuses show these reports: they leave the outbox."""
    if report_ids:
        _APPLY.many(db, [{"its_id": report_id} for report_id in report_ids])
