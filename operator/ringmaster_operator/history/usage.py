"""Usage rows: what a request used counts once, however often it is reported.

Agents repeat their figures (per content block, in a resumed transcript); a row is known by its position
within the attempt, and of two readings the larger is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from ringmaster_operator.history.attempts import Attempt
from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.costs import Sums, figures_of
from ringmaster_operator.history.prepared import Prepared, Row, table
from ringmaster_operator.history.tables import UsageRow
from ringmaster_operator.resources.costs import size
from ringmaster_operator.resources.protocol import ModelUsage, Usage


@dataclass(frozen=True)
class Added:
    """What a report adds to the sums: repeated readings of earlier ones add nothing."""

    usd: float
    tokens: int
    sums: Sums = field(default_factory=Sums)
    """What single requests add, by day and model."""


_USAGE = table(UsageRow)
_GIVES = (
    *("attempt_id", "iteration_id", "position", "namespace", "worker", "provider", "model"),
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_hour_tokens"),
    *("output_tokens", "reasoning_tokens", "requests", "computed_usd", "reported_usd"),
    *("price_version", "priced_at", "at"),
)
_ADD = Prepared(
    lambda insert: insert(_USAGE).on_conflict_do_nothing(index_elements=["attempt_id", "position"]),
    gives=_GIVES,
)


def cleaned(usage: Usage) -> Usage:
    """With positions as both databases keep them."""
    if all(clean(row.position) == row.position for row in usage.requests):
        return usage
    rows = [row.model_copy(update={"position": clean(row.position)}) for row in usage.requests]
    return usage.model_copy(update={"requests": rows})


@dataclass(slots=True)
class Used:
    """The usage of an iteration that was just recorded."""

    attempt: Attempt
    iteration_id: int
    at: datetime
    told: Mapping[str, ModelUsage]
    """Its readings by cleaned position."""
    price_version: str
    """Of those that name none of their own."""
    lump_usd: float
    """The part of its price that no single request carries."""


def keep_usage(db: Session, used: Sequence[Used]) -> list[Added]:
    """Store the readings of iterations of as many attempts."""
    rows = [row for each in used for row in _rows(each)]
    all_new = not rows or _ADD.add(db, rows) == len(rows)
    return [_added(db, each, all_new) for each in used]


def _rows(used: Used) -> Iterable[Row]:
    """In the order of _GIVES."""
    attempt, at = used.attempt, used.at
    for each in used.told.values():
        yield (
            attempt.id,
            used.iteration_id,
            each.position,
            attempt.namespace,
            attempt.worker,
            each.provider,
            each.model,
            each.input_tokens,
            each.cache_read_tokens,
            each.cache_write_tokens,
            each.cache_write_hour_tokens,
            each.output_tokens,
            each.reasoning_tokens,
            each.requests,
            each.computed_usd,
            each.reported_usd,
            each.price_version or used.price_version,
            None if each.computed_usd is None else at,
            at,
        )


def _added(db: Session, used: Used, all_new: bool) -> Added:
    told = used.told
    known: dict[str, UsageRow] = {}
    if told and not all_new:
        known = _before(db, used.attempt.id, used.iteration_id, list(told))
    usd, tokens, sums = 0.0, 0, Sums()
    for position, reading in told.items():
        row = known.get(position)
        before = (0, 0.0) if row is None else size(row)
        if row is None:
            sums.add(used.at.date(), reading.provider, reading.model, figures_of(reading))
        elif size(reading) > before:
            sums.add(row.at.date(), row.provider, row.model, figures_of(row).negative())
            sums.add(row.at.date(), reading.provider, reading.model, figures_of(reading))
            row.sqlmodel_update(_figures(reading, used))
        else:
            continue
        tokens += size(reading)[0] - before[0]
        usd += size(reading)[1] - before[1]
    return Added(usd=max(0.0, usd) + used.lump_usd, tokens=max(0, tokens), sums=sums)


def _before(db: Session, attempt_id: int, iteration_id: int, positions: list[str]) -> dict[str, UsageRow]:
    """Readings of earlier iterations at these positions."""
    chosen = select(UsageRow).where(
        UsageRow.attempt_id == attempt_id,
        UsageRow.iteration_id != iteration_id,
        col(UsageRow.position).in_(positions),
    )
    return {row.position: row for row in db.exec(chosen)}


def _figures(reading: ModelUsage, used: Used) -> dict[str, Any]:
    return {
        **vars(reading),
        "price_version": reading.price_version or used.price_version,
        "priced_at": None if reading.computed_usd is None else used.at,
    }
