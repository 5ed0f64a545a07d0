"""How attempts ended, and at what: read once at start, for what later beads are compared with."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_
from sqlmodel import Session, col, select

from ringmaster_operator.history.cost_tables import CostTagRow, CostWorkRow
from ringmaster_operator.history.tables import AttemptRow, BeadRow
from ringmaster_operator.recall import Past, Traits, labelled, place, said

SUCCESSES = ("success", "likely_success")
FAILURES = ("failed", "likely_failed", "incomplete")


def past_attempts(db: Session, *, reasons: Collection[str], limit: int) -> dict[str, list[Past]]:
    """The last ended attempts of each namespace that say something of their agents, the oldest first.

    reasons: failures that do. Attempts at beads that the history has never seen are left out.
    """
    namespaces = db.exec(select(AttemptRow.namespace).distinct()).all()
    return {name: _of(db, name, reasons, limit) for name in namespaces}


def _of(db: Session, namespace: str, reasons: Collection[str], limit: int) -> list[Past]:
    kind, reason = col(AttemptRow.kind), col(AttemptRow.reason)
    rows = db.exec(
        select(AttemptRow, BeadRow, CostWorkRow)
        .join(BeadRow, col(BeadRow.uid) == col(AttemptRow.bead_uid))
        .join(CostWorkRow, col(CostWorkRow.claim_id) == col(AttemptRow.claim_id), isouter=True)
        .where(
            AttemptRow.namespace == namespace,
            col(AttemptRow.ended_at).is_not(None),
            col(AttemptRow.counted).is_(True) | kind.in_(SUCCESSES),
            kind.in_(SUCCESSES) | (kind.in_(FAILURES) & or_(reason.is_(None), reason.in_(reasons))),
        )
        .order_by(col(AttemptRow.id).desc())
        .limit(limit)
    ).all()
    labels = _labels(db, [work.id for *_, work in rows if work is not None])
    return [
        Past(
            bead_uid=row.bead_uid,
            fence=row.fence,
            arm=(row.profile, row.model or ""),
            success=row.kind in SUCCESSES,
            at=row.ended_at or row.started_at,
            traits=_traits(bead, work, labels),
        )
        for row, bead, work in reversed(rows)
    ]


def _traits(bead: BeadRow, work: CostWorkRow | None, labels: dict[int, frozenset[str]]) -> Traits:
    spec = bead.spec
    own = (spec.get("repository") or {}).get("url", "")
    return Traits(
        repository=place((work.repository if work is not None else "") or own),
        capabilities=frozenset(spec.get("capabilities") or ()),
        labels=labels.get(work.id, frozenset()) if work is not None else frozenset(),
        words=said(bead.title, spec.get("description") or ""),
    )


def _labels(db: Session, works: list[int]) -> dict[int, frozenset[str]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for start in range(0, len(works), 500):
        tags = select(CostTagRow.work_id, CostTagRow.name, CostTagRow.value).where(
            CostTagRow.kind == "label", col(CostTagRow.work_id).in_(works[start : start + 500])
        )
        for work, name, value in db.exec(tags):
            found.setdefault(work, []).append((name, value))
    return {work: labelled(items) for work, items in found.items()}
