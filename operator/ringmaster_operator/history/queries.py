"""The reads, as functions of a database session. They give plain values, never rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ringmaster_operator.history.prepared import table
from ringmaster_operator.history.records import AttemptSummary, StoredAttempt, StoredReport, StoredSession
from ringmaster_operator.history.tables import (
    AttemptRow,
    BeadRow,
    IterationRow,
    ReportRow,
    SessionRow,
    UsageRow,
)
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.prompt import CheckLog
from ringmaster_operator.resources.protocol import (
    PastIteration,
    Reflexion,
    ReportAnswer,
    ReportRequest,
    VerifyResult,
)
from ringmaster_operator.resources.reflexion import ReflexionSource

_LESSON = 2000
"""Characters of a lesson: it goes into the next prompt."""
_REFLEXIONS = 3
"""Last iterations whose reflexions are given in full."""
_TAIL = 600
"""Characters of one failed command's output in it."""
_ATTEMPT = table(AttemptRow)
_CLAIM = columns(*(_ATTEMPT.c[name] for name in StoredAttempt.__slots__)).where(
    _ATTEMPT.c.claim_id == bindparam("of_claim")
)


def find_report(db: Session, *, report_id: str) -> StoredReport | None:
    """The accepted report of this id."""
    row = db.exec(select(ReportRow).where(ReportRow.report_id == report_id)).first()
    return None if row is None or row.refused else _report(row)


def unapplied_reports(db: Session) -> list[StoredReport]:
    """The outbox, oldest first."""
    rows = db.exec(select(ReportRow).where(col(ReportRow.applied).is_(False)).order_by(col(ReportRow.id)))
    return [_report(row) for row in rows]


def _report(row: ReportRow) -> StoredReport:
    return StoredReport(
        report_id=row.report_id,
        bead_uid=row.bead_uid,
        namespace=row.namespace,
        bead=row.bead,
        claim_id=row.claim_id,
        request=ReportRequest.read(row.body),
        answer=ReportAnswer.read(row.answer),
        received_at=row.received_at,
        applied=row.applied,
    )


def find_claim(db: Session, *, claim_id: str) -> StoredAttempt | None:
    """The attempt that this claim began."""
    row = db.connection().execute(_CLAIM, {"of_claim": claim_id}).mappings().first()
    return None if row is None else StoredAttempt(**row)


def count_claims(db: Session) -> int:
    """How many claims there have ever been."""
    return db.exec(select(func.count()).select_from(AttemptRow)).one()


def claim_ids(db: Session, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Ids of claims by the numbers of their attempts, from the one after `after` on."""
    chosen = select(AttemptRow.id, AttemptRow.claim_id).where(col(AttemptRow.id) > after)
    rows = db.exec(chosen.order_by(col(AttemptRow.id)).limit(limit)).all()
    return [(int(number or 0), claim_id) for number, claim_id in rows]


def phases_of_beads(db: Session, *, namespace: str) -> dict[str, str | None]:
    """By uid, of the beads that are not deleted; an empty namespace means all."""
    there = select(BeadRow.uid, BeadRow.phase).where(col(BeadRow.deleted_at).is_(None))
    return dict(db.exec(there.where(BeadRow.namespace == namespace) if namespace else there).all())


def open_attempts(db: Session) -> list[StoredAttempt]:
    """All that have not ended, oldest first."""
    rows = db.exec(select(AttemptRow).where(col(AttemptRow.ended_at).is_(None)).order_by(col(AttemptRow.id)))
    return [_attempt(row) for row in rows]


def _attempt(row: AttemptRow) -> StoredAttempt:
    return StoredAttempt(**{name: getattr(row, name) for name in StoredAttempt.__slots__})


def iterations_of(
    db: Session, *, bead_uid: str, limit: int = 20, after_fence: int = 0
) -> list[PastIteration]:
    """The bead's last iterations of claims after a fence, oldest first, each with what is to be learned."""
    rows = db.exec(
        select(IterationRow, AttemptRow.attempt)
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(IterationRow.bead_uid == bead_uid, AttemptRow.fence > after_fence)
        .order_by(col(IterationRow.id).desc())
        .limit(limit)
    ).all()
    return [
        PastIteration(
            attempt=attempt,
            iteration=row.iteration,
            outcome=Outcome.read(row.outcome),
            lesson=lesson(row),
            commit=row.commit,
            reflexion=_own_words(row) if place < _REFLEXIONS else None,
        )
        for place, (row, attempt) in reversed(list(enumerate(rows)))
    ]


def _own_words(row: IterationRow) -> Reflexion | None:
    """The agent's own reflexion; what was derived from facts is told by the facts."""
    found = None if row.reflexion is None else Reflexion.read(row.reflexion)
    return None if found is None or found.source is ReflexionSource.DERIVED else found


def lesson(row: IterationRow) -> str:
    """The agent's own lesson; else what failed, with the end of its output; else how its last words began."""
    if row.reflexion is not None:
        learned = Reflexion.read(row.reflexion)
        text = " ".join(part for part in (learned.cause, learned.lesson) if part.strip())
        if text:
            return text[:_LESSON]
    results = [VerifyResult.read(result) for result in row.verify]
    failed = [
        f"`{result.command}` exited {result.exit_code}: {result.output.strip()[-_TAIL:]}".rstrip(": ")
        for result in results
        if result.exit_code != 0
    ]
    return ("\n".join(failed) or row.final_text.strip())[:_LESSON]


def failed_checks(db: Session, *, bead_uid: str, after_fence: int = 0) -> list[CheckLog]:
    """What failed in the bead's last iteration of a claim after a fence, with the end of its output."""
    row = db.exec(
        select(IterationRow)
        .join(AttemptRow, col(AttemptRow.id) == col(IterationRow.attempt_id))
        .where(IterationRow.bead_uid == bead_uid, AttemptRow.fence > after_fence)
        .order_by(col(IterationRow.id).desc())
        .limit(1)
    ).first()
    results = [VerifyResult.read(result) for result in row.verify] if row else []
    return [
        CheckLog(command=result.command, exit_code=result.exit_code, output=result.output)
        for result in results
        if result.exit_code != 0
    ]


def agent_session_of(db: Session, *, bead_uid: str) -> str | None:
    """The agent's own id of its last conversation about the bead."""
    return db.exec(
        select(IterationRow.agent_session)
        .where(IterationRow.bead_uid == bead_uid, IterationRow.agent_session != "")
        .order_by(col(IterationRow.id).desc())
        .limit(1)
    ).first()


def _usd() -> ColumnElement[Any]:
    """A request's price: from the table, else the agent's own figure."""
    return func.coalesce(col(UsageRow.computed_usd), col(UsageRow.reported_usd))


def session(db: Session, *, namespace: str, worker: str, name: str) -> StoredSession | None:
    """What is remembered of a session."""
    row = db.exec(
        select(SessionRow).where(
            SessionRow.namespace == namespace, SessionRow.worker == worker, SessionRow.name == name
        )
    ).first()
    if row is None:
        return None
    return StoredSession(**{field: getattr(row, field) for field in StoredSession.__slots__})


def outcome_counts(db: Session, *, namespace: str) -> dict[str, int]:
    """Ended attempts by how they ended."""
    rows = db.exec(
        select(AttemptRow.kind, func.count())
        .where(AttemptRow.namespace == namespace, col(AttemptRow.kind).is_not(None))
        .group_by(col(AttemptRow.kind))
    )
    return {str(kind): int(count) for kind, count in rows}


def attempts_of(db: Session, *, bead_uid: str) -> list[AttemptSummary]:
    """The bead's attempts in order, with their sums."""
    return summaries(db, col(AttemptRow.bead_uid) == bead_uid)


def attempts_in(db: Session, *, namespace: str) -> list[AttemptSummary]:
    """All attempts of a namespace in order of their start, with their sums."""
    return summaries(db, col(AttemptRow.namespace) == namespace)


def summaries(db: Session, chosen: ColumnElement[bool]) -> list[AttemptSummary]:
    """The chosen attempts in order, with their sums."""
    attempts = db.exec(select(AttemptRow).where(chosen).order_by(col(AttemptRow.id))).all()
    ids = select(AttemptRow.id).where(chosen)
    ran = columns(
        col(IterationRow.attempt_id),
        func.count().label("iterations"),
        func.sum(IterationRow.lump_usd).label("lump"),
    )
    used = columns(
        col(UsageRow.attempt_id),
        func.sum(UsageRow.input_tokens).label("input"),
        func.sum(UsageRow.cache_read_tokens).label("cached"),
        func.sum(UsageRow.output_tokens).label("output"),
        func.sum(_usd()).label("usd"),
        func.sum(UsageRow.requests).filter(_usd().is_(None)).label("unpriced"),
    )
    sums: dict[int, dict[str, Any]] = {}
    for sum_, key in ((ran, col(IterationRow.attempt_id)), (used, col(UsageRow.attempt_id))):
        for row in db.connection().execute(sum_.where(key.in_(ids)).group_by(key)).mappings():
            sums.setdefault(row["attempt_id"], {}).update(row)
    return [_summary(attempt, sums.get(attempt.id, {})) for attempt in attempts]


def _summary(attempt: AttemptRow, sums: dict[str, Any]) -> AttemptSummary:
    return AttemptSummary(
        attempt=_attempt(attempt),
        branch=attempt.branch,
        commit=attempt.commit,
        iterations=int(sums.get("iterations") or 0),
        input_tokens=int(sums.get("input") or 0),
        cached_input_tokens=int(sums.get("cached") or 0),
        output_tokens=int(sums.get("output") or 0),
        usd=float(sums.get("usd") or 0) + float(sums.get("lump") or 0),
        unpriced_requests=int(sums.get("unpriced") or 0),
    )
