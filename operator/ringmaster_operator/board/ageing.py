"""Waiting counts: who has been ready for long is treated as more urgent, step by step.

Every maxWaitSeconds lift a bead one priority, to P1 and never above it. Who has waited once more in P1 is
*overdue*: of the beads of P1 that a Worker takes, every second is an overdue one while there are any, the one
that became so first. So nothing starves, and a backlog of old beads, however long, takes no more than half of
what newer P1 beads would get, and nothing of P0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HIGHEST = 1
"""Rank of P1: age alone lifts no bead above it."""


@dataclass(frozen=True, slots=True)
class Age:
    """What waiting makes of a bead's urgency."""

    rank: int
    """The priority that it counts as, 0 for P0."""
    steps: int = 0
    """How many times it has waited long enough."""
    overdue: datetime | None = None
    """Since when it is overdue; None while it is not."""
    changes: datetime | None = None
    """When waiting changes this again; None when it cannot."""


def aged(rank: int, since: datetime | None, wait_seconds: int, now: datetime) -> Age:
    """The urgency of a bead of that rank, ready since then; 0 seconds mean no ageing."""
    if rank < HIGHEST or since is None or not wait_seconds:
        return Age(rank)
    wait = timedelta(seconds=wait_seconds)
    steps = min(max(0, (now - since) // wait), rank)
    if steps == rank:
        return Age(HIGHEST, steps, overdue=since + rank * wait)
    return Age(max(HIGHEST, rank - steps), steps, changes=since + (steps + 1) * wait)
