"""Usage rows: what a request used counts once, however often it is reported.

Agents repeat their figures (per content block, in a resumed transcript); a row is known by its position
within the attempt, and of two readings the larger is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from ringmaster_operator.history.attempts import Attempt
from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.costs import Sums, figures_of
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.tables import UsageRow
from ringmaster_operator.resources.costs import readings
from ringmaster_operator.resources.protocol import ModelUsage, Usage


@dataclass(frozen=True)
class Added:
    """What a report adds to the sums: repeated readings of earlier ones add nothing."""

    usd: float
    tokens: int
    sums: Sums = field(default_factory=Sums)
    """What single requests add, by day and model."""


_USAGE = table(UsageRow)
_ADD = Prepared(
    lambda insert: insert(_USAGE).on_conflict_do_nothing(index_elements=["attempt_id", "position"]),
    gives=columns(_USAGE),
)


def cleaned(usage: Usage) -> Usage:
    """With positions as both databases keep them."""
    if all(clean(row.position) == row.position for row in usage.requests):
        return usage
    rows = [row.model_copy(update={"position": clean(row.position)}) for row in usage.requests]
    return usage.model_copy(update={"requests": rows})


def keep_usage(
    db: Session,
    *,
    attempt: Attempt,
    iteration_id: int,
    iteration_at: datetime,
    usage: Usage,
    lump_usd: float,
) -> Added:
    """Store the cleaned readings of an iteration that was just recorded.

    lump_usd is the part of its price that no single request carries.
    """
    told = readings(usage)
    common = {
        "attempt_id": attempt.id,
        "iteration_id": iteration_id,
        "namespace": attempt.namespace,
        "worker": attempt.worker,
        "at": iteration_at,
    }
    rows = [common | _figures(reading, usage, iteration_at) for reading in told.values()]
    known: dict[str, UsageRow] = {}
    if rows and _ADD.many(db, rows) < len(rows):
        known = _before(db, attempt.id, iteration_id, list(told))
    usd, tokens, sums = 0.0, 0, Sums()
    for position, reading in told.items():
        row = known.get(position)
        before = (0, 0.0) if row is None else _size(row)
        if row is None:
            sums.add(iteration_at.date(), reading.provider, reading.model, figures_of(reading))
        elif _size(reading) > before:
            sums.add(row.at.date(), row.provider, row.model, figures_of(row), -1)
            sums.add(row.at.date(), reading.provider, reading.model, figures_of(reading))
            row.sqlmodel_update(_figures(reading, usage, iteration_at))
        else:
            continue
        tokens += _size(reading)[0] - before[0]
        usd += _size(reading)[1] - before[1]
    return Added(usd=max(0.0, usd) + lump_usd, tokens=max(0, tokens), sums=sums)


def _before(db: Session, attempt_id: int, iteration_id: int, positions: list[str]) -> dict[str, UsageRow]:
    """Readings of earlier iterations at these positions."""
    chosen = select(UsageRow).where(
        UsageRow.attempt_id == attempt_id,
        UsageRow.iteration_id != iteration_id,
        col(UsageRow.position).in_(positions),
    )
    return {row.position: row for row in db.exec(chosen)}


def _figures(reading: ModelUsage, usage: Usage, at: datetime) -> dict[str, Any]:
    return reading.model_dump() | {
        "price_version": reading.price_version or usage.price_version,
        "priced_at": None if reading.computed_usd is None else at,
    }


def _size(reading: ModelUsage | UsageRow) -> tuple[int, float]:
    price = reading.computed_usd if reading.computed_usd is not None else reading.reported_usd
    return reading.input_tokens + reading.output_tokens, price or 0.0
