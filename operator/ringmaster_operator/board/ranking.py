"""Whose urgency a bead works for.

Effective priority is the most urgent own priority among a bead and all that wait for it, however far. It is
found for many beads at once by one shortest-path walk from the lenders downwards, whose distance is
(urgency, beads between, name of the lender, names on the way): so the lender shown is the most urgent, then
the nearest, then the first by name, and its way the first by name, the same on every run.
"""

from __future__ import annotations

import heapq

from ringmaster_operator.board.graph import Graph, bead_of, is_gate
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


def spread(graph: Graph, seeds: set[str], labels: dict[str, Label]) -> set[str]:
    """Bring labels up to date after changes at the seeds; the nodes whose label is another one now.

    Seeds are nodes whose own urgency or edges have changed, and those that they waited for. Only what took
    its label by them is found anew, and what they have something better for; all else stays right.
    """
    here = {node for node in seeds if bead_of(node) in graph.facts}
    for node in seeds - here:
        labels.pop(node, None)
    region = _derived(graph, here.union(other for node in here for other, _ in graph.below(node)), labels)
    before: dict[str, Label | None] = {node: labels.pop(node, None) for node in region}
    heap: list[_Step] = []
    for node in region:
        if not is_gate(node) and graph.lends(node):
            heap.append((RANK[graph.facts[node].priority], 0, node, False, (), node))
        for other, step in graph.above(node):
            if other not in region and other in labels:
                heap.append(_step(other, labels[other], node, step))
    heapq.heapify(heap)
    while heap:
        rank, distance, lender, _, path, node = heapq.heappop(heap)
        label = (rank, distance, lender, path)
        known = labels.get(node)
        if known is not None and known <= label:
            continue
        before.setdefault(node, known)
        labels[node] = label
        for other, length in graph.below(node):
            onward = _step(node, label, other, length)
            present = labels.get(other)
            if present is None or (*onward[:3], onward[4]) < present:
                heapq.heappush(heap, onward)
    return {node for node, known in before.items() if labels.get(node) != known}


def _derived(graph: Graph, seeds: set[str], labels: dict[str, Label]) -> set[str]:
    """The seeds, and all that may have taken its label from one of them."""
    found = set(seeds)
    stack = list(found)
    while stack:
        node = stack.pop()
        label = labels.get(node)
        if label is None:
            continue
        rank, distance, lender, _ = label
        for other, step in graph.below(node):
            known = labels.get(other)
            if other not in found and known is not None and known[:3] == (rank, distance + step, lender):
                found.add(other)
                stack.append(other)
    return found


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
