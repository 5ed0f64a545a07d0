"""The beads of one namespace, with what follows from them kept up to date piece by piece.

A change marks what it can concern: the region below it in the wait graph (priorities, scores, cycles), and
the beads whose readiness looks at it. `advance` works these off; a test holds that the result equals that of
a room built anew.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ringmaster_operator.board.cycles import Ring, rings
from ringmaster_operator.board.facts import Facts, Readiness, View, facts_of
from ringmaster_operator.board.graph import GATE, Graph, is_gate
from ringmaster_operator.board.matching import Fits, Needs, needs
from ringmaster_operator.board.ranking import RANK, Label, effective, score, spread
from ringmaster_operator.board.readiness import Judge
from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.project import Project

Rank = tuple[int, int, datetime, str]
"""Order of picks: effective priority, score (negated), creation, name."""
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Room:
    """One namespace. Not thread-safe."""

    def __init__(self) -> None:
        self.beads: dict[str, Bead] = {}
        self.graph = Graph()
        self.views: dict[str, View] = {}
        self.queue: list[Rank] = []
        self.needs: dict[str, Needs] = {}
        self.reserved: dict[str, str] = {}
        self.project: Project | None = None
        self._busy: set[str] = set()
        self._holders: dict[str, set[str]] = {}
        self._sharers: dict[str, set[str]] = {}
        self._labels: dict[str, Label] = {}
        self._scores: dict[str, int] = {}
        self._rings: dict[str, Ring] = {}
        self._queued: dict[str, Rank] = {}
        self._wakes: list[tuple[datetime, str]] = []
        self._seeds: set[str] = set()
        self._dirty: set[str] = set()
        self._advanced: datetime | None = None

    def put(self, name: str, bead: Bead | None) -> None:
        """Put, replace or (None) remove a bead."""
        old, new = self.graph.facts.get(name), facts_of(bead) if bead is not None else None
        if bead is None:
            self.beads.pop(name, None)
            self.needs.pop(name, None)
            self.reserved.pop(name, None)
        else:
            self.beads[name] = bead
            self.needs[name] = needs(bead)
        self._dirty.add(name)
        if old == new:
            return
        if _shape(old) != _shape(new):
            self._reshape(name, old, new)
        else:
            self.graph.place(name, new)
        for facts, join in ((old, False), (new, True)):
            for key in facts.exclusive if facts is not None else ():
                _mark(self._sharers, key, name, join)
                self._dirty |= self._sharers.get(key, set())
        self._occupy(name, old.exclusive if old is not None else ())

    def reserve(self, name: str, claim_id: str) -> None:
        self.reserved[name] = claim_id
        self._occupy(name, self._keys(name))

    def unreserve(self, name: str) -> None:
        if self.reserved.pop(name, None) is not None:
            self._occupy(name, self._keys(name))

    def set_project(self, project: Project | None) -> None:
        self.project = project
        self._dirty |= self._capacity_waiters()

    def advance(self, now: datetime) -> set[str]:
        """Work off what is marked and what time has brought; the names whose views changed."""
        if self._advanced is not None and now < self._advanced:
            self._dirty |= self.beads.keys()  # the clock was put back: what seemed over may not be
        self._advanced = now
        while self._wakes and self._wakes[0][0] <= now:
            self._dirty.add(heapq.heappop(self._wakes)[1])
        if not self._dirty and not self._seeds:
            return set()
        self._rerank()
        self._dirty |= {
            facts.parent
            for facts in map(self.graph.facts.get, list(self._dirty))
            if facts is not None and facts.parent is not None and facts.type is BeadType.DECISION
        }
        concurrency = self.project.concurrency if self.project is not None else None
        judge = Judge(
            graph=self.graph,
            beads=self.beads,
            rings=self._rings,
            holders=self._holders,
            busy=self._busy,
            concurrency=concurrency,
            now=now,
        )
        changed = {name for name in self._dirty if self._review(name, judge)}
        self._dirty.clear()
        return changed

    def candidates(self) -> Iterator[str]:
        """Names that may be claimed now, best first."""
        return (rank[-1] for rank in self.queue if rank[-1] not in self.reserved)

    def suits(self, name: str, fits: Fits) -> bool:
        """Whether a Worker may take a bead that may be claimed."""
        return fits(self.beads[name], self.needs[name], self.views[name].effective_priority)

    @property
    def advanced(self) -> datetime:
        """Time of the last advance."""
        return self._advanced or _START

    def _reshape(self, name: str, old: Facts | None, new: Facts | None) -> None:
        """The graph itself changes: mark the region below, before and after, and who looks at this bead."""
        graph = self.graph
        within = graph.subtree([name])
        for item in within:
            for node in (item, GATE + item):
                self._seeds.add(node)
                if item in graph.facts:
                    self._seeds.update(other for other, _ in graph.below(node))
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
        if busy != (name in self._busy):
            if busy:
                self._busy.add(name)
            else:
                self._busy.discard(name)
            self._dirty.add(name)
            if self.project is not None and self.project.concurrency is not None:
                self._dirty |= self._capacity_waiters()

    def _capacity_waiters(self) -> set[str]:
        limit = self.project.concurrency if self.project is not None else None
        waiting = {name for name, view in self.views.items() if view.readiness is Readiness.CONCURRENCY_LIMIT}
        return waiting | self._queued.keys() if limit is None or len(self._busy) >= limit else waiting

    def _keys(self, name: str) -> tuple[str, ...]:
        facts = self.graph.facts.get(name)
        return facts.exclusive if facts is not None else ()

    def _rerank(self) -> None:
        """Priorities, scores and cycles of the region below the seeds."""
        region = self.graph.reach(self._seeds)
        names = {node for node in region if not is_gate(node)}
        before = {
            name: (self._labels.get(name), self._scores.get(name), self._rings.get(name)) for name in names
        }
        for node in self._seeds - region:
            self._labels.pop(node, None)
            self._scores.pop(node, None)
            self._rings.pop(node, None)
        spread(self.graph, region, self._labels)
        for name in names:
            self._scores[name] = score(self.graph, name)
            self._rings.pop(name, None)
        self._rings.update(rings(self.graph, region))
        self._seeds.clear()
        for name, ranked in before.items():
            if ranked != (self._labels.get(name), self._scores.get(name), self._rings.get(name)):
                self._dirty.add(name)

    def _review(self, name: str, judge: Judge) -> bool:
        """Judge one bead anew; whether its view changed."""
        facts = self.graph.facts.get(name)
        if facts is None:
            self._enqueue(name, None)
            return self.views.pop(name, None) is not None
        verdict = judge.judge(name)
        priority, lender = effective(self.graph, name, self._labels.get(name))
        view = View(
            readiness=verdict.readiness,
            message=verdict.message,
            effective_priority=priority,
            inherited_from=lender,
            score=self._scores.get(name, 0),
            blocked_by=verdict.blocked_by,
            wake_at=verdict.wake_at,
            desired=self.graph.wish(name)[0],
            awaited=self._awaited(name),
        )
        before = self.views.get(name)
        if view.wake_at is not None and (before is None or before.wake_at != view.wake_at):
            heapq.heappush(self._wakes, (view.wake_at, name))
        created = self.beads[name].metadata.creation_timestamp or _START
        self._enqueue(name, (RANK[priority], -view.score, created, name) if view.ready else None)
        self.views[name] = view
        return before != view

    def _awaited(self, name: str) -> bool:
        near = (*self.graph.dependents(name), *self.graph.children(name))
        return any(self.graph.facts[other].open for other in near)

    def _enqueue(self, name: str, rank: Rank | None) -> None:
        old = self._queued.pop(name, None)
        if old == rank:
            if rank is not None:
                self._queued[name] = rank
            return
        if old is not None:
            del self.queue[bisect_left(self.queue, old)]
        if rank is not None:
            self._queued[name] = rank
            insort(self.queue, rank)


def _shape(facts: Facts | None) -> tuple[object, ...] | None:
    """What of a bead concerns others in the graph."""
    if facts is None:
        return None
    return facts.type, facts.priority, facts.depends_on, facts.parent, facts.standing, facts.desired


def _mark(index: dict[str, set[str]], key: str, name: str, join: bool) -> None:
    if join:
        index.setdefault(key, set()).add(name)
        return
    members = index.get(key)
    if members is not None:
        members.discard(name)
        if not members:
            del index[key]
