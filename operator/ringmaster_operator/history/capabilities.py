"""Reads and writes of what was learned of capabilities.

An outcome is added in the transaction of its report: a repeated report adds nothing, and none is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_
from sqlmodel import Session, col, select

from ringmaster_operator.evidence import Evidence, Subject, Verdict, posterior
from ringmaster_operator.history.attempts import Attempt
from ringmaster_operator.history.capability_tables import CapabilityChangeRow, CapabilityRow
from ringmaster_operator.history.prepared import Insert, Keys, Lookup, Prepared, columns, table
from ringmaster_operator.history.records import CapabilityChange, Learnt
from ringmaster_operator.resources.project import ConfidenceRules

_PARTS = ("namespace", "worker", "profile", "model", "capability")
_EVIDENCE = tuple(Evidence.__dataclass_fields__)
_STATE, _CHANGE = table(CapabilityRow), table(CapabilityChangeRow)


@dataclass(slots=True)
class Judged:
    """The end of an attempt, and what it says of capabilities."""

    attempt: Attempt
    report_id: str
    verdicts: Sequence[Verdict]
    rules: ConfidenceRules
    now: datetime

    def subject(self, verdict: Verdict) -> Subject:
        of = self.attempt
        return (of.namespace, of.worker, of.profile, of.model or "", verdict.capability)


def _of_subjects(keys: Keys) -> Any:
    same = (_STATE.c[name] == keys.text(place) for place, name in enumerate(_PARTS))
    names = (*_PARTS, *_EVIDENCE)
    return select(*(_STATE.c[name] for name in names)).select_from(keys.rows.join(_STATE, and_(*same)))


def _kept(insert: Insert) -> Any:
    made = insert(_STATE)
    changed = {name: made.excluded[name] for name in _EVIDENCE}
    return made.on_conflict_do_update(index_elements=list(_PARTS), set_=changed)


_FIND = Lookup(_of_subjects)
_KEEP = Prepared(_kept, gives=columns(_STATE))
_TELL = Prepared(lambda insert: insert(_CHANGE), gives=columns(_CHANGE))


def learn(db: Session, judged: Iterable[Judged]) -> dict[str, list[Learnt]]:
    """Add what the ends of attempts say of capabilities, in their order; what is known after each report."""
    told = [
        (each, verdict, each.subject(verdict))
        for each in judged
        if each.attempt.worker  # who worked it was never recorded: nobody's merit
        for verdict in each.verdicts
    ]
    if not told:
        return {}
    subjects = dict.fromkeys(subject for _, _, subject in told)
    known = {row[:5]: row[5:] for row in _FIND.find(db, list(subjects))}
    state = {subject: Evidence(**_named(_EVIDENCE, known.get(subject, ()))) for subject in subjects}
    changes, by_report = list[dict[str, Any]](), dict[str, list[Learnt]]()
    for each, verdict, subject in told:
        state[subject] = evidence = state[subject].added(
            success=verdict.success,
            weight=verdict.weight,
            now=each.now,
            half_life_days=each.rules.half_life_days,
        )
        changes.append(_change(each, verdict, subject, evidence))
        by_report.setdefault(each.report_id, []).append((subject, evidence))
    _KEEP.many(db, [_parts(subject) | asdict(evidence) for subject, evidence in state.items()])
    _TELL.many(db, changes)
    return by_report


def _named(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Nothing where there are no values."""
    return dict(zip(names, values, strict=True)) if values else {}


def _change(judged: Judged, verdict: Verdict, subject: Subject, evidence: Evidence) -> dict[str, Any]:
    return _parts(subject) | {
        "at": judged.now,
        "cause": "outcome",
        "success": verdict.success,
        "weight": verdict.weight,
        "confidence": posterior(evidence, prior=verdict.prior, strength=judged.rules.prior_strength),
        "override": None,
        "bead_uid": judged.attempt.bead_uid,
        "bead": judged.attempt.bead,
        "report_id": judged.report_id,
        "person": "",
    }


def reset_capability(
    db: Session, *, subject: Subject, trigger: str, declared: float, now: datetime, person: str = ""
) -> None:
    """Forget what was learned. Again for the same trigger: nothing changes."""
    row = _row(db, subject)
    if row.last_reset == trigger:
        return
    row.sqlmodel_update(asdict(_evidence(row).reset(trigger)))
    parts = _parts(subject)
    db.add(CapabilityChangeRow(**parts, at=now, cause="reset", confidence=declared, person=person))


def note_override(
    db: Session,
    *,
    subject: Subject,
    override: float | None,
    confidence: float,
    now: datetime,
    person: str = "",
) -> None:
    """Keep that a person set (or with None took away) an override; the evidence stays as it is."""
    parts = _parts(subject)
    change = CapabilityChangeRow(
        **parts, at=now, cause="override", confidence=confidence, override=override, person=person
    )
    db.add(change)


def evidence_of(
    db: Session, *, namespace: str | None = None, worker: str | None = None
) -> list[tuple[Subject, Evidence]]:
    """Everything that is known, or of one namespace, or of one Worker with whatever agents it ran."""
    chosen = select(CapabilityRow)
    if namespace is not None:
        chosen = chosen.where(CapabilityRow.namespace == namespace)
    if worker is not None:
        chosen = chosen.where(CapabilityRow.worker == worker)
    return [
        ((row.namespace, row.worker, row.profile, row.model, row.capability), _evidence(row))
        for row in db.exec(chosen.order_by(col(CapabilityRow.id)))
    ]


def capability_changes(
    db: Session,
    *,
    namespace: str,
    capability: str,
    worker: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[CapabilityChange]:
    """How the confidences in a capability came about, the newest first; `before` is the id to go on from."""
    chosen = select(CapabilityChangeRow).where(
        CapabilityChangeRow.namespace == namespace, CapabilityChangeRow.capability == capability
    )
    if worker is not None:
        chosen = chosen.where(CapabilityChangeRow.worker == worker)
    if before is not None:
        chosen = chosen.where(CapabilityChangeRow.id < before)
    rows = db.exec(chosen.order_by(col(CapabilityChangeRow.id).desc()).limit(limit))
    return [
        CapabilityChange(**{name: getattr(row, name) for name in CapabilityChange.__slots__}) for row in rows
    ]


def _parts(subject: Subject) -> dict[str, Any]:
    """The columns that name a subject."""
    return dict(zip(_PARTS, subject, strict=True))


def _row(db: Session, subject: Subject) -> CapabilityRow:
    """The subject's row; a new one when there is none."""
    parts = _parts(subject)
    row = db.exec(select(CapabilityRow).filter_by(**parts)).first()
    if row is None:
        row = CapabilityRow(**parts)
        db.add(row)
    return row


def _evidence(row: CapabilityRow) -> Evidence:
    return Evidence(**{name: getattr(row, name) for name in _EVIDENCE})
