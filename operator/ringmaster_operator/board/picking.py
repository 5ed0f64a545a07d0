"""Which of the beads that may be claimed one Worker gets: what fits it, whose turn it is, what may run now.

The project's limits are looked at here and not in what a bead's status says: else one claim too many would
rewrite the statuses of all beads that wait, and the next report would do it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ringmaster_operator.board import texts
from ringmaster_operator.board.matching import Fit, Fits
from ringmaster_operator.board.room import Room
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker


def first(room: Room, worker: Worker, fits: Fits, admits: Callable[[Bead], bool]) -> str | None:
    """The best bead by turn of those that fit the Worker and may run now."""
    if full(room):
        return None
    room.tally()
    fitting = may(room, worker, fits)
    return room.lanes.first(
        worker.metadata.name,
        room.turns,
        can=lambda asks: fits.asked(asks) is not Fit.NO,
        may=lambda name: fitting(name) and admits(room.beads[name]),
    )


def may(room: Room, worker: Worker, fits: Fits) -> Callable[[str], bool]:
    """Whether a bead that may be claimed fits the Worker, and its repository has room for it."""
    crowd = crowded(room)

    def allowed(name: str) -> bool:
        if name in room.reserved or not room.suits(name, fits):
            return False
        return not crowd or repository(room, name, worker) not in crowd

    return allowed


def full(room: Room) -> bool:
    """Whether as many beads run as the project allows."""
    limit = room.project.concurrency if room.project is not None else None
    return limit is not None and len(room.busy) >= limit


def crowded(room: Room) -> set[str]:
    """Repositories in which as many beads run as the project allows."""
    limit = room.project.repository_concurrency if room.project is not None else None
    if limit is None:
        return set()
    running = Counter(repository(room, name, None) for name in room.busy)
    return {place for place, count in running.items() if place and count >= limit}


def left(room: Room) -> int | None:
    """How many more beads the project lets run; None for any number."""
    limit = room.project.concurrency if room.project is not None else None
    return None if limit is None else max(0, limit - len(room.busy))


def reached(room: Room) -> str:
    """The limit of the project that keeps beads from running now, in words; empty when none does."""
    return _limit(room, min(crowded(room), default=None))


def hindered(room: Room, worker: Worker, name: str) -> str:
    """The same for one bead that a Worker would take."""
    place = repository(room, name, worker)
    return _limit(room, place if place in crowded(room) else None)


def _limit(room: Room, crowd: str | None) -> str:
    project = room.project
    if project is not None and project.concurrency is not None and full(room):
        return texts.concurrency(project.concurrency)
    if project is not None and project.repository_concurrency is not None and crowd is not None:
        return texts.crowded(crowd, project.repository_concurrency)
    return ""


def repository(room: Room, name: str, worker: Worker | None) -> str | None:
    """Where a bead is worked; without a Worker, for one that runs: as its own Worker was last seen here."""
    for step in room.graph.upwards(name):
        if (found := room.graph.facts[step].repository) is not None:
            return found
    if worker is None:
        own = room.homes.get(_holder(room, name))
    else:
        own = worker.spec.repository.url if worker.spec.repository is not None else None
    if own is None and room.project is not None and room.project.repository is not None:
        own = room.project.repository.url
    return own


def _holder(room: Room, name: str) -> str:
    """Name of the Worker that works on it or is just claiming it."""
    claim = room.beads[name].status.claim
    return claim.worker if claim is not None else room.claimants.get(name, "")
