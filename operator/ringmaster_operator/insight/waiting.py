"""Who waits for each bead, directly or not: for all beads at once, as sets of bits."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from ringmaster_operator.board.graph import Graph


class Waiting:
    """The open beads that wait for each open bead."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._names = sorted(name for name, facts in graph.facts.items() if facts.open)
        self._bits = {name: 1 << place for place, name in enumerate(self._names)}
        self._above: dict[str, int] = {}
        self._fill()

    def count(self, name: str, among: Iterable[str] | None = None) -> int:
        """How many beads wait for it (of these alone, if given)."""
        found = self._above.get(name, 0) & ~self._bits.get(name, 0)
        if among is not None:
            found &= sum(self._bits[other] for other in among)
        return found.bit_count()

    def _fill(self) -> None:
        """From those that nobody waits for downwards; what rings hold up is walked by itself."""
        graph = self._graph
        nodes = graph.reach(self._names)
        left = Counter(other for node in nodes for other, _ in graph.below(node))
        above = dict.fromkeys(nodes, 0)
        queue = deque(sorted(node for node in nodes if not left[node]))
        done = set()
        while queue:
            node = queue.popleft()
            done.add(node)
            for other, _ in graph.below(node):
                above[other] |= above[node] | self._bits.get(node, 0)
                left[other] -= 1
                if not left[other]:
                    queue.append(other)
        for node in nodes - done:
            above[node] = self._walk(node)
        self._above = above

    def _walk(self, start: str) -> int:
        found, seen, stack = 0, {start}, [start]
        while stack:
            for other, _ in self._graph.above(stack.pop()):
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
                    found |= self._bits.get(other, 0)
        return found
