"""Priorities and cycles of one namespace's beads, brought up to date as far as changes reach."""

from __future__ import annotations

from collections.abc import Iterable

from ringmaster_operator.board.cycles import Ring, rings
from ringmaster_operator.board.graph import GATE, Graph, bead_of, is_gate
from ringmaster_operator.board.order import Order
from ringmaster_operator.board.ranking import Label, spread
from ringmaster_operator.board.sweep import drawn, labelled, waiters_first


class Ranks:
    """Of a graph that somebody else edits, and marks before. Not thread-safe."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.labels: dict[str, Label] = {}
        self.rings: dict[str, Ring] = {}
        """By bead that waits for itself."""
        self.order = Order(graph)
        self._edited: set[str] = set()
        """Nodes whose edges or urgency have changed: a new ring leads through one of them."""
        self._seeds: set[str] = set()  # what they waited for until then
        self._parents: set[str] = set()  # whose children they were until then

    @property
    def outdated(self) -> bool:
        """Whether anything was marked since it was last brought up to date."""
        return bool(self._edited)

    def mark(self, names: Iterable[str]) -> None:
        """The edges or the urgency of these beads are about to change."""
        for name in names:
            gate = GATE + name  # its children may have been marked before, and have left
            nodes = (name, gate) if gate in self.labels or self._graph.children(name) else (name,)
            self._edited.update(nodes)
            if name in self._graph.facts:
                if parent := self._graph.facts[name].parent:
                    self._parents.add(parent)
                for node in nodes:
                    self._seeds.update(other for other, _ in self._graph.below(node))

    def renew(self) -> set[str]:
        """Bring all up to date; the beads that now have to be judged anew."""
        most = 2 * len(self._edited) > len(self._graph.facts)
        found = self._anew() if most and not self.rings else None
        if found is None:
            found = self._piecemeal()
        for marked in (self._seeds, self._edited, self._parents):
            marked.clear()
        return found

    def _anew(self) -> set[str] | None:
        """All at once; None, and nothing done, where beads wait for themselves."""
        whole = drawn(self._graph)
        order = waiters_first(whole.below)
        if len(order) < len(whole.nodes):
            return None
        self.order.set([whole.nodes[position] for position in order])
        before, self.labels = self.labels, labelled(self._graph, whole, order)
        changed = {node for node, label in self.labels.items() if before.get(node) != label}
        return {node for node in changed | (before.keys() - self.labels) if not is_gate(node)}

    def _piecemeal(self) -> set[str]:
        seeds = self._seeds | self._edited
        gone = {node for node in seeds if bead_of(node) not in self._graph.facts}
        found = {node for node in spread(self._graph, seeds, self.labels) if not is_gate(node)}
        self.order.drop(GATE + name for name in self._parents if not self._graph.children(name))
        if self.rings or not self.order.keep(self._edited):
            self.order.forget()
            found |= self._find_rings(self._graph.reach(seeds), gone)
        return found

    def _find_rings(self, region: set[str], gone: set[str]) -> set[str]:
        before = {node: self.rings.pop(node, None) for node in region | gone}
        self.rings.update(rings(self._graph, region))
        changed = {node for node, ring in before.items() if ring != self.rings.get(node)}
        return changed.union(*map(self._graph.dependents, changed))  # who waits for them names them
