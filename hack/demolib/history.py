"""What the operator's database says of who did what, read as anyone may: read-only, while it runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ATTEMPTS = """
select a.bead, a.session, a.attempt, a.started_at, a.ended_at, a.kind, a.reason, a.summary,
       (select count(*) from iteration i where i.attempt_id = a.id),
       (select coalesce(sum(u.input_tokens + u.output_tokens), 0) from usage u where u.attempt_id = a.id)
from attempt a where a.namespace = ? order by a.id
"""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One claim of a bead."""

    bead: str
    session: str
    attempt: int
    started_at: str
    ended_at: str
    """ISO 8601, UTC; '' while it runs."""
    kind: str
    reason: str
    summary: str
    iterations: int
    tokens: int


def attempts(database: Path, namespace: str) -> list[Attempt]:
    """All attempts in the order in which they were claimed."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(ATTEMPTS, (namespace,)).fetchall()
    return [
        Attempt(
            bead=row[0], session=row[1], attempt=row[2], started_at=str(row[3]), ended_at=str(row[4] or ""),
            kind=row[5] or "", reason=row[6] or "", summary=row[7] or "", iterations=row[8], tokens=row[9],
        )
        for row in rows
    ]  # fmt: skip
