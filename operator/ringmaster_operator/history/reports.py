"""The writes of a report. A 2xx answer to a worker rests on this one transaction.

The row in `report` makes a repeated report harmless and, until it is marked as applied, is the outbox: what a
crash between this commit and the API server leaves undone is finished from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, false, literal_column, update
from sqlmodel import Session, select

from ringmaster_operator.history.attempts import known_claim, reported, unseen_attempt
from ringmaster_operator.history.booking import book, book_reports
from ringmaster_operator.history.capabilities import learn
from ringmaster_operator.history.costs import of_iteration
from ringmaster_operator.history.errors import ClaimConflict, HistoryError, HistoryUnavailable, ReportConflict
from ringmaster_operator.history.lesson_uses import learn_lessons
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.records import Committed
from ringmaster_operator.history.report_lookup import Seen, look
from ringmaster_operator.history.report_rows import (
    Report,
    entry_of,
    iteration_row,
    judged_of,
    report_row,
    told_of,
    unseen_row,
)
from ringmaster_operator.history.saved import drop_work, save_work
from ringmaster_operator.history.spending import Account, booked_of
from ringmaster_operator.history.tables import IterationRow, ReportRow
from ringmaster_operator.history.usage import keep_usage
from ringmaster_operator.resources.costs import bill
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest

_REPORT, _ITERATION = table(ReportRow), table(IterationRow)
_FRESH = {"applied": false(), "refused": false(), "refusal": literal_column("''")}
_KEEP = Prepared(
    lambda insert: insert(_REPORT).values(_FRESH).on_conflict_do_nothing(index_elements=["report_id"]),
    gives=columns(_REPORT, without=tuple(_FRESH)),
)
_RAN = Prepared(lambda insert: insert(_ITERATION), gives=columns(_ITERATION, without=()))
_APPLY = Prepared(
    lambda _: update(_REPORT).where(_REPORT.c.report_id == bindparam("its_id")).values(applied=True)
)


def commit_reports(db: Session, reports: Sequence[Report]) -> list[Committed | HistoryError]:
    """Keep reports, iterations, usage and, of those that do not iterate, the attempts' ends.

    Gives the first answer to each, or ReportConflict when another claim has used its report id, or
    ClaimConflict when another bead was claimed under its claim id.
    """
    results: list[Committed | HistoryError] = []
    for some in _apart(reports):
        results += _commit(db, some)
        db.flush()
        db.expunge_all()  # the next ones' statements go round the session
    return results


def _apart(reports: Sequence[Report]) -> Iterable[Sequence[Report]]:
    """In their order, so that no two that are kept together are of one report id, claim or bead."""
    ids, claims, beads = set[str](), set[str](), set[str]()
    some = list[Report]()
    for report in reports:
        if report.request.report_id in ids or report.claim_id in claims or report.bead_uid in beads:
            yield some
            some = []
            for names in (ids, claims, beads):
                names.clear()
        some.append(report)
        ids.add(report.request.report_id)
        claims.add(report.claim_id)
        beads.add(report.bead_uid)
    yield some


def _commit(db: Session, reports: Sequence[Report]) -> Iterable[Committed | HistoryError]:
    about = ((each.request.report_id, each.claim_id, each.bead_uid, each.request.fence) for each in reports)
    seen = look(db, about)
    foreign = _foreign(db, reports, seen)
    taken = (each for each in reports if each.request.report_id not in foreign)
    fresh = [(each, known) for each in taken if not (known := seen[each.request.report_id]).known]
    kept = dict(zip((each.request.report_id for each, _ in fresh), _keep(db, fresh), strict=True))
    for each in reports:
        new = kept.get(each.request.report_id) or foreign.get(each.request.report_id)
        yield new or _known(db, each.request.report_id, each.claim_id)


def _foreign(db: Session, reports: Sequence[Report], seen: Mapping[str, Seen]) -> dict[str, ClaimConflict]:
    """Those whose attempt would be a second one under its claim's id; by report id."""
    return {
        each.request.report_id: ClaimConflict(
            "a claim on another bead had this id before; the bead goes back, claim with a fresh id"
        )
        for each in reports
        if (known := seen[each.request.report_id]).attempt is None
        and not known.known
        and known_claim(db, each.claim_id)
    }


def _known(db: Session, report_id: str, claim_id: str) -> Committed | HistoryError:
    known = db.exec(select(ReportRow).where(ReportRow.report_id == report_id)).one()
    if known.claim_id != claim_id:
        return ReportConflict(
            f"report id {report_id} belongs to another claim; make a fresh id for every report"
        )
    return Committed(answer=ReportAnswer.read(known.answer), repeated=True)


def _keep(db: Session, fresh: Sequence[tuple[Report, Seen]]) -> list[Committed]:
    """All rows of reports that are not known, table by table."""
    if not fresh:
        return []
    if _KEEP.many(db, [report_row(report, seen) for report, seen in fresh]) < len(fresh):
        raise HistoryUnavailable("another operator keeps this report just now; send it again")
    kept = [
        (report, seen, seen.attempt or unseen_attempt(db, known=unseen_row(report))) for report, seen in fresh
    ]
    reported(db, (told_of(*each) for each in kept))
    ran = [iteration_row(*each) for each in kept]
    _RAN.many(db, [iteration for iteration, _ in ran])
    added = keep_usage(db, [used for _, used in ran])
    for (iteration, used), new in zip(ran, added, strict=True):
        new.sums.add(used.at.date(), iteration["provider"], iteration["model"], of_iteration(iteration))
    book_reports(db, [entry_of(*each, new) for each, new in zip(kept, added, strict=True)])
    learnt = learn(db, (judged_of(report, attempt) for report, _, attempt in kept if report.verdicts))
    for report, seen, _ in kept:
        _follow(db, report, seen)
    return [
        Committed(
            answer=report.answer,
            usd=new.usd,
            tokens=new.tokens,
            learnt=learnt.get(report.request.report_id, ()),
        )
        for (report, _), new in zip(fresh, added, strict=True)
    ]


def _follow(db: Session, report: Report, seen: Seen) -> None:
    """What few reports have."""
    request, now = report.request, report.now
    if request.pushed or report.answer.next is Next.DONE:
        if seen.saved:
            drop_work(db, bead_uid=report.bead_uid)
    elif request.saved is not None:
        save_work(db, bead_uid=report.bead_uid, fence=request.fence, saved=request.saved, now=now)
    if report.learned is not None:
        ended = not report.goes_on
        learn_lessons(db, learned=report.learned, fence=request.fence, ended=ended, now=now)
        db.flush()  # the next one's statements go round the session


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
    booked_as: str | None = None,
    now: datetime,
) -> tuple[float, int]:
    """Keep a report that was not accepted, and why; once per report id and claim.

    What it used is spent all the same: returns the dollars and tokens that were not booked before, less than
    nothing where more was booked for the lost session than it had used. `booked_as` is the claim that it is
    booked for, where its own id is that of another bead's claim.
    """
    payer = booked_as or claim_id
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
    heard = booked_of(db, claim_id=payer, iteration=request.iteration)
    if not bead_uid or heard is None:
        return 0.0, 0
    total = bill(request.usage)
    usd, tokens = total.usd - heard[0], total.tokens - heard[1]
    book(
        db,
        source=key,
        claim_id=payer,
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
