"""Priorities of a whole board in one go, for when most of it has changed: at the start, above all.

The wait graph in numbers: where nobody waits for themselves, all waiters can be put before what they wait
for, and one pass in that order finds each label from those above it. The labels are those that
`ranking.spread` finds, which asks the graph piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import repeat

from ringmaster_operator.board.graph import GATE, Graph
from ringmaster_operator.board.ranking import PATH_SHOWN, RANK, Label


@dataclass(frozen=True, slots=True)
class Drawn:
    """Unfinished beads by name, and after them the gates: by position, what each waits for."""

    nodes: list[str]
    below: list[list[int]]
    """Nothing twice; a gate, of which there is one at most, comes last."""
    beads: int
    """Nodes from this position on are gates."""


def drawn(graph: Graph, without: Container[str] = (), ends: Callable[[str], bool] = lambda _: False) -> Drawn:
    """The wait graph without some beads, and with the gates that the others wait for.

    ends: whether a parent's gate waits for no gate above it.
    """
    facts = graph.facts
    names = sorted(name for name, known in facts.items() if known.standing is None and name not in without)
    at = {name: position for position, name in enumerate(names)}
    gates: dict[str, int] = {}
    below = []
    for name in names:
        row: list[int] = []
        if graph.waits(name):
            known = facts[name]
            needs, children = known.depends_on, graph.children(name)
            row = _known(at, needs)
            if children:
                row += [at[child] for child in children if child in at and child not in needs]
            if known.parent is not None and known.parent in facts:
                row.append(gates.setdefault(known.parent, len(names) + len(gates)))
        below.append(row)
    parents = list(gates)
    for name in parents:  # grows on the way
        known = facts[name]
        others = known.depends_on if graph.waits(name) else ()
        row = [at[other] for other in others if other in at and facts[other].parent != name]
        if known.parent is not None and known.parent in facts and not ends(name):
            if known.parent not in gates:
                parents.append(known.parent)
            row.append(gates.setdefault(known.parent, len(names) + len(gates)))
        below.append(row)
    return Drawn([*names, *(GATE + name for name in parents)], below, len(names))


def _known(at: dict[str, int], names: tuple[str, ...]) -> list[int]:
    """Positions of those that have one; all at once, because mostly all have."""
    found = [*map(at.get, names, repeat(-1))]
    return [position for position in found if position >= 0] if -1 in found else found


def waiters_first(below: list[list[int]]) -> list[int]:
    """Positions, each before what it waits for; without those in rings and all that these wait for."""
    waiters = [0] * len(below)
    for row in below:
        for other in row:
            waiters[other] += 1
    order = [position for position, count in enumerate(waiters) if not count]
    for position in order:  # grows on the way
        for other in below[position]:
            waiters[other] -= 1
            if not waiters[other]:
                order.append(other)
    return order


def labelled(graph: Graph, whole: Drawn, order: list[int]) -> dict[str, Label]:
    """The label of each node; the order holds all of them."""
    nodes, beads = whole.nodes, whole.beads
    step = beads + 1  # a key is urgency, beads between and the lender's position, as one number
    far = step * step
    none = len(RANK) * far
    best = [none] * len(nodes)
    ways: list[tuple[str, ...]] = [()] * len(nodes)
    for position in range(beads):
        if graph.lends(nodes[position]):
            best[position] = RANK[graph.facts[nodes[position]].priority] * far + position
    for position in order:
        key, row = best[position], whole.below[position]
        if key == none or not row:
            continue
        way = ways[position] if position >= beads else (nodes[position], *ways[position])[:PATH_SHOWN]
        for other in row:
            onward = key + step if other < beads else key
            if onward < best[other] or (onward == best[other] and way < ways[other]):
                best[other], ways[other] = onward, way
    return {
        node: (key // far, key % far // step, nodes[key % step], way)
        for node, key, way in zip(nodes, best, ways, strict=True)
        if key != none
    }
