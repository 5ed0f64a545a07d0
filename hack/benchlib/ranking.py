"""`hack/bench ranking`: the board's arithmetic at 10,000 beads and 30,000 edges, beside networkx.

CPU time of one thread, so that what else the machine does counts little. networkx does what it has for the
same metrics; where it has nothing, it does what one would write with it.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import typer

from ringmaster_operator import garbage
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import derive
from ringmaster_operator.board.scoring import (
    SAMPLE,
    betweenness,
    flow,
    load_libraries,
    measured,
    outline,
)
from ringmaster_operator.board.sweep import drawn, labelled, waiters_first
from ringmaster_operator.resources.bead import Bead
from support.boards import NOON, NS, bead, edited, taken, worker

REACH = 200
"""In a local graph a bead waits for beads so near to it: long chains, as backlogs have."""


def main(
    beads: Annotated[int, typer.Option(help="Beads.", min=100)] = 10_000,
    edges: Annotated[int, typer.Option(help="Dependencies.", min=100)] = 30_000,
    seed: Annotated[int, typer.Option(help="Of the random graphs.")] = 1,
    turns: Annotated[int, typer.Option(help="Claims and updates that are measured.", min=10)] = 300,
) -> None:
    """Measure full recalculations, updates of one edge and claims; prints a Markdown table."""
    garbage.starting()  # as the operator does
    load_libraries()
    print("| graph | what | ours | networkx | ratio |\n|---|---|---|---|---|")
    for shape in ("uniform", "local"):
        made = graph(beads, edges, seed, local=shape == "local")
        for what, ours, theirs in figures(made, turns, random.Random(seed)):
            print(
                f"| {shape} | {what} | {shown(ours)} | {shown(theirs)} | {ratio(ours, theirs)} |", flush=True
            )


def graph(count: int, edges: int, seed: int, *, local: bool) -> list[Bead]:
    """Random beads, each waiting for earlier ones only."""
    chance = random.Random(seed)
    needs: list[set[int]] = [set() for _ in range(count)]
    while edges:
        later = chance.randrange(1, count)
        earlier = chance.randrange(max(0, later - REACH) if local else 0, later)
        if earlier not in needs[later] and len(needs[later]) < 100:
            needs[later].add(earlier)
            edges -= 1
    return [
        bead(
            f"b{number:05d}",
            priority=chance.choice(["P0", "P1", "P2", "P2", "P3", "P4"]),
            created=NOON - timedelta(minutes=chance.randrange(10_000)),
            depends_on=[f"b{other:05d}" for other in sorted(needs[number])],
        )
        for number in range(count)
    ]


Figures = list[tuple[str, list[float], list[float]]]


def figures(made: list[Bead], turns: int, chance: random.Random) -> Figures:
    """What was measured, ours and networkx's, in seconds."""
    board = Board()

    def fill() -> None:
        for item in made:
            board.put(item)
        board.refresh(NOON)

    filled = clocked(fill)
    plain = networkx_graph(made)
    scored = clocked(lambda: board.set_merits(NS, measured(board.snapshot(NS))))
    between = clocked_betweenness(board)
    inherited = clocked(networkx_priorities, plain)
    waits = board.room(NS).graph

    def rank() -> None:
        whole = drawn(waits)
        labelled(waits, whole, waiters_first(whole.below))

    ranked = clocked(rank)
    updates = [clocked(one_edge, board, chance.choice(made), chance) for _ in range(turns // 5)]
    claims = [clocked(claim, board) for _ in range(turns)]
    return [
        ("a board filled: facts, priorities, cycles, readiness", [filled], []),
        ("all priorities and cycles", [ranked], [inherited]),
        ("all scores", [scored], [clocked(networkx_scores, plain)]),
        ("the same without betweenness", [scored - between], []),
        ("one edge added or taken", updates, [inherited]),
        ("one claim: pick, reserve, take in", claims, []),
    ]


def clocked_betweenness(board: Board) -> float:
    """What of all scores is betweenness."""
    snapshot = board.snapshot(NS)
    shape = outline(snapshot.graph, snapshot.rings)
    return clocked(betweenness, shape, flow(shape).layers)


def one_edge(board: Board, item: Bead, chance: random.Random) -> None:
    """Toggle one dependency of a bead."""
    known = board.get(item.key)
    assert known is not None
    needs = list(known.spec.depends_on)
    if needs and chance.random() < 0.5:
        needs.pop()
    else:
        needs = [*needs, f"b{chance.randrange(int(item.metadata.name[1:]) or 1):05d}"]
    board.put(edited(known, depends_on=needs))
    board.refresh(NOON)


def claim(board: Board) -> None:
    """What the board does for one claim, its status patch included."""
    best = board.pick(HAND, NOON)
    assert best is not None, "nothing was left to claim"
    board.reserve(best.key, worker=HAND.metadata.name)
    claimed = taken(best)
    status = derive(claimed, board.view(best.key), NOON)
    board.refresh(NOON)
    board.put(best.model_copy(update={"status": status}))
    board.unreserve(best.key)
    board.refresh(NOON)


HAND = worker()


def networkx_graph(made: list[Bead]) -> Any:
    """Edges from who waits to what it waits for."""
    import networkx  # type: ignore[import-untyped]

    plain = networkx.DiGraph()
    for item in made:
        plain.add_node(item.metadata.name, rank=int(item.spec.priority[1]))
        plain.add_edges_from((item.metadata.name, other) for other in item.spec.depends_on)
    return plain


def networkx_priorities(plain: Any) -> None:
    """Inheritance over all beads, and whether there are cycles."""
    import networkx

    ranks = dict(plain.nodes(data="rank"))
    for node in networkx.topological_sort(plain):
        for other in plain.successors(node):
            ranks[other] = min(ranks[other], ranks[node])


def networkx_scores(plain: Any) -> None:
    """PageRank, sampled betweenness and the longest chain of each."""
    import networkx
    from networkx.algorithms.link_analysis.pagerank_alg import (  # type: ignore[import-untyped]
        _pagerank_python,
    )

    _pagerank_python(plain, tol=1e-8, max_iter=500)
    networkx.betweenness_centrality(plain, k=min(SAMPLE, len(plain)), seed=1)
    longest = dict.fromkeys(plain, 60)
    for node in networkx.topological_sort(plain):
        for other in plain.successors(node):
            longest[other] = max(longest[other], longest[node] + 60)


def clocked(act: Callable[..., object], *arguments: object) -> float:
    """Seconds of this thread's CPU."""
    began = time.thread_time()
    act(*arguments)
    return time.thread_time() - began


def shown(seconds: list[float]) -> str:
    """Median, and where there are many the 99th percentile."""
    if not seconds:
        return "—"
    middle = f"{statistics.median(seconds) * 1e3:.2f}"
    if len(seconds) == 1:
        return f"{middle} ms"
    return f"{middle} ms, p99 {statistics.quantiles(seconds, n=100)[98] * 1e3:.2f}"


def ratio(ours: list[float], theirs: list[float]) -> str:
    """How much longer networkx takes."""
    return f"{statistics.median(theirs) / statistics.median(ours):.1f}" if theirs else "—"


if __name__ == "__main__":
    typer.run(main)
