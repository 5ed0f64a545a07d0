"""How much hangs on a bead: what decides among equally urgent ones.

Four shares, each as a part of the greatest among all: PageRank (much waits for it, and what waits is wanted
itself), betweenness (many ways lead through it), critical path (the longest chain of work that waits for it)
and its own stated priority. Over unfinished beads only, and without those that wait for themselves. A graph
with few edges says nothing, and then age decides.

The board gives a snapshot of its graph; the arithmetic after that may run elsewhere. Everything is
sorted and sums run in one thread, so that the same graph always gives the same scores.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import partial
from itertools import compress, repeat
from typing import TYPE_CHECKING

from ringmaster_operator.board.graph import Graph
from ringmaster_operator.board.ranking import RANK
from ringmaster_operator.board.sweep import Drawn, drawn
from ringmaster_operator.resources.project import DEFAULT_ESTIMATE_MINUTES

if TYPE_CHECKING:
    import rustworkx

MOST = 1000
"""Points of the highest score."""
PAGERANK, BETWEENNESS, CRITICAL, STATED = 300, 250, 250, 200
"""Points of each share; together MOST."""
SPARSE = 4
"""With fewer than one edge to so many beads the graph says nothing."""
EXACT = 1000
"""Nodes up to which all ways are counted; above, those from SAMPLE nodes spread over the graph."""
SAMPLE = 256
_LOWEST = max(RANK.values())
_FRACTION = 0.6180339887498949
"""Of the golden section: its multiples spread evenly, whatever their number."""


@dataclass(frozen=True, slots=True)
class Merit:
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
    """The open part of a graph, in numbers: nodes by position, edges from who waits to what it waits for."""

    nodes: list[str]
    edges: list[tuple[int, int]]
    minutes: list[int]
    """0 for gates."""
    ranks: list[int]
    """Stated priority, 0 for P0; -1 for gates."""
    links: int
    """Edges between beads."""


def measured(taken: Snapshot) -> dict[str, Merit]:
    """The merit of each open bead; empty when the graph is too sparse to say anything."""
    return merits(outline(taken.graph, taken.rings))


def outline(graph: Graph, rings: Container[str]) -> Outline:
    """The open beads of a graph; rings holds those that wait for themselves, which are left out."""
    whole = drawn(graph, rings, partial(_endless, graph))
    idle = _idle_gates(whole)
    kept = [position for position in range(len(whole.nodes)) if position not in idle]
    at = {old: new for new, old in enumerate(kept)}
    beads = [graph.facts[name] for name in whole.nodes[: whole.beads]]
    gates = len(kept) - len(beads)
    return Outline(
        nodes=[whole.nodes[position] for position in kept],
        edges=[
            (at[position], at[other])
            for position in kept
            for other in sorted(set(whole.below[position]))
            if other not in idle
        ],
        minutes=[*(bead.estimate or DEFAULT_ESTIMATE_MINUTES for bead in beads), *repeat(0, gates)],
        ranks=[*(RANK[bead.priority] for bead in beads), *repeat(-1, gates)],
        links=sum(other < whole.beads for row in whole.below for other in row),
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
    beads = [rank >= 0 for rank in drawn.ranks]
    if drawn.links * SPARSE < sum(beads) or not drawn.links:
        return {}
    import rustworkx

    graph = wired(drawn)
    wanted = {position: float(_LOWEST + 1 - rank) for position, rank in enumerate(drawn.ranks) if rank >= 0}
    ranked = rustworkx.pagerank(graph, personalization=wanted, tol=1e-8, max_iter=500)
    pagerank = _points([ranked[position] for position in range(len(beads))], PAGERANK, beads)
    between = _points(betweenness(graph, drawn), BETWEENNESS, beads)
    minutes = _chains(rustworkx.topological_sort(graph), drawn)
    critical = _points([float(number) for number in minutes], CRITICAL, beads)
    stated = [STATED * (_LOWEST - rank) // _LOWEST for rank in drawn.ranks]
    made = map(Merit, pagerank, between, critical, stated, minutes)
    return dict(zip(compress(drawn.nodes, beads), compress(made, beads), strict=True))


def wired(drawn: Outline) -> rustworkx.PyDiGraph[int, None]:
    """The outline as the library has graphs."""
    import rustworkx

    graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph(
        check_cycle=False, multigraph=False, node_count_hint=len(drawn.nodes)
    )
    graph.add_nodes_from(range(len(drawn.nodes)))
    graph.add_edges_from_no_data(drawn.edges)
    return graph


def _points(values: list[float], most: int, beads: list[bool]) -> list[int]:
    top = max(compress(values, beads), default=0.0)
    return [round(most * value / top) if top > 0 else 0 for value in values]


def _chains(order: rustworkx.NodeIndices, drawn: Outline) -> list[int]:
    """The longest chain that ends in each node; order has who waits before what it waits for."""
    below: list[list[int]] = [[] for _ in drawn.nodes]
    for waiter, awaited in drawn.edges:
        below[waiter].append(awaited)
    longest = list(drawn.minutes)
    for node in order:
        for other in below[node]:
            longest[other] = max(longest[other], longest[node] + drawn.minutes[other])
    return longest


def betweenness(graph: rustworkx.PyDiGraph[int, None], drawn: Outline) -> list[float]:
    """How many shortest ways lead through each node."""
    import rustworkx

    count = len(drawn.nodes)
    if count <= EXACT:
        exact = rustworkx.digraph_betweenness_centrality(
            graph, normalized=False, parallel_threshold=count + 1
        )
        return [exact[node] for node in range(count)]
    from ringmaster_operator.board import sampling

    sources = sorted({int(count * (turn * _FRACTION % 1.0)) for turn in range(SAMPLE)})
    layers = [list(layer) for layer in rustworkx.topological_generations(graph)]
    return sampling.betweenness(count, drawn.edges, layers, sources)
