"""Whose urgency a bead works for.

Effective priority is the most urgent own priority among a bead and all that wait for it, however far. It is
found for many beads at once by one shortest-path walk from the lenders downwards, whose distance is
(urgency, beads between, name of the lender, names on the way): so the lender shown is the most urgent, then
the nearest, then the first by name, and its way the first by name, the same on every run.
"""

from __future__ import annotations

import heapq

from ringmaster_operator.board.graph import Graph, is_gate
from ringmaster_operator.resources.base import Priority

PATH_SHOWN = 10
"""As many as status.inheritedPath holds."""

PRIORITIES = tuple(Priority)
RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}

Label = tuple[int, int, str, tuple[str, ...]]
"""Urgency (0 is P0), beads between, lender, the way to it: what a node passes on to what it waits for."""
_Step = tuple[int, int, str, bool, tuple[str, ...], str]
"""A label on its way to a node. Gates come after the beads that they are as far as: so the order of steps is
an order of ways, and the first to arrive is the least."""


def spread(graph: Graph, region: set[str], labels: dict[str, Label]) -> None:
    """Find the labels of a region anew, in place.

    A region holds all that its nodes wait for; so what flows in from outside it is already right.
    """
    heap: list[_Step] = []
    for node in region:
        labels.pop(node, None)
        if not is_gate(node) and graph.lends(node):
            heap.append((RANK[graph.facts[node].priority], 0, node, False, (), node))
    for node in region:
        for other, step in graph.above(node):
            if other not in region and other in labels:
                heap.append(_step(other, labels[other], node, step))
    heapq.heapify(heap)
    while heap:
        rank, distance, lender, _, path, node = heapq.heappop(heap)
        if node in labels:
            continue
        labels[node] = label = (rank, distance, lender, path)
        for other, step in graph.below(node):
            if other not in labels:
                heapq.heappush(heap, _step(node, label, other, step))


def effective(graph: Graph, name: str, label: Label | None) -> tuple[Priority, str | None, tuple[str, ...]]:
    """A bead's effective priority and, if another one lends it, which and by which way."""
    own = graph.facts[name].priority
    if label is None or label[0] >= RANK[own]:
        return own, None, ()
    return PRIORITIES[label[0]], label[2], label[3]


def _step(node: str, label: Label, target: str, step: int) -> _Step:
    rank, distance, lender, path = label
    way = path if is_gate(node) else (node, *path)[:PATH_SHOWN]
    return rank, distance + step, lender, is_gate(target), way, target
