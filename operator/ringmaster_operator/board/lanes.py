"""The beads that may be claimed, in lanes: one for each priority and each of those who share the Workers.

A lane is sorted, apart for each thing that beads ask of a Worker, so that a Worker which can do little need
not look at all that it cannot; which lane goes first is a matter of turns. So neither a claim nor a turn
moves more than one bead, however many wait.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from datetime import datetime
from heapq import merge
from typing import NamedTuple

from ringmaster_operator.board.ageing import HIGHEST
from ringmaster_operator.board.matching import Asks
from ringmaster_operator.board.turns import Turns

RANKS = range(5)
MANY = 100
"""So many at once are sorted together."""
Rank = tuple[int, datetime, str]
"""Order within a lane: score (negated), creation, name; of overdue beads 0, since when, name."""


class Lane(NamedTuple):
    """Where a bead stands."""

    rank: int
    """The priority that it counts as, 0 for P0."""
    overdue: bool = False
    group: str = ""
    """Whose it is; empty where nobody shares, and for overdue ones."""


Placing = tuple[str, Lane, Rank, Asks]
"""A bead and where it is to stand."""


class Lanes:
    """Names in lanes. Not thread-safe."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, dict[Asks, list[Rank]]] = {}
        self._places: dict[str, tuple[Lane, Asks, Rank]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self._places)

    def names(self) -> list[str]:
        return list(self._places)

    def place(self, name: str, lane: Lane, rank: Rank, asks: Asks) -> None:
        """Put it there, wherever it was before."""
        if self._places.get(name) == (lane, asks, rank):
            return
        self.drop(name)
        self._places[name] = (lane, asks, rank)
        insort(self._lanes.setdefault(lane, {}).setdefault(asks, []), rank)

    def place_all(self, places: list[Placing]) -> None:
        """Put each there. Many are sorted at the end: one by one, long lanes would move for each."""
        if len(places) < MANY:
            for place in places:
                self.place(*place)
            return
        moved = [place for place in places if self._places.get(place[0]) != (place[1], place[3], place[2])]
        for name, *_ in moved:
            self.drop(name)
        for name, lane, rank, asks in moved:
            self._places[name] = (lane, asks, rank)
            self._lanes.setdefault(lane, {}).setdefault(asks, []).append(rank)
        for lane, asks in {(lane, asks) for _, lane, _, asks in moved}:
            self._lanes[lane][asks].sort()

    def drop(self, name: str) -> None:
        """Take it out, if it is there."""
        place = self._places.pop(name, None)
        if place is None:
            return
        lane, asks, rank = place
        ranks = self._lanes[lane][asks]
        del ranks[bisect_left(ranks, rank)]
        if not ranks:
            del self._lanes[lane][asks]
        if not self._lanes[lane]:
            del self._lanes[lane]

    def rescore(self, score: Callable[[str], int]) -> None:
        """Sort all by new scores."""
        for lane, alike in self._lanes.items():
            for asks, ranks in alike.items() if not lane.overdue else ():
                ranks[:] = sorted((-score(name), created, name) for _, created, name in ranks)
                self._places.update((rank[-1], (lane, asks, rank)) for rank in ranks)

    def first(
        self, worker: str, turns: Turns, *, can: Callable[[Asks], bool], may: Callable[[str], bool]
    ) -> str | None:
        """The first bead by turn that the Worker may take, of those that ask for what it can do at all."""
        groups = self._groups(turns)

        def find(lanes: list[Lane]) -> str | None:
            return next(filter(may, (name for lane in lanes for name in self._names(lane, can))), None)

        for rank in RANKS:
            overdue = find([Lane(rank, overdue=True)]) if rank == HIGHEST else None
            if overdue is not None and turns.overdue_next(worker):
                return overdue
            found = find([Lane(rank, group=group) for group in groups[rank]])
            if found is not None or overdue is not None:
                return found or overdue
        return None

    def ordered(self, turns: Turns) -> Iterator[str]:
        """All, as a list for people: by priority, overdue ones first, whose turn it is now first."""
        groups = self._groups(turns)
        for rank in RANKS:
            for lane in (Lane(rank, overdue=True), *(Lane(rank, group=group) for group in groups[rank])):
                yield from self._names(lane, lambda _: True)

    def lane(self, name: str) -> Lane | None:
        """Where it stands; None when it may not be claimed."""
        place = self._places.get(name)
        return place[0] if place is not None else None

    def _groups(self, turns: Turns) -> list[list[str]]:
        found: list[list[str]] = [[] for _ in RANKS]
        for lane in self._lanes:
            if not lane.overdue:
                found[lane.rank].append(lane.group)
        return [turns.order(groups) if len(groups) > 1 else groups for groups in found]

    def _names(self, lane: Lane, can: Callable[[Asks], bool]) -> Iterator[str]:
        """Those of a lane, in order."""
        queues = [ranks for asks, ranks in self._lanes.get(lane, {}).items() if can(asks)]
        return (rank[-1] for rank in (queues[0] if len(queues) == 1 else merge(*queues)))
