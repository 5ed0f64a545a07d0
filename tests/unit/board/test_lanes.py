"""Where beads stand: many that are placed together stand as if each had been placed by itself."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.lanes import MANY, Lane, Lanes, Placing
from ringmaster_operator.board.matching import Asks
from ringmaster_operator.board.turns import Turns
from support.boards import NOON, examples

ASKS = [Asks(frozenset(able), frozenset(), None, None, None) for able in ((), ("go",), ("go", "ui"))]


@st.composite
def placings(draw: st.DrawFn, count: int = MANY + 20) -> list[Placing]:
    chance = draw(st.randoms(use_true_random=False))
    names = chance.sample([f"b{number}" for number in range(2 * count)], count)
    return [
        (
            name,
            Lane(chance.randrange(3)),
            (-chance.randrange(4), NOON + timedelta(minutes=chance.randrange(5)), name),
            chance.choice(ASKS),
        )
        for name in names
    ]


@examples(30)
@given(st.lists(placings(), min_size=1, max_size=3))
def test_many_together_stand_as_one_by_one(batches: list[list[Placing]]) -> None:
    together, singly, turns = Lanes(), Lanes(), Turns()
    for batch in batches:
        together.place_all(batch)
        for placing in batch:
            singly.place(*placing)
        assert list(together.ordered(turns)) == list(singly.ordered(turns))
    for name in singly.names()[::2]:
        together.drop(name)
        singly.drop(name)
    assert list(together.ordered(turns)) == list(singly.ordered(turns))
    assert len(together) == len(singly)
