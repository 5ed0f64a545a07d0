"""The beads of one namespace, with what follows from them kept up to date piece by piece.

A change marks what it can concern: the region below it in the wait graph (priorities, cycles), and the beads
whose readiness looks at it. `advance` works these off; a test holds that the result equals that of a room
built anew. Only the scores, which every change moves a little, are found for all beads at once, by whoever
owns the board and when it suits (`snapshot`, `set_merits`): they decide among equals, so old ones do no harm.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ringmaster_operator.board.ageing import Age, aged
from ringmaster_operator.board.facts import Facts, Readiness, View, facts_of, measures, shape
from ringmaster_operator.board.graph import Graph
from ringmaster_operator.board.lanes import Lane, Lanes, Placing
from ringmaster_operator.board.matching import Fits, Needs, needs
from ringmaster_operator.board.ranking import RANK, effective
from ringmaster_operator.board.ranks import Ranks
from ringmaster_operator.board.readiness import LONGEST_BACKOFF, Judge
from ringmaster_operator.board.scoring import MOST, Merit, Snapshot
from ringmaster_operator.board.turns import Turns
from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.project import DEFAULT_MAX_WAIT_SECONDS, Project

_START = datetime(1970, 1, 1, tzinfo=UTC)


class Room:
    """One namespace. Not thread-safe."""

    def __init__(self, longest_backoff: timedelta = LONGEST_BACKOFF) -> None:
        self._longest_backoff = longest_backoff
        self.beads: dict[str, Bead] = {}
        self.graph = Graph()
        self.views: dict[str, View] = {}
        self.lanes = Lanes()
        self.turns = Turns()
        self.needs: dict[str, Needs] = {}
        self.reserved: dict[str, tuple[str, str]] = {}
        """The Worker and the session whose claim of a bead is being written."""
        self.project: Project | None = None
        self.busy: set[str] = set()
        """Beads that run or are just being claimed."""
        self.homes: dict[str, str | None] = {}
        """By Worker: the repository of beads that name none."""
        self.claimants: dict[str, str] = {}
        self._holders: dict[str, set[str]] = {}
        self._sharers: dict[str, set[str]] = {}
        self._ranks = Ranks(self.graph)
        self.merits: dict[str, Merit] = {}
        self._wakes: list[tuple[datetime, str]] = []
        self._ages: dict[str, datetime] = {}
        self._dirty: set[str] = set()
        self.touched: set[str] | None = None
        """Beads looked at anew since whoever follows emptied it; None: nobody does, or not for long."""
        self._advanced: datetime | None = None
        self._rescore = False  # whether the graph has changed since the last snapshot

    def put(self, name: str, bead: Bead | None) -> None:
        """Put, replace or (None) remove a bead."""
        old, new = self.graph.facts.get(name), facts_of(bead) if bead is not None else None
        if bead is None:
            for known in (self.beads, self.needs, self.reserved, self.claimants):
                known.pop(name, None)
        else:
            self.beads[name] = bead
            self.needs[name] = needs(bead)
        self._dirty.add(name)
        if old == new:
            return
        if shape(old) != shape(new):
            self._reshape(name, old, new)
        else:
            self.graph.place(name, new)
            if measures(old) != measures(new):
                self._rescore = True
                self._dirty |= self.graph.subtree([name])
        for facts, join in ((old, False), (new, True)):
            for key in facts.exclusive if facts is not None else ():
                _mark(self._sharers, key, name, join)
                self._dirty |= self._sharers.get(key, set())
        self._occupy(name, old.exclusive if old is not None else ())

    def reserve(self, name: str, worker: str, session: str) -> None:
        self.reserved[name] = (worker, session)
        self.claimants[name] = worker
        lane = self.lanes.lane(name)
        if lane is not None:
            self.turns.took(worker, self.group(name), rank=lane.rank, overdue=lane.overdue)
        self._occupy(name, self._keys(name))

    def unreserve(self, name: str) -> None:
        if self.reserved.pop(name, None) is not None:
            self.claimants.pop(name, None)
            self._occupy(name, self._keys(name))

    def set_project(self, project: Project | None) -> None:
        self.project = project
        self.turns.fairness = project.fairness if project is not None else None
        self._dirty.update(self.lanes.names())

    def advance(self, now: datetime) -> set[str]:
        """Work off what is marked and what time has brought; the names whose views changed."""
        if self._advanced is not None and now < self._advanced:
            self._dirty |= self.beads.keys()  # the clock was put back: what seemed over may not be
        self._advanced = now
        while self._wakes and self._wakes[0][0] <= now:
            self._dirty.add(heapq.heappop(self._wakes)[1])
        if not self._dirty and not self._ranks.outdated:
            return set()
        self._dirty |= self._ranks.renew()
        self._dirty |= {
            facts.parent
            for facts in map(self.graph.facts.get, list(self._dirty))
            if facts is not None and facts.parent is not None and facts.type is BeadType.DECISION
        }
        judge = Judge(self.graph, self.beads, self._ranks.rings, self._holders, now, self._longest_backoff)
        most = 2 * len(self._dirty) > len(self.beads)
        # Most are looked at in the order in which they lie in memory: that is much of the time with many.
        marked = [*filter(self._dirty.__contains__, self.beads)] if most else self._dirty & self.beads.keys()
        coming: list[Placing] = []
        changed = {name for name in marked if self._review(name, judge, coming)}
        # Not `dirty - beads.keys()`: that goes through all beads there are.
        changed |= {name for name in self._dirty if name not in self.beads and self._forget(name)}
        self.lanes.place_all(coming)
        if self.touched is not None:
            self.touched |= self._dirty
            self.touched = self.touched if len(self.touched) <= len(self.beads) else None
        self._dirty.clear()
        return changed

    def candidates(self) -> Iterator[str]:
        """Names that may be claimed now, best first; the limits on what runs at once not counted."""
        self.tally()
        return (name for name in self.lanes.ordered(self.turns) if name not in self.reserved)

    def group(self, name: str) -> str:
        """Whose it is, by the label of the project's fairness."""
        fairness = self.turns.fairness
        return self.beads[name].metadata.labels.get(fairness.label, "") if fairness is not None else ""

    @property
    def unscored(self) -> bool:
        """Whether there is something to score; not before the advance that tells who waits for themselves."""
        return self._rescore and not self._ranks.outdated

    def snapshot(self) -> Snapshot:
        """The graph to be scored, as it is now; only where it is unscored."""
        self._rescore = False
        return Snapshot(self.graph.copy(), frozenset(self._ranks.rings))

    def set_merits(self, merits: dict[str, Merit]) -> None:
        """Take in what was made of an outline."""
        self.merits = merits
        self.lanes.rescore(self._score)

    def view(self, name: str) -> View:
        """As of the last advance; raises KeyError for one that is not there."""
        view, points = self.views[name], self._score(name)
        return replace(view, score=min(MOST, points * 5 // 4) if view.ready else points)

    def suits(self, name: str, fits: Fits) -> bool:
        """Whether a Worker may take a bead that may be claimed."""
        return fits(self.beads[name], self.needs[name], self.views[name].effective_priority)

    @property
    def advanced(self) -> datetime:
        """Time of the last advance."""
        return self._advanced or _START

    def _reshape(self, name: str, old: Facts | None, new: Facts | None) -> None:
        """The graph itself changes: mark the region below, before and after, and who looks at this bead."""
        self._rescore = True
        graph = self.graph
        within = graph.subtree([name])
        self._ranks.mark(within)
        graph.place(name, new)
        waiting = graph.subtree(graph.dependents(name))
        self._dirty |= within | waiting
        for facts in (old, new):
            if facts is not None:
                self._dirty.update(facts.depends_on)
                if facts.parent is not None:
                    self._dirty.add(facts.parent)

    def _occupy(self, name: str, old_keys: Iterable[str]) -> None:
        """Keep who is busy, and who holds which exclusive key, in step with claims and reservations."""
        facts = self.graph.facts.get(name)
        busy = facts is not None and (facts.claimed or name in self.reserved)
        new_keys = facts.exclusive if busy and facts is not None else ()
        for key in {*old_keys, *new_keys}:
            if (name in self._holders.get(key, ())) != (key in new_keys):
                _mark(self._holders, key, name, key in new_keys)
                self._dirty |= self._sharers.get(key, set())
        if busy != (name in self.busy):
            (self.busy.add if busy else self.busy.discard)(name)
            self._dirty.add(name)

    def tally(self) -> None:
        """Count who holds how many sessions, where there are turns to be taken."""
        if self.turns.fairness is not None:
            self.turns.running = Counter(map(self.group, self.busy))

    def _keys(self, name: str) -> tuple[str, ...]:
        facts = self.graph.facts.get(name)
        return facts.exclusive if facts is not None else ()

    def _forget(self, name: str) -> bool:
        """A bead that is gone; whether it had a view."""
        self.lanes.drop(name)
        self._ages.pop(name, None)
        return self.views.pop(name, None) is not None

    def _review(self, name: str, judge: Judge, coming: list[Placing]) -> bool:
        """Judge one bead anew; whether its view changed. One that may be claimed joins those that come."""
        verdict = judge.judge(name)
        priority, lender, path = effective(self.graph, name, self._ranks.labels.get(name))
        age = Age(RANK[priority])
        if verdict.readiness is Readiness.READY:
            age = self._age(name, age.rank, judge.now)
            coming.append(self._placing(name, age))
        else:
            self.lanes.drop(name)
        view = View(
            readiness=verdict.readiness,
            message=verdict.message,
            effective_priority=priority,
            age=age,
            inherited_from=lender,
            inherited_path=path,
            blocked_by=verdict.blocked_by,
            wake_at=verdict.wake_at,
            desired=self.graph.wish(name)[0],
            awaited=self._awaited(name),
        )
        before = self.views.get(name)
        if view.wake_at is not None and (before is None or before.wake_at != view.wake_at):
            heapq.heappush(self._wakes, (view.wake_at, name))
        self.views[name] = view
        return before != view

    def _age(self, name: str, rank: int, now: datetime) -> Age:
        age = aged(rank, self.beads[name].status.waiting_since, self.max_wait(name), now)
        if age.changes is not None and self._ages.get(name) != age.changes:
            self._ages[name] = age.changes
            heapq.heappush(self._wakes, (age.changes, name))
        return age

    def max_wait(self, name: str) -> int:
        """Seconds that lift a bead one priority: its own word, its nearest parent's, the project's."""
        for step in self.graph.upwards(name):
            if (found := self.graph.facts[step].max_wait) is not None:
                return found
        found = self.project.limits.max_wait_seconds if self.project is not None else None
        return DEFAULT_MAX_WAIT_SECONDS if found is None else found

    def _placing(self, name: str, age: Age) -> Placing:
        created, asks = self.beads[name].metadata.creation_timestamp or _START, self.needs[name].asks
        if age.overdue is not None:
            return name, Lane(age.rank, overdue=True), (0, age.overdue, name), asks
        lane = Lane(age.rank, group=self.group(name))
        return name, lane, (-self._score(name), created, name), asks

    def _score(self, name: str) -> int:
        merit = self.merits.get(name)
        return merit.score if merit is not None else 0

    def _awaited(self, name: str) -> bool:
        near = (*self.graph.dependents(name), *self.graph.children(name))
        return any(self.graph.facts[other].open for other in near)


def _mark(index: dict[str, set[str]], key: str, name: str, join: bool) -> None:
    if join:
        index.setdefault(key, set()).add(name)
        return
    members = index.get(key)
    if members is not None:
        members.discard(name)
        if not members:
            del index[key]
