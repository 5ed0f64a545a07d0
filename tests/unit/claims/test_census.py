"""The census of a room says what counting all of it would say, whatever happened in between."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.board import Board
from ringmaster_operator.claims import needs
from ringmaster_operator.claims.census import Census
from ringmaster_operator.resources.bead import FINISHED, Bead, Phase
from support.boards import NOON, NS, bead, board_of, examples

NAMES = [f"b{number}" for number in range(8)]
PHASES = [None, *Phase]
READY = {"type": "Assignable", "reason": "Nobody", "message": "nobody could", "last_transition_time": NOON}


@st.composite
def beads(draw: st.DrawFn) -> Bead:
    phase = draw(st.sampled_from(PHASES))
    ended = NOON - timedelta(days=draw(st.sampled_from([0, 30])))
    status = {
        "phase": phase,
        "finished_at": ended if phase in FINISHED else None,
        "conditions": [{**READY, "status": draw(st.sampled_from(["True", "False"]))}],
        "interruptions": draw(st.sampled_from([0, 5])),
    }
    name = draw(st.sampled_from(NAMES))
    others = [other for other in [*NAMES, "nobody"] if other != name]
    return bead(
        name,
        status={name: value for name, value in status.items() if value is not None},
        type=draw(st.sampled_from(["task", "decision"])),
        desired=draw(st.sampled_from(["Run", "Hold"])),
        depends_on=draw(st.lists(st.sampled_from(others), max_size=2, unique=True)),
    )


def agrees(census: Census, board: Board) -> None:
    room = board.room(NS)
    census.take(room)
    every = [bead.status.phase or Phase.PENDING for bead in room.beads.values()]
    assert dict(census.phases) == dict(Counter(every))
    assert census.ready == sum(view.ready for view in room.views.values())
    assert {need.name: need for need in needs.of_beads(room, census.loud, NOON)} == {
        need.name: need for need in needs.of_beads(room, room.beads, NOON)
    }


@examples(60)
@given(st.lists(st.one_of(beads(), st.sampled_from(NAMES)), max_size=25))
def test_it_follows_every_change(changes: list[Bead | str]) -> None:
    board, census = board_of(), Census()
    for change in changes:
        if isinstance(change, str):
            board.remove((NS, change))
        else:
            board.put(change)
        board.refresh(NOON)
        agrees(census, board)


def test_what_is_as_it_was_is_not_looked_at_again() -> None:
    board, census = board_of(bead("a"), bead("b", depends_on=["a"])), Census()
    census.take(board.room(NS))
    before = dict(census._seen)
    board.put(bead("c"))
    board.refresh(NOON)
    census.take(board.room(NS))
    assert all(census._seen[name] is before[name] for name in ("a", "b"))
