"""What the history knows of reports before it keeps them, asked in one statement for all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlmodel import Session

from ringmaster_operator.history.attempts import Attempt
from ringmaster_operator.history.cost_tables import CostWorkRow
from ringmaster_operator.history.prepared import Keys, Lookup, table
from ringmaster_operator.history.saved import SavedWorkRow
from ringmaster_operator.history.tables import AttemptRow, IterationRow, ReportRow

_REPORT, _ITERATION, _ATTEMPT = table(ReportRow), table(IterationRow), table(AttemptRow)
_WORK, _SAVED = table(CostWorkRow), table(SavedWorkRow)


@dataclass(slots=True)
class Seen:
    """What there is of one report, and the keys of the rows that it is to have."""

    attempt: Attempt | None
    ended: bool
    """Whether the attempt has."""
    known: bool
    """Whether a report of this id is kept already."""
    work: int | None
    """Its claim's row in the sums of costs."""
    saved: bool
    """Whether work of its bead is kept that no remote has."""
    report_id: int = 0
    iteration_id: int = 0
    work_id: int = 0


def _about(keys: Keys) -> Any:
    report_id, claim_id, bead_uid, fence = keys.text(0), keys.text(1), keys.text(2), keys.number(3)
    found = (
        keys.rows.outerjoin(_ATTEMPT, and_(_ATTEMPT.c.bead_uid == bead_uid, _ATTEMPT.c.fence == fence))
        .outerjoin(_REPORT, _REPORT.c.report_id == report_id)
        .outerjoin(_WORK, _WORK.c.claim_id == claim_id)
        .outerjoin(_SAVED, _SAVED.c.bead_uid == bead_uid)
    )
    fresh = (keys.fresh(each) for each in (_REPORT, _ITERATION, _WORK))
    own = (_ATTEMPT.c[name] for name in Attempt._fields)
    there = (_ATTEMPT.c.ended_at.is_not(None), _REPORT.c.id, _WORK.c.id, _SAVED.c.fence)
    return select(report_id, *fresh, *there, *own).select_from(found)


_ABOUT = Lookup(_about)


def look(db: Session, about: Iterable[tuple[str, str, str, int]]) -> dict[str, Seen]:
    """By report id; `about` has (report id, claim id, uid of the bead, fence) of different claims and beads.

    Keys grow in the order in which the reports are given.
    """
    rows = list(about)
    seen, keys = dict[str, Seen](), list[tuple[int, int, int]]()
    for row in _ABOUT.find(db, rows):
        name, report, iteration, work, ended, known, work_id, saved = row[:8]
        attempt = None if row[8] is None else Attempt._make(row[8:])
        seen[name] = Seen(attempt, bool(ended), known is not None, work_id, saved is not None)
        keys.append((report, iteration, work))
    for (name, *_), given in zip(rows, sorted(keys), strict=True):
        each = seen[name]
        each.report_id, each.iteration_id, each.work_id = given
    return seen
