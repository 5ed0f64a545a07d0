"""How much hangs on a bead: what decides among equally urgent ones.

Four shares, each as a part of the greatest among all: PageRank (much waits for it, and what waits is wanted
itself), betweenness (many ways lead through it), critical path (the longest chain of work that waits for it)
and its own stated priority. Over unfinished beads only, and without those that wait for themselves. A graph
with few edges says nothing, and then age decides.

The board gives a snapshot of its graph; the arithmetic after that may run elsewhere. Everything is
sorted and sums run in one thread, so that the same graph always gives the same scores.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import NamedTuple

from ringmaster_operator.board.graph import Graph
from ringmaster_operator.board.ranking import RANK
from ringmaster_operator.board.sweep import Drawn, drawn
from ringmaster_operator.resources.project import DEFAULT_ESTIMATE_MINUTES

MOST = 1000
"""Points of the highest score."""
PAGERANK, BETWEENNESS, CRITICAL, STATED = 300, 250, 250, 200
"""Points of each share; together MOST."""
SPARSE = 4
"""With fewer than one edge to so many beads the graph says nothing."""
EXACT = 1000
"""Nodes up to which all ways are counted; above, those from SAMPLE nodes spread over the graph."""
SAMPLE = 256
DAMPING = 0.85
"""Of a node's PageRank, the part that it passes on."""
_LOWEST = max(RANK.values())
_FRACTION = 0.6180339887498949
"""Of the golden section: its multiples spread evenly, whatever their number."""


class Merit(NamedTuple):
    """What a bead's score is made of, in points."""

    pagerank: int
    betweenness: int
    critical: int
    stated: int
    minutes: int
    """Estimated work of the longest chain that waits for it, itself included."""

    @property
    def score(self) -> int:
        return self.pagerank + self.betweenness + self.critical + self.stated


@dataclass(frozen=True)
class Snapshot:
    """One state of a graph."""

    graph: Graph
    rings: frozenset[str]
    """Beads that wait for themselves."""


@dataclass(frozen=True)
class Outline:
    """The open part of a graph, in numbers: beads by position, and after them the gates."""

    nodes: list[str]
    below: list[list[int]]
    """What each waits for, nothing twice."""
    minutes: list[int]
    """Of the beads."""
    ranks: list[int]
    """Stated priorities of the beads, 0 for P0."""
    links: int
    """Edges to beads."""


class Flow(NamedTuple):
    """What comes down to each node of an outline from all that wait for it."""

    layers: list[list[int]]
    """Positions, sorted; each waits for nodes of later layers only."""
    pagerank: list[float]
    """As parts of any whole."""
    minutes: list[int]
    """Of the longest chain that ends in it."""


def measured(taken: Snapshot) -> dict[str, Merit]:
    """The merit of each open bead; empty when the graph is too sparse to say anything."""
    return merits(outline(taken.graph, taken.rings))


def outline(graph: Graph, rings: Container[str]) -> Outline:
    """The open beads of a graph; rings holds those that wait for themselves, which are left out."""
    whole = drawn(graph, rings, partial(_endless, graph))
    idle = _idle_gates(whole)
    if idle:
        whole = _without(whole, idle)
    beads = [graph.facts[name] for name in whole.nodes[: whole.beads]]
    return Outline(
        nodes=whole.nodes,
        below=whole.below,
        minutes=[bead.estimate or DEFAULT_ESTIMATE_MINUTES for bead in beads],
        ranks=[RANK[bead.priority] for bead in beads],
        links=sum(map(len, whole.below)) - sum(row[-1] >= whole.beads for row in whole.below if row),
    )


def _without(whole: Drawn, idle: Container[int]) -> Drawn:
    """The same without some gates."""
    kept = [position for position in range(len(whole.nodes)) if position not in idle]
    at = {old: new for new, old in enumerate(kept)}
    return Drawn(
        [whole.nodes[position] for position in kept],
        [[at[other] for other in whole.below[position] if other in at] for position in kept],
        whole.beads,
    )


def _endless(graph: Graph, name: str) -> bool:
    """Whether the way up from a parent leads into a ring of parents, in which gates wait for each other."""
    way = list(graph.upwards(name))
    return graph.facts[way[-1]].parent in way


def _idle_gates(whole: Drawn) -> set[int]:
    """Gates behind which nothing is waited for: they would only take rank from beads."""
    gates = range(whole.beads, len(whole.nodes))
    above: dict[int, list[int]] = {}
    stack = []
    for gate in gates:
        for other in whole.below[gate]:
            if other < whole.beads:
                stack.append(gate)
            else:
                above.setdefault(other, []).append(gate)
    used: set[int] = set()
    while stack:
        gate = stack.pop()
        if gate not in used:
            used.add(gate)
            stack.extend(above.get(gate, ()))
    return set(gates) - used


def load_libraries() -> None:
    """Import what merits needs, which takes longer than most of its work."""
    import rustworkx

    from ringmaster_operator.board import sampling

    del rustworkx, sampling


def merits(drawn: Outline) -> dict[str, Merit]:
    """The merit of each bead of an outline; empty when the graph is too sparse to say anything."""
    beads = len(drawn.ranks)
    if drawn.links * SPARSE < beads or not drawn.links:
        return {}
    down = flow(drawn)
    shares = zip(
        _points(down.pagerank[:beads], PAGERANK),
        _points(betweenness(drawn, down.layers)[:beads], BETWEENNESS),
        _points(down.minutes[:beads], CRITICAL),
        [STATED * (_LOWEST - rank) // _LOWEST for rank in drawn.ranks],
        down.minutes,
        strict=False,  # gates have minutes too
    )
    return dict(zip(drawn.nodes, map(Merit._make, shares), strict=False))


def flow(drawn: Outline) -> Flow:
    """PageRank and chains, from who waits to what it waits for: without cycles one pass finds both.

    Nothing flows back, so a node's PageRank is its own part (its stated urgency) and what comes down to it.
    """
    below = drawn.below
    gates = len(below) - len(drawn.ranks)
    pagerank = [*(float(_LOWEST + 1 - rank) for rank in drawn.ranks), *repeat(0.0, gates)]
    own = [*drawn.minutes, *repeat(0, gates)]
    minutes = [0] * len(below)
    waiters = [0] * len(below)
    for row in below:
        for other in row:
            waiters[other] += 1
    layers = []
    layer = [node for node, count in enumerate(waiters) if not count]
    while layer:
        layers.append(layer)
        found = []
        for node in layer:
            chain = minutes[node] = minutes[node] + own[node]
            row = below[node]
            part = DAMPING * pagerank[node] / (len(row) or 1)
            for other in row:
                pagerank[other] += part
                if chain > minutes[other]:
                    minutes[other] = chain
                waiters[other] -= 1
                if not waiters[other]:
                    found.append(other)
        layer = sorted(found)
    return Flow(layers, pagerank, minutes)


def _points(values: Iterable[float], most: int) -> list[int]:
    """As parts of the greatest."""
    import numpy as np

    shares = np.array(values, dtype=np.float64)
    top = shares.max(initial=0.0)
    found: list[int] = np.rint(most * shares / (top or 1.0)).astype(np.int64).tolist()
    return found


def betweenness(drawn: Outline, layers: list[list[int]]) -> list[float]:
    """How many shortest ways lead through each node."""
    count = len(drawn.nodes)
    if count > EXACT:
        from ringmaster_operator.board import sampling

        sources = sorted({int(count * (turn * _FRACTION % 1.0)) for turn in range(SAMPLE)})
        return sampling.betweenness(drawn.below, layers, sources)
    import rustworkx

    graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph(check_cycle=False, multigraph=False)
    graph.add_nodes_from(range(count))
    edges = [(node, other) for node, row in enumerate(drawn.below) for other in sorted(row)]
    graph.add_edges_from_no_data(edges)
    exact = rustworkx.digraph_betweenness_centrality(graph, normalized=False, parallel_threshold=count + 1)
    return [exact[node] for node in range(count)]
