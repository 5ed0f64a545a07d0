"""Whose urgency a bead works for, and how many wait for it.

Effective priority is the most urgent own priority among a bead and all that wait for it, however far. It is
found for many beads at once by one shortest-path walk from the lenders downwards, whose distance is
(urgency, beads between, name of the lender): so the lender shown is the most urgent, then the nearest, then
the first by name, the same on every run.
"""

from __future__ import annotations

import heapq

from ringmaster_operator.board.graph import Graph, is_gate
from ringmaster_operator.resources.base import Priority

SCORE_LIMIT = 20
"""Waiting beads are counted up to here: a bounded walk, and a new bead far above rewrites no status below."""

PRIORITIES = tuple(Priority)
RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}

Label = tuple[int, int, str]
"""Urgency (0 is P0), beads between, lender: what a node passes on to what it waits for."""


def spread(graph: Graph, region: set[str], labels: dict[str, Label]) -> None:
    """Find the labels of a region anew, in place.

    A region holds all that its nodes wait for; so what flows in from outside it is already right.
    """
    heap: list[tuple[Label, str]] = []
    for node in region:
        labels.pop(node, None)
        if not is_gate(node) and graph.lends(node):
            heap.append(((RANK[graph.facts[node].priority], 0, node), node))
    for node in region:
        for other, step in graph.above(node):
            if other not in region and other in labels:
                rank, distance, lender = labels[other]
                heap.append(((rank, distance + step, lender), node))
    heapq.heapify(heap)
    while heap:
        label, node = heapq.heappop(heap)
        if node in labels:
            continue
        labels[node] = label
        rank, distance, lender = label
        for other, step in graph.below(node):
            if other not in labels:
                heapq.heappush(heap, ((rank, distance + step, lender), other))


def effective(graph: Graph, name: str, label: Label | None) -> tuple[Priority, str | None]:
    """A bead's effective priority and its lender, if it is another one."""
    own = graph.facts[name].priority
    if label is None or label[0] >= RANK[own]:
        return own, None
    return PRIORITIES[label[0]], label[2]


def score(graph: Graph, name: str) -> int:
    """How many beads wait for this one, directly or not, counted up to SCORE_LIMIT."""
    if not graph.facts[name].open:
        return 0
    seen = {name}
    stack = [name]
    count = 0
    while stack:
        for other, _ in graph.above(stack.pop()):
            if other in seen:
                continue
            seen.add(other)
            stack.append(other)
            if not is_gate(other):
                count += 1
                if count == SCORE_LIMIT:
                    return count
    return count
