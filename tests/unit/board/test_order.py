"""The order that says that nobody waits for themselves: kept piece by piece, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.cycles import rings
from ringmaster_operator.board.facts import facts_of
from ringmaster_operator.board.graph import GATE, Edge, Graph
from ringmaster_operator.board.ranking import Label, spread
from ringmaster_operator.board.ranks import Ranks
from ringmaster_operator.resources.bead import Bead
from support.boards import bead, edited, ended, examples

COUNT = 16
CHAIN = 3000
numbers = st.integers(0, COUNT - 1)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, Bead | None]:
    """Mostly later beads that wait for earlier ones, so that most boards have no ring."""
    number, backwards = draw(numbers), draw(st.integers(0, 19)) == 0
    others = st.integers(0, COUNT - 1 if backwards else max(0, number - 1))
    name, state = f"b{number}", draw(st.sampled_from(["open"] * 7 + ["ended", "cancel", "gone"]))
    if state == "gone":
        return name, None
    made = ended(name) if state == "ended" else bead(name, desired="Cancel" if state == "cancel" else "Run")
    changes: dict[str, Any] = {
        "depends_on": [f"b{other}" for other in draw(st.lists(others, max_size=3))],
        "parent": f"b{draw(numbers)}" if draw(st.integers(0, 4)) == 0 else None,
    }
    return name, edited(made, **changes)


class Edited:
    """A graph that changes, with what follows from it."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph or Graph()
        self.ranks = Ranks(self.graph)

    def put(self, name: str, item: Bead | None) -> None:
        self.ranks.mark(self.graph.subtree([name]))
        self.graph.place(name, facts_of(item) if item is not None else None)

    def edges(self) -> Iterator[tuple[str, str]]:
        for node in self.graph.reach(self.graph.facts):
            yield from ((node, other) for other, _ in self.graph.below(node))

    def labels(self) -> dict[str, Label]:
        found: dict[str, Label] = {}
        spread(self.graph, {node for name in self.graph.facts for node in (name, GATE + name)}, found)
        return found


@examples(100)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=25))
def test_rings_are_found_and_the_order_holds_after_every_change(
    steps: list[list[tuple[str, Bead | None]]],
) -> None:
    twin = Edited()
    for number in range(COUNT):
        twin.put(f"b{number}", bead(f"b{number}", depends_on=[f"b{number // 2}"] if number else []))
    twin.ranks.renew()
    for step in steps:
        for name, item in step:
            twin.put(name, item)
        twin.ranks.renew()
        assert twin.ranks.rings == rings(twin.graph, twin.graph.reach(twin.graph.facts))
        labels = twin.labels()
        assert {node: twin.ranks.labels[node] for node in labels} == labels
        places = twin.ranks.order.places
        if places:
            assert not twin.ranks.rings
            assert all(places[waiter] < places[awaited] for waiter, awaited in twin.edges())


class Counted(Graph):
    """Counts how often somebody looks at a node's edges."""

    looks = 0

    def below(self, node: str) -> Iterator[Edge]:
        self.looks += 1
        return super().below(node)

    def above(self, node: str) -> Iterator[Edge]:
        self.looks += 1
        return super().above(node)


def chain() -> tuple[Edited, Counted]:
    """Each waits for the one before it."""
    graph = Counted()
    twin = Edited(graph)
    for number in range(CHAIN):
        twin.put(f"b{number}", bead(f"b{number}", priority="P0", depends_on=needs(number)))
    twin.ranks.renew()
    graph.looks = 0
    return twin, graph


def needs(number: int, *more: str) -> list[str]:
    return [*([f"b{number - 1}"] if number else []), *more]


def test_a_dependency_that_goes_with_the_order_costs_the_same_in_a_long_chain() -> None:
    twin, graph = chain()
    middle = f"b{CHAIN // 2}"
    twin.put(middle, bead(middle, priority="P0", depends_on=needs(CHAIN // 2, f"b{CHAIN // 2 - 3}")))
    twin.put("new", bead("new", depends_on=[middle]))
    assert twin.ranks.renew() == {"new"}
    assert graph.looks < 60


def test_a_ring_through_a_long_chain_is_found_and_its_end_too() -> None:
    twin, _ = chain()
    first = bead("b0", priority="P0", depends_on=[f"b{CHAIN - 1}"])
    twin.put("b0", first)
    twin.ranks.renew()
    assert len(twin.ranks.rings) == CHAIN
    twin.put("b0", edited(first, depends_on=[]))
    twin.ranks.renew()
    assert not twin.ranks.rings
    twin.put("b1", bead("b1", priority="P0"))
    twin.ranks.renew()
    assert twin.ranks.order.places["b2"] < twin.ranks.order.places["b1"]


def test_what_comes_in_against_the_order_is_brought_into_it() -> None:
    """A chain whose beads come one after the other, the last first."""
    twin = Edited()
    for number in range(50):
        twin.put(f"z{number}", bead(f"z{number}"))
    twin.ranks.renew()
    for number in reversed(range(20)):
        twin.put(f"b{number}", bead(f"b{number}", depends_on=needs(number)))
        twin.ranks.renew()
    places = twin.ranks.order.places
    assert [places[f"b{number}"] for number in range(20)] == sorted(
        (places[f"b{number}"] for number in range(20)), reverse=True
    )


def test_a_gate_that_lost_its_children_is_no_gap_when_they_come_back() -> None:
    twin = Edited()
    child = bead("c", parent="p")
    for item in (child, bead("p"), bead("x", depends_on=["c"]), *(bead(f"z{at}") for at in range(20))):
        twin.put(item.metadata.name, item)
    for item in (bead("c"), bead("p", depends_on=["x"]), child):
        assert not twin.ranks.rings
        twin.ranks.renew()
        twin.put(item.metadata.name, item)
    twin.ranks.renew()
    assert twin.ranks.rings.keys() == {"c", "x"}


def test_a_gate_without_children_is_forgotten_while_what_it_waits_for_changes() -> None:
    """The child that the bead depends on leaves: from then on a gate would wait for it."""
    twin = Edited()
    for number in range(COUNT):
        twin.put(f"b{number}", bead(f"b{number}", depends_on=needs(number) if number < 3 else []))
    twin.ranks.renew()
    for item in (bead("b1", parent="b2"), bead("b1"), bead("b0", parent="b2")):
        twin.put(item.metadata.name, item)
        twin.ranks.renew()
    places = twin.ranks.order.places
    assert all(places[waiter] < places[awaited] for waiter, awaited in twin.edges())


def test_a_ring_ends_where_a_gate_lost_its_children_and_its_parent_at_once() -> None:
    twin = Edited()
    done = edited(ended("p"), parent="g")
    ring = bead("a", depends_on=["c"]), done, bead("c", parent="p"), bead("g", depends_on=["a"])
    for item in (*ring, *(bead(f"z{at}") for at in range(20))):
        twin.put(item.metadata.name, item)
    twin.ranks.renew()
    assert twin.ranks.rings.keys() == {"a", "c"}
    twin.put("c", bead("c"))
    twin.put("p", ended("p"))
    twin.ranks.renew()
    assert not twin.ranks.rings
