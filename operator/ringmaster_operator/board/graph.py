"""Who waits for whom, in one namespace.

A bead waits for what it depends on and for its children; children also wait for what their ancestors depend
on. That last kind would be one edge for each child and each dependency, so every parent has a *gate*: its
children wait for the gate, and the gate waits for the parent's dependencies and for the gate above.
Everything walks with a stack of its own: chains are as long as people make them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ringmaster_operator.board.facts import Facts
from ringmaster_operator.resources.bead import Desired

Edge = tuple[str, int]
"""A node and its distance in beads: 1, or 0 where only a gate lies between."""
GATE = "^"
"""Begins a gate's node name; no object's name does."""

_FORCE = {Desired.RUN: 0, Desired.HOLD: 1, Desired.CANCEL: 2}
NOTHING: frozenset[str] = frozenset()


def is_gate(node: str) -> bool:
    return node[0] == GATE


def bead_of(node: str) -> str:
    """The bead that a node is, or whose gate it is."""
    return node.removeprefix(GATE)


class Graph:
    """Facts by name, with the reverse of each reference."""

    def __init__(self) -> None:
        self.facts: dict[str, Facts] = {}
        self._dependents: dict[str, set[str]] = {}
        self._children: dict[str, set[str]] = {}
        self._wishes: dict[str, tuple[Desired, str]] = {}
        self._waits: dict[str, bool] = {}

    def copy(self) -> Graph:
        """The same graph, which stays as it is when this one changes."""
        made = Graph()
        made.facts = dict(self.facts)
        made._dependents = {name: set(others) for name, others in self._dependents.items()}
        made._children = {name: set(others) for name, others in self._children.items()}
        made._wishes = dict(self._wishes)
        made._waits = dict(self._waits)
        return made

    def dependents(self, name: str) -> set[str] | frozenset[str]:
        """Beads that name it in dependsOn, whether it exists or not."""
        return self._dependents.get(name, NOTHING)

    def children(self, name: str) -> set[str] | frozenset[str]:
        """Beads that name it as their parent, whether it exists or not."""
        return self._children.get(name, NOTHING)

    def place(self, name: str, facts: Facts | None) -> None:
        """Put, replace or (None) remove a bead."""
        old = self.facts.pop(name, None)
        if old is not None:
            _unlink(self._dependents, old.depends_on, name)
            _unlink(self._children, (old.parent,) if old.parent else (), name)
        if facts is not None:
            self.facts[name] = facts
            for other in facts.depends_on:
                self._dependents.setdefault(other, set()).add(name)
            if facts.parent:
                self._children.setdefault(facts.parent, set()).add(name)
        for item in self.subtree([name]):
            self._wishes.pop(item, None)
            self._waits.pop(item, None)

    def subtree(self, names: Iterable[str]) -> set[str]:
        """The named beads with their children, their children's children and so on."""
        found = set(names)
        stack = [name for name in found if name in self._children]
        while stack:
            for child in self._children[stack.pop()]:
                if child not in found:
                    found.add(child)
                    if child in self._children:
                        stack.append(child)
        return found

    def upwards(self, name: str) -> Iterator[str]:
        """The bead, its parent, and so on; each once, even if they form a ring."""
        seen: set[str] = set()
        step: str | None = name
        while step is not None and step in self.facts and step not in seen:
            yield step
            seen.add(step)
            step = self.facts[step].parent

    def wish(self, name: str) -> tuple[Desired, str]:
        """What is wished of a bead, by itself or an ancestor, and the nearest that wishes it."""
        facts = self.facts.get(name)
        if facts is not None and facts.parent is None:
            return facts.desired, name  # as quickly made as found
        known = self._wishes.get(name)
        if known is not None:
            return known
        path: dict[str, None] = {}
        above = (Desired.RUN, name)
        step: str | None = name
        while step is not None and step in self.facts:
            if step in self._wishes:
                above = self._wishes[step]
                break
            if step in path:
                walked = list(path)
                above = self._strongest(walked[walked.index(step) :])
                break
            path[step] = None
            step = self.facts[step].parent
        for item in reversed(path):
            own = self.facts[item].desired
            if _FORCE[own] >= _FORCE[above[0]]:
                above = (own, item)
            self._wishes[item] = above
        return above

    def waits(self, name: str) -> bool:
        """Whether it waits for anything at all: not when it is finished or on the way to be cancelled."""
        facts = self.facts.get(name)
        if facts is not None and facts.parent is None:
            return facts.standing is None and facts.desired is not Desired.CANCEL
        known = self._waits.get(name)
        if known is None:
            known = facts is not None and facts.open and self.wish(name)[0] is not Desired.CANCEL
            self._waits[name] = known
        return known

    def lends(self, name: str) -> bool:
        """Whether its own priority counts for what it waits for: not when it is held either."""
        return self.facts[name].open and self.wish(name)[0] is Desired.RUN

    def below(self, node: str) -> Iterator[Edge]:
        """What a node waits for, as far as that exists and is not finished."""
        gate = node[0] == GATE
        name = node[1:] if gate else node
        facts = self.facts[name]
        waits = self.waits(name)
        if waits:
            for other in facts.depends_on:
                target = self.facts.get(other)
                if target is not None and target.standing is None and not (gate and target.parent == name):
                    yield other, 1
            for child in () if gate else self._children.get(name, ()):
                if self.facts[child].standing is None:
                    yield child, 1
        if (waits or gate) and facts.parent and facts.parent in self.facts:
            yield GATE + facts.parent, 0

    def above(self, node: str) -> Iterator[Edge]:
        """What waits for a node: the reverse of below."""
        if node[0] == GATE:
            for child in self._children.get(node[1:], ()):
                if self.waits(child):
                    yield child, 0
                if child in self._children:
                    yield GATE + child, 0
            return
        facts = self.facts[node]
        if facts.standing is not None:
            return
        for other in self._dependents.get(node, ()):
            if self.waits(other):
                yield other, 1
                if other in self._children and facts.parent != other:
                    yield GATE + other, 1
        if facts.parent and self.waits(facts.parent):
            yield facts.parent, 1

    def reach(self, nodes: Iterable[str]) -> set[str]:
        """The nodes that exist, and all that they wait for, however far."""
        found: set[str] = set()
        stack = [node for node in nodes if bead_of(node) in self.facts]
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(other for other, _ in self.below(node))
        return found

    def _strongest(self, ring: list[str]) -> tuple[Desired, str]:
        force = max(_FORCE[self.facts[item].desired] for item in ring)
        name = min(item for item in ring if _FORCE[self.facts[item].desired] == force)
        return self.facts[name].desired, name


def _unlink(index: dict[str, set[str]], targets: Iterable[str], name: str) -> None:
    for target in targets:
        index[target].discard(name)
        if not index[target]:
            del index[target]
