"""The writes of a report. A 2xx answer to a worker rests on this one transaction.

The row in `report` makes a repeated report harmless and, until it is marked as applied, is the outbox: what a
crash between this commit and the API server leaves undone is finished from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from ringmaster_operator.evidence import Verdict
from ringmaster_operator.history.booking import book
from ringmaster_operator.history.capabilities import learn
from ringmaster_operator.history.costs import describe, of_iteration
from ringmaster_operator.history.errors import ReportConflict
from ringmaster_operator.history.lesson_uses import Learned, learn_lessons
from ringmaster_operator.history.recorder import attempt_of
from ringmaster_operator.history.records import Committed
from ringmaster_operator.history.saved import drop_work, save_work
from ringmaster_operator.history.spending import Account, booked_of, give
from ringmaster_operator.history.tables import AttemptRow, IterationRow, ReportRow
from ringmaster_operator.history.usage import keep_usage
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.costs import bill
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest

_INT32 = 2**31 - 1


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
    known = db.exec(select(ReportRow).where(ReportRow.report_id == request.report_id)).first()
    if known is not None:
        if known.claim_id != claim_id:
            raise ReportConflict(
                f"report id {request.report_id} belongs to another claim; make a fresh id for every report"
            )
        return Committed(answer=ReportAnswer.read(known.answer))
    db.add(
        ReportRow(
            report_id=request.report_id,
            claim_id=claim_id,
            bead_uid=bead_uid,
            fence=request.fence,
            namespace=namespace,
            bead=bead,
            body=request.model_copy(update={"saved": None}).body(),
            answer=answer.body(),
            received_at=now,
        )
    )
    db.flush()
    attempt = attempt_of(db, bead_uid, request.fence)
    if attempt is None:  # the operator died between granting the claim and recording it
        attempt = _unseen_attempt(bead_uid, namespace, bead, claim_id, request)
        db.add(attempt)
        db.flush()
    iteration = _iteration(attempt, request, now)
    db.add(iteration)
    db.flush()
    added = keep_usage(db, attempt=attempt, iteration=iteration, usage=request.usage)
    iteration.lump_usd = added.lump_usd
    describe(iteration, request.usage, model=attempt.model or "", infrastructure_usd=infrastructure_usd)
    added.sums.add(now.date(), iteration.provider, iteration.model, of_iteration(iteration))
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
    attempt.branch, attempt.commit = request.branch or attempt.branch, request.commit or attempt.commit
    if answer.next is Next.ITERATE:
        attempt.iteration = answer.iteration
        give(attempt, granted)
    elif attempt.ended_at is None:
        _end(attempt, request.outcome, counted=counted, now=now)
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


def _end(attempt: AttemptRow, outcome: Outcome, *, counted: bool, now: datetime) -> None:
    attempt.ended_at, attempt.kind, attempt.confidence = now, outcome.kind.value, outcome.confidence
    attempt.reason = outcome.reason.value if outcome.reason else None
    attempt.summary, attempt.counted = outcome.summary, counted


def _unseen_attempt(
    bead_uid: str, namespace: str, bead: str, claim_id: str, request: ReportRequest
) -> AttemptRow:
    return AttemptRow(
        bead_uid=bead_uid,
        fence=request.fence,
        namespace=namespace,
        bead=bead,
        claim_id=claim_id,
        worker="",
        session="",
        profile="",
        attempt=0,
        iteration=request.iteration,
        started_at=request.started_at,
    )


def _iteration(attempt: AttemptRow, request: ReportRequest, now: datetime) -> IterationRow:
    code = request.exit_code
    return IterationRow(
        attempt_id=attempt.id,
        report_id=request.report_id,
        bead_uid=attempt.bead_uid,
        namespace=attempt.namespace,
        worker=attempt.worker,
        iteration=request.iteration,
        outcome=request.outcome.body(),
        exit_code=code if code is None else max(-_INT32, min(code, _INT32)),
        verify=[result.body() for result in request.verify],
        reflexion=request.reflexion.body() if request.reflexion else None,
        final_text=request.final_text,
        branch=request.branch,
        commit=request.commit,
        agent_session=request.agent_session,
        started_at=request.started_at,
        finished_at=request.finished_at,
        at=now,
        reported_usd=request.usage.reported_usd,
    )


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


def mark_applied(db: Session, *, report_id: str) -> None:
    """The bead's status shows the report: it leaves the outbox."""
    row = db.exec(select(ReportRow).where(ReportRow.report_id == report_id)).first()
    if row is not None:
        row.applied = True
