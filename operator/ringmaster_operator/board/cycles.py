"""Beads that wait for themselves.

Every member of a ring is told which ring it is; the rest of the board goes on. Tarjan's algorithm with a
stack of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ringmaster_operator.board.graph import Graph, bead_of, is_gate

Ring = tuple[str, ...]
"""Names in the order in which each waits for the next, the last for the first."""
SHOWN = 12


def rings(graph: Graph, region: set[str]) -> dict[str, Ring]:
    """For each bead of the region that waits for itself, a shortest ring of its knot.

    A region holds all that its nodes wait for, so no ring leaves it.
    """
    found: dict[str, Ring] = {}
    for knot in _knots(graph, region):
        beads = sorted(node for node in knot if not is_gate(node))
        if beads:
            ring = _shortest(graph, beads[0], knot)
            found.update(dict.fromkeys(beads, ring))
    return found


def spell(name: str, ring: Ring) -> str:
    """The ring as a sentence about one of its members."""
    if name in ring:
        at = ring.index(name)
        turned = (*ring[at:], *ring[:at])
        return f"waits for itself: {_arrows(turned)}; remove one of these dependencies"
    return f"waits for itself through the cycle {_arrows(ring)}; remove one of these dependencies"


def _arrows(ring: Ring) -> str:
    shown = list(ring[:SHOWN])
    if len(ring) > SHOWN:
        shown.append(f"({len(ring) - SHOWN} more)")
    return " → ".join((*shown, ring[0]))


def _knots(graph: Graph, region: set[str]) -> Iterator[set[str]]:
    """Strongly connected components of more than one node."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    pending: list[str] = []
    waiting: set[str] = set()
    for root in sorted(region):
        if root in index:
            continue
        walk = [(root, _enter(graph, root, index, low, pending, waiting))]
        while walk:
            node, edges = walk[-1]
            deeper = next(edges, None)
            if deeper is None:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == index[node]:
                    knot = _leave(node, pending, waiting)
                    if len(knot) > 1:
                        yield knot
            elif deeper not in index:
                walk.append((deeper, _enter(graph, deeper, index, low, pending, waiting)))
            elif deeper in waiting:
                low[node] = min(low[node], index[deeper])


def _enter(
    graph: Graph,
    node: str,
    index: dict[str, int],
    low: dict[str, int],
    pending: list[str],
    waiting: set[str],
) -> Iterator[str]:
    index[node] = low[node] = len(index)
    pending.append(node)
    waiting.add(node)
    return (other for other, _ in graph.below(node))


def _leave(node: str, pending: list[str], waiting: set[str]) -> set[str]:
    at = len(pending) - 1
    while pending[at] != node:
        at -= 1
    knot = set(pending[at:])
    del pending[at:]
    waiting -= knot
    return knot


def _shortest(graph: Graph, start: str, knot: set[str]) -> Ring:
    """The shortest way from a bead back to itself inside its knot."""
    before: dict[str, str] = {}
    queue = deque([start])
    while start not in before:
        node = queue.popleft()
        for other in sorted(other for other, _ in graph.below(node) if other in knot):
            if other not in before:
                before[other] = node
                queue.append(other)
    ring = [start]
    node = before[start]
    while node != start:
        ring.append(node)
        node = before[node]
    return tuple(bead_of(node) for node in reversed([*ring[1:], start]))
