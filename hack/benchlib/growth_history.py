"""Many finished beads in a history: rows like those that the operator writes, put there in bulk."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from benchlib import costs
from ringmaster_operator.history import History
from ringmaster_operator.history.tables import BeadRow
from ringmaster_operator.resources.bead import Bead

TOGETHER = 1000
Rows = list[dict[str, Any]]


async def fill(url: str, namespace: str, finished: int, beads: Iterable[Bead], seed: int) -> None:
    """So many beads that were done and deleted, with two iterations each, and these, as they are seen now."""
    history = await History.open(url)
    dice, now = random.Random(seed), datetime.now(UTC).replace(microsecond=0)
    try:
        for first in range(0, finished, TOGETHER):
            numbers = range(2 * first, 2 * min(first + TOGETHER, finished), 2)
            claims = [_moved(claim, namespace) for claim in costs.claims(numbers, 1, dice)]
            rows = [_bead(namespace, number // 2, now) for number in numbers]
            await history.write(partial(_store, made=claims, beads=rows))
        if finished:
            await history.write(costs.add_up)
        rest = iter(beads)
        while some := list(islice(rest, TOGETHER)):
            await history.record_beads(seen=[(bead, False) for bead in some], now=now)
    finally:
        await history.close()


def _moved(claim: costs.Claim, namespace: str) -> costs.Claim:
    for rows in claim.values():
        for row in rows:
            if "namespace" in row:
                row["namespace"] = namespace
    return claim


def _bead(namespace: str, number: int, now: datetime) -> dict[str, Any]:
    named = {"uid": f"uid-{number}", "namespace": namespace, "name": f"bead-{number}"}
    spec = {"title": f"Work {number}", "description": "What was to be done. " * 5}
    said = {"title": spec["title"], "type": "task", "priority": "P2", "phase": "Succeeded", "spec": spec}
    status = {"phase": "Succeeded", "outcome": {"kind": "success", "summary": "all tests pass"}}
    seen = {"status": status, "first_seen": now, "last_seen": now, "deleted_at": now}
    return named | said | seen


def _store(db: Session, made: list[costs.Claim], beads: Rows) -> None:
    db.connection().execute(insert(BeadRow), beads)
    costs.store(db, made)
