"""Usage rows: what a request used counts once, however often it is reported.

Agents repeat their figures (per content block, in a resumed transcript); a row is known by its position
within the attempt, and of two readings the larger is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.costs import Sums, figures_of
from ringmaster_operator.history.tables import AttemptRow, IterationRow, UsageRow
from ringmaster_operator.resources.costs import bill, readings
from ringmaster_operator.resources.protocol import ModelUsage, Usage


@dataclass(frozen=True)
class Added:
    """What a report adds to the sums: repeated readings of earlier ones add nothing."""

    usd: float
    tokens: int
    lump_usd: float
    """The part of usd that no single request carries."""
    sums: Sums = field(default_factory=Sums)
    """What single requests add, by day and model."""


def keep_usage(db: Session, *, attempt: AttemptRow, iteration: IterationRow, usage: Usage) -> Added:
    """Store the readings."""
    cleaned = [row.model_copy(update={"position": clean(row.position)}) for row in usage.requests]
    usage = usage.model_copy(update={"requests": cleaned})
    told = readings(usage)
    known = {
        row.position: row
        for row in db.exec(
            select(UsageRow).where(UsageRow.attempt_id == attempt.id, col(UsageRow.position).in_(list(told)))
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
    usd, tokens, sums = 0.0, 0, Sums()
    for position, reading in told.items():
        figures = _figures(reading, usage, iteration)
        row = known.get(position)
        before = (0, 0.0) if row is None else _size(row)
        if row is None:
            fresh.append(common | figures)
            sums.add(iteration.at.date(), reading.provider, reading.model, figures_of(reading))
        elif _size(reading) > before:
            sums.add(row.at.date(), row.provider, row.model, figures_of(row), -1)
            sums.add(row.at.date(), reading.provider, reading.model, figures_of(reading))
            row.sqlmodel_update(figures)
        else:
            continue
        tokens += _size(reading)[0] - before[0]
        usd += _size(reading)[1] - before[1]
    if fresh:  # thousands in one report must not hold up the writer: no objects for them
        db.connection().execute(insert(UsageRow), fresh)
    lump = bill(usage).lump_usd
    return Added(usd=max(0.0, usd) + lump, tokens=max(0, tokens), lump_usd=lump, sums=sums)


def _figures(reading: ModelUsage, usage: Usage, iteration: IterationRow) -> dict[str, Any]:
    return reading.model_dump() | {
        "price_version": reading.price_version or usage.price_version,
        "priced_at": None if reading.computed_usd is None else iteration.at,
    }


def _size(reading: ModelUsage | UsageRow) -> tuple[int, float]:
    price = reading.computed_usd if reading.computed_usd is not None else reading.reported_usd
    return reading.input_tokens + reading.output_tokens, price or 0.0
