"""What was finished, day by day."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sqlmodel import Session, col, select

from ringmaster_operator.history.tables import BeadRow
from ringmaster_operator.resources.bead import BeadType, Phase


def finished_since(db: Session, *, namespace: str, since: date) -> dict[tuple[date, Phase], int]:
    """Beads by the day (UTC) on which they finished and how; without decisions, with deleted ones."""
    at = col(BeadRow.status)["finishedAt"].as_string()
    rows = db.exec(
        select(BeadRow.phase, at).where(
            BeadRow.namespace == namespace,
            col(BeadRow.phase).in_([Phase.SUCCEEDED.value, Phase.FAILED.value]),
            BeadRow.type != BeadType.DECISION.value,
            at >= since.isoformat(),
        )
    )
    return dict(Counter((date.fromisoformat(str(day)[:10]), Phase(str(phase))) for phase, day in rows))
