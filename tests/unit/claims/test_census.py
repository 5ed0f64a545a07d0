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


@examples(40)
@given(st.lists(st.tuples(st.one_of(beads(), st.sampled_from(NAMES)), st.booleans()), max_size=25))
def test_it_need_not_look_each_time(changes: list[tuple[Bead | str, bool]]) -> None:
    """Also where so much happens meanwhile that the room keeps no list of it any more."""
    board, census = board_of(), Census()
    for change, look in changes:
        if isinstance(change, str):
            board.remove((NS, change))
        else:
            board.put(change)
        board.refresh(NOON)
        if look:
            agrees(census, board)
    agrees(census, board)
    agrees(census, board_of(bead("other")))  # as another room would be counted


def test_a_room_that_nobody_looks_at_any_more_keeps_no_names() -> None:
    board, census = board_of(bead("a")), Census()
    census.take(board.room(NS))
    for number in range(5):
        board.put(bead(f"b{number}"))
        board.refresh(NOON)
        board.remove((NS, f"b{number}"))
        board.refresh(NOON)
    assert board.room(NS).touched is None
    agrees(census, board)
    assert board.room(NS).touched == set()


def test_what_is_as_it_was_is_not_looked_at_again() -> None:
    board, census = board_of(bead("a"), bead("b", depends_on=["a"])), Census()
    census.take(board.room(NS))
    before = dict(census._seen)
    board.put(bead("c"))
    board.refresh(NOON)
    census.take(board.room(NS))
    assert all(census._seen[name] is before[name] for name in ("a", "b"))
