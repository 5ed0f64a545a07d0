"""Reads and writes of what was learned of capabilities.

An outcome is added in the transaction of its report: a repeated report adds nothing, and none is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from ringmaster_operator.evidence import Evidence, Subject, Verdict, posterior
from ringmaster_operator.history.attempts import Attempt
from ringmaster_operator.history.capability_tables import CapabilityChangeRow, CapabilityRow
from ringmaster_operator.history.records import CapabilityChange
from ringmaster_operator.resources.project import ConfidenceRules

_PARTS = ("namespace", "worker", "profile", "model", "capability")
_EVIDENCE = tuple(Evidence.__dataclass_fields__)


def learn(
    db: Session,
    *,
    attempt: Attempt,
    report_id: str,
    verdicts: Sequence[Verdict],
    rules: ConfidenceRules,
    now: datetime,
) -> None:
    """Add what the end of an attempt says of capabilities."""
    for verdict in verdicts if attempt.worker else ():  # who worked it was never recorded: nobody's merit
        subject = (
            attempt.namespace,
            attempt.worker,
            attempt.profile,
            attempt.model or "",
            verdict.capability,
        )
        row = _row(db, subject)
        evidence = _evidence(row).added(
            success=verdict.success,
            weight=verdict.weight,
            now=now,
            half_life_days=rules.half_life_days,
        )
        row.sqlmodel_update(asdict(evidence))
        confidence = posterior(evidence, prior=verdict.prior, strength=rules.prior_strength)
        change = CapabilityChangeRow(
            **_parts(subject),
            at=now,
            cause="outcome",
            success=verdict.success,
            weight=verdict.weight,
            confidence=confidence,
            bead_uid=attempt.bead_uid,
            bead=attempt.bead,
            report_id=report_id,
        )
        db.add(change)


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
