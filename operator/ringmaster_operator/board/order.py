"""An order in which every bead stands before what it waits for: while there is one, nobody waits for itself.

A changed edge is looked at only where it goes against the order, and then only what stands between its ends
(Pearce and Kelly, A dynamic topological sort algorithm for directed acyclic graphs, 2006). So one dependency
more costs little, however long the chains are.
"""

from __future__ import annotations

from collections.abc import Iterable

from ringmaster_operator.board.graph import GATE, Graph, bead_of
from ringmaster_operator.board.sweep import drawn, waiters_first


class Order:
    """Of the nodes of a graph that somebody else edits. Not thread-safe.

    Nothing that has a place waits for a node that has none: that one gets its place when its edges change.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.places: dict[str, int] = {}
        """Lower is before; empty where no order is known. Of finished beads, whatever they had before."""
        self._first = 0
        self._budget = 0

    def set(self, nodes: Iterable[str]) -> None:
        """All nodes, each before what it waits for."""
        self.places = {node: place for place, node in enumerate(nodes)}
        self._first = 0

    def forget(self) -> None:
        """There is no order, or none that anybody knows."""
        self.set(())

    def drop(self, nodes: Iterable[str]) -> None:
        """These are nodes no more: who comes back must be placed anew, for its edges changed unseen."""
        for node in nodes:
            self.places.pop(node, None)

    def keep(self, edited: Iterable[str]) -> bool:
        """Bring it up to date after changes of the edges at these nodes; False where a node waits for itself.

        The order is then forgotten, and the next call looks for one in all the graph.
        """
        if not self.places:
            return self._anew()
        nodes = set(edited)
        nodes.update(gate for gate in [GATE + node for node in nodes] if gate in self.places)
        self._budget = len(self.places)
        work = sorted(nodes)
        while work:
            node = work.pop()
            if bead_of(node) not in self._graph.facts:
                self.places.pop(node, None)
            elif not self._fit(node, work):
                self.forget()
                return False
            if self._budget < 0:  # so much is against it that a new one is found sooner
                return self._anew()
        return True

    def _anew(self) -> bool:
        whole = drawn(self._graph)
        order = waiters_first(whole.below)
        found = len(order) == len(whole.nodes)
        self.set([whole.nodes[at] for at in order] if found else ())
        return found

    def _fit(self, node: str, work: list[str]) -> bool:
        """Put the edges of one node right; its neighbours without a place are added to the work."""
        places = self.places
        if node not in places:
            self._first -= 1
            places[node] = self._first
        for other in [other for other, _ in self._graph.below(node)]:
            if other not in places:
                work.append(other)
            elif places[other] < places[node] and not self._turn(node, other):
                return False
        for other in [other for other, _ in self._graph.above(node)]:
            if other not in places:
                work.append(other)
            elif places[node] < places[other] and not self._turn(other, node):
                return False
        return True

    def _turn(self, waiter: str, awaited: str) -> bool:
        """Bring a waiter before what it waits for; False if that waits for the waiter in turn.

        Other edges may still be against the order: those that lead out of the stretch between the two are
        left for later, and the rest does no harm, because all that moves keeps its order among itself.
        """
        places = self.places
        low, high = places[awaited], places[waiter]
        later, stack = {awaited}, [awaited]
        while stack:
            for other, _ in self._graph.below(stack.pop()):
                if other not in later and low <= places.get(other, self._first - 1) <= high:
                    if other == waiter:
                        return False
                    later.add(other)
                    stack.append(other)
        sooner, stack = {waiter}, [waiter]
        while stack:
            for other, _ in self._graph.above(stack.pop()):
                if other not in sooner and low <= places.get(other, self._first - 1) <= high:
                    sooner.add(other)
                    stack.append(other)
        self._budget -= len(later) + len(sooner)
        moved = [*sorted(sooner, key=places.__getitem__), *sorted(later, key=places.__getitem__)]
        places.update(zip(moved, sorted(places[node] for node in moved), strict=True))
        return True
