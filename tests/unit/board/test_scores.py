"""What hangs on a bead, measured: against a second library, and against what a person would say."""

from __future__ import annotations

import random
from datetime import timedelta

import networkx  # type: ignore[import-untyped]
import pytest
import rustworkx
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board import scoring
from ringmaster_operator.board.sampling import betweenness
from ringmaster_operator.board.scoring import DAMPING, Merit, Outline, flow, merits, outline
from ringmaster_operator.resources.bead import Bead
from support.boards import NOON, NS, bead, board_of, edited, ended, examples


def scored(*beads: Bead) -> dict[str, Merit]:
    return merits(outline(board_of(*beads).room(NS).graph, frozenset()))


CHAIN = [bead("a"), bead("b", depends_on=["a"]), bead("c", depends_on=["b"])]
edges = st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=60).map(
    lambda pairs: sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
)


@examples(50)
@given(edges)
def test_counting_ways_from_every_node_equals_two_libraries(pairs: list[tuple[int, int]]) -> None:
    graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(25))
    graph.add_edges_from_no_data(pairs)
    layers = [list(layer) for layer in rustworkx.topological_generations(graph)]
    below = [[high for low, high in pairs if low == node] for node in range(25)]
    ours = betweenness(below, layers, list(range(25)))
    exact = rustworkx.digraph_betweenness_centrality(graph, normalized=False)
    assert ours == pytest.approx([exact[node] for node in range(25)])
    plain = networkx.DiGraph(pairs)
    plain.add_nodes_from(range(25))
    theirs = networkx.betweenness_centrality(plain, normalized=False)
    assert ours == pytest.approx([theirs[node] for node in range(25)])


@examples(50)
@given(edges, st.sets(st.integers(0, 24), min_size=1))
def test_counting_ways_from_some_nodes_equals_another_library(
    pairs: list[tuple[int, int]], sources: set[int]
) -> None:
    drawn = drawn_from(pairs, [2] * 25)
    plain = networkx.DiGraph(pairs)
    plain.add_nodes_from(range(25))
    theirs = networkx.betweenness_centrality_subset(plain, sorted(sources), list(range(25)))
    ours = betweenness(drawn.below, flow(drawn).layers, sorted(sources))
    assert ours == pytest.approx([theirs[node] for node in range(25)])


@examples(50)
@given(edges, st.lists(st.integers(0, 4), min_size=25, max_size=25))
def test_what_flows_down_is_the_pagerank_of_another_library_and_the_longest_chain(
    pairs: list[tuple[int, int]], ranks: list[int]
) -> None:
    drawn = drawn_from(pairs, ranks)
    down = flow(drawn)
    graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(25))
    graph.add_edges_from_no_data(pairs)
    wanted = {node: 5.0 - rank for node, rank in enumerate(ranks)}
    theirs = rustworkx.pagerank(graph, alpha=DAMPING, personalization=wanted, tol=1e-12, max_iter=1000)
    whole = sum(down.pagerank)
    assert [value / whole for value in down.pagerank] == pytest.approx([theirs[at] for at in range(25)])
    for node in range(25):
        waiters = [waiter for waiter, awaited in pairs if awaited == node]
        longest = max((down.minutes[waiter] for waiter in waiters), default=0)
        assert down.minutes[node] == longest + drawn.minutes[node]
    layer_of = {node: number for number, layer in enumerate(down.layers) for node in layer}
    assert len(layer_of) == 25
    assert all(layer_of[waiter] < layer_of[awaited] for waiter, awaited in pairs)


def drawn_from(pairs: list[tuple[int, int]], ranks: list[int]) -> Outline:
    """Beads that take longer the less urgent they are; edges from who waits."""
    below = [[awaited for waiter, awaited in pairs if waiter == node] for node in range(len(ranks))]
    return Outline(
        [f"b{node}" for node in range(len(ranks))], below, [10 + rank for rank in ranks], ranks, len(pairs)
    )


def test_a_child_that_its_parent_also_depends_on_is_one_edge() -> None:
    both = board_of(bead("e", depends_on=["c"]), bead("c", parent="e")).room(NS).graph
    one = board_of(bead("e"), bead("c", parent="e")).room(NS).graph
    assert outline(both, frozenset()) == outline(one, frozenset())
    assert outline(both, frozenset()).links == 1


def test_a_sample_finds_the_bottleneck_of_a_large_graph() -> None:
    """Two halves of 800 beads that meet in one: above the size to which every way is counted."""
    chance = random.Random(7)
    early = [bead(f"early{number:03d}") for number in range(800)]
    names = [item.metadata.name for item in early]
    neck = [bead(f"to-neck{number}", depends_on=chance.sample(names, 90)) for number in range(20)]
    middle = bead("neck", depends_on=[item.metadata.name for item in neck])
    late = [bead(f"late{number:03d}", depends_on=["neck"]) for number in range(400)]
    found = scored(*early, *neck, middle, *late)
    assert max(found, key=lambda name: found[name].betweenness) == "neck"
    assert found == scored(*reversed(late), middle, *neck, *early)


def test_what_comes_first_hangs_together_with_all_that_follows() -> None:
    found = scored(*CHAIN)
    assert found["b"].score > found["c"].score
    assert (found["a"].pagerank, found["a"].critical, found["b"].betweenness) == (300, 250, 250)
    assert [found[name].minutes for name in "abc"] == [180, 120, 60]


def test_estimates_weigh_the_path() -> None:
    long, short = bead("long", depends_on=["x"], estimate_minutes=600), bead("short", depends_on=["y"])
    found = scored(bead("x"), bead("y"), long, short)
    assert (found["x"].minutes, found["y"].minutes) == (660, 120)
    assert found["x"].critical > 5 * found["y"].critical


def test_what_urgent_beads_wait_for_has_more_rank() -> None:
    found = scored(
        bead("x"), bead("y"), bead("top", priority="P0", depends_on=["x"]), bead("low", depends_on=["y"])
    )
    assert found["x"].pagerank > found["y"].pagerank
    assert (found["top"].stated, found["low"].stated) == (200, 100)


def test_few_edges_say_nothing_and_age_decides() -> None:
    older = bead("older", created=NOON - timedelta(days=1))
    beads = [*CHAIN[:2], older, *(bead(f"z{number}") for number in range(2))]
    assert scored(*beads) == {}
    board = board_of(*beads)
    assert board.ranked(NS)[0] == "older"
    assert board.view((NS, "a")).score == 0


def test_only_open_beads_count_and_rings_are_left_out() -> None:
    board = board_of(
        ended("done"),
        bead("x", depends_on=["y"]),
        bead("y", depends_on=["x"]),
        bead("b", depends_on=["a", "done"]),
        bead("a"),
        bead("w", depends_on=["x"]),
    )
    assert set(board.room(NS).merits) == {"a", "b", "w"}


def test_a_ring_of_parents_alone_does_no_harm() -> None:
    p, q = bead("p", depends_on=["d"]), bead("q", depends_on=["d"])
    ring = [edited(ended("p"), parent="q"), edited(ended("q"), parent="p")]
    board = board_of(*ring, bead("d"), bead("c", parent="p"), bead("e", depends_on=["d"]))
    assert set(board.room(NS).merits) == {"c", "d", "e"}
    board.put(edited(p, parent="q"))
    board.put(edited(q, parent="p"))
    board.refresh(NOON)
    board.rescore()
    assert "d" in board.room(NS).merits


def test_children_count_through_their_parents_gate_and_gates_that_lead_nowhere_take_nothing() -> None:
    parts = [bead(f"c{number}", parent="e") for number in range(3)]
    found = scored(bead("d"), bead("e", type="epic", depends_on=["d"]), *parts)
    assert found["d"].minutes == 180
    assert found["d"].score > found["c0"].score
    drawn = outline(board_of(bead("e", type="epic"), *parts).room(NS).graph, frozenset())
    assert drawn.nodes == ["c0", "c1", "c2", "e"]


def test_a_ready_bead_counts_a_quarter_more_up_to_the_most() -> None:
    board = board_of(*CHAIN)
    merit = board.room(NS).merits
    assert board.view((NS, "b")).score == merit["b"].score
    assert board.view((NS, "a")).score == min(1000, merit["a"].score * 5 // 4)


def test_nothing_is_scored_before_it_is_known_who_waits_for_themselves() -> None:
    board = board_of(*CHAIN)
    board.put(edited(CHAIN[0], depends_on=[CHAIN[-1].metadata.name]))
    board.rescore()
    assert set(board.room(NS).merits) == {item.metadata.name for item in CHAIN}
    board.refresh(NOON)
    board.rescore()
    assert board.room(NS).merits == {}


def test_scores_are_stale_only_after_what_can_change_them() -> None:
    board = board_of(*CHAIN)
    assert board.unscored() == []
    board.put(edited(CHAIN[0], description="more"))
    assert board.unscored() == []
    board.put(edited(CHAIN[0], estimate_minutes=600))
    assert board.unscored() == [NS]
    board.rescore()
    assert (board.unscored(), board.room(NS).merits["a"].minutes) == ([], 720)


@examples(30)
@given(edges, st.randoms(use_true_random=False))
def test_the_same_beads_score_the_same_in_any_order(
    pairs: list[tuple[int, int]], chance: random.Random
) -> None:
    needs: dict[int, list[str]] = {}
    for low, high in pairs:
        needs.setdefault(high, []).append(f"b{low}")
    beads = [bead(f"b{number}", depends_on=needs.get(number, [])) for number in range(25)]
    first = scored(*beads)
    chance.shuffle(beads)
    assert scored(*beads) == first
    assert all(0 <= merit.score <= scoring.MOST for merit in first.values())
