"""Usage rows: what a request used counts once, however often it is reported.

Agents repeat their figures (per content block, in a resumed transcript); a row is known by its position
within the attempt, and of two readings the larger is kept.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.tables import AttemptRow, IterationRow, UsageRow
from ringmaster_operator.resources.protocol import ModelUsage, Usage


def _size(reading: ModelUsage | UsageRow) -> tuple[int, float]:
    return (
        reading.input_tokens + reading.output_tokens,
        reading.computed_usd or reading.reported_usd or 0.0,
    )


def keep_usage(db: Session, *, attempt: AttemptRow, iteration: IterationRow, usage: Usage) -> float:
    """Store the readings; returns the USD of the agent's own total that no single request carries."""
    readings: dict[str, ModelUsage] = {}
    for reading in usage.requests:
        position = clean(reading.position)
        other = readings.get(position)
        if other is None or _size(reading) > _size(other):
            readings[position] = reading
    known = {
        row.position: row
        for row in db.exec(
            select(UsageRow).where(
                UsageRow.attempt_id == attempt.id, col(UsageRow.position).in_(list(readings))
            )
        )
    }
    common = {
        "attempt_id": attempt.id,
        "iteration_id": iteration.id,
        "namespace": attempt.namespace,
        "worker": attempt.worker,
        "at": iteration.at,
    }
    fresh: list[dict[str, Any]] = []
    for position, reading in readings.items():
        figures = reading.model_dump() | {"position": position, "price_version": usage.price_version}
        row = known.get(position)
        if row is None:
            fresh.append(common | figures)
        elif _size(reading) > _size(row):
            row.sqlmodel_update(figures)
    if fresh:  # thousands in one report must not hold up the writer: no objects for them
        db.connection().execute(insert(UsageRow), fresh)
    priced = any(r.computed_usd is not None or r.reported_usd is not None for r in readings.values())
    return 0.0 if priced else usage.reported_usd or 0.0
