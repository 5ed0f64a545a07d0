"""Random boards under random edits: equal to a board built anew, and to rules written down a second time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.ageing import Age
from ringmaster_operator.board.board import Board, Readiness
from ringmaster_operator.board.cycles import rings
from ringmaster_operator.board.graph import GATE
from ringmaster_operator.board.ranking import Label, spread
from ringmaster_operator.board.sweep import drawn, labelled, waiters_first
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import Project
from support import oracle
from support.boards import NOON, NS, bead, board_of, edited, examples, worker

NAMES = [f"b{number}" for number in range(7)]
MINUTE = timedelta(minutes=1)
WORKER = worker()

names = st.sampled_from(NAMES)
priorities = st.sampled_from(["P0", "P1", "P2", "P3", "P4"])
times = st.one_of(st.none(), st.integers(0, 8).map(lambda minutes: NOON + minutes * MINUTE))


@st.composite
def statuses(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["open"] * 6 + ["claimed", "Succeeded", "Succeeded", "Failed", "Cancelled"]))
    if kind == "open":
        return {"retry_after": draw(times), "waiting_since": draw(times)}
    if kind == "claimed":
        claim = {"id": "claim-0001", "worker": "w", "session": "w-0", "fence": 1, "since": NOON}
        return {"claim": claim, "fence": 1, "phase": "Running"}
    return {"phase": kind, "finished_at": NOON, "last_retry": draw(st.sampled_from([None, "1"]))}


@st.composite
def beads(draw: st.DrawFn, name: str | None = None) -> Bead:
    """Mostly parents before and dependencies after it by name, so that not all is one knot of cycles."""
    name = name or draw(names)
    at = NAMES.index(name)
    parents = NAMES if draw(st.integers(0, 9)) == 0 else NAMES[:at]
    others = NAMES if draw(st.integers(0, 9)) == 0 else NAMES[at + 1 :]
    kind = draw(st.sampled_from(["task", "task", "task", "epic", "decision"]))
    more: dict[str, Any] = {}
    if kind == "decision":
        more["decision"] = {"question": "?", "answer": draw(st.sampled_from([None, None, "yes"]))}
    made = bead(
        name,
        type=kind,
        created=NOON - draw(st.integers(0, 2)) * MINUTE,
        priority=draw(priorities),
        desired=draw(st.sampled_from(["Run"] * 6 + ["Hold", "Cancel"])),
        defer_until=draw(times),
        retry=draw(st.sampled_from([None, None, "1"])),
        ttl_seconds_after_finished=draw(st.sampled_from([None, 120])),
        estimate_minutes=draw(st.sampled_from([None, 240])),
        limits={"max_wait_seconds": draw(st.sampled_from([None, None, 0, 60]))},
        status=draw(statuses()),
        **more,
    )
    # Not checked by the model, which refuses edges to itself and repeated ones: here they must be harmless.
    return edited(
        made,
        depends_on=draw(st.lists(st.sampled_from(others), max_size=2)) if others else [],
        parent=draw(st.sampled_from([None, *parents])),
        exclusive=draw(st.lists(st.sampled_from(["db", "ui"]), max_size=2)),
    )


Edit = tuple[str, Any]
edits: st.SearchStrategy[Edit] = st.one_of(
    st.tuples(st.just("put"), beads()),
    st.tuples(st.just("put"), beads()),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("reserve"), names),
    st.tuples(st.just("unreserve"), names),
    st.tuples(st.just("limit"), st.sampled_from([None, 1, 2])),
    st.tuples(st.just("wait"), st.integers(1, 3)),
)
starts = st.tuples(*(beads(name) for name in NAMES)).map(lambda made: [("put", item) for item in made])
batches = st.tuples(
    st.one_of(starts, st.just([])), st.lists(st.lists(edits, min_size=1, max_size=4), min_size=1, max_size=6)
).map(lambda parts: [parts[0], *parts[1]])


class Twin:
    """A board that is edited, beside what a board built anew would be built from."""

    def __init__(self) -> None:
        self.board = Board()
        self.beads: dict[str, Bead] = {}
        self.reserved: set[str] = set()
        self.concurrency: int | None = None
        self.now: datetime = NOON

    def edit(self, kind: str, value: Any) -> None:
        match kind:
            case "put":
                self.beads[value.metadata.name] = value
                self.board.put(value)
            case "remove":
                self.beads.pop(value, None)
                self.reserved.discard(value)
                self.board.remove((NS, value))
            case "reserve" if value in self.beads:
                self.reserved.add(value)
                self.board.reserve((NS, value))
            case "unreserve":
                self.reserved.discard(value)
                self.board.unreserve((NS, value))
            case "limit":
                self.concurrency = value
                self.board.set_project(NS, self.project)
            case "wait":
                self.now += value * MINUTE

    @property
    def project(self) -> Project | None:
        return None if self.concurrency is None else Project(concurrency=self.concurrency)

    def anew(self) -> Board:
        board = board_of(*self.beads.values(), project=self.project, now=self.now)
        for name in self.reserved:
            board.reserve((NS, name))
        board.refresh(self.now)
        return board


def unseen(board: Board, names: Iterable[str]) -> dict[str, tuple[Age, int]]:
    """What of a view is not compared, because it changes without a change of the bead."""
    views = {name: board.view((NS, name)) for name in names}
    return {name: (view.age, view.score) for name, view in views.items()}


def picks(board: Board, now: datetime) -> list[str]:
    """What one Worker would be given after another, each only reserved; undone afterwards."""
    found: list[str] = []
    while (best := board.pick(WORKER, now)) is not None:
        board.reserve(best.key)
        found.append(best.metadata.name)
    for name in found:
        board.unreserve((NS, name))
    return found


@examples(80)
@given(batches)
def test_an_edited_board_equals_one_built_anew_and_tells_each_change(steps: list[list[Edit]]) -> None:
    twin = Twin()
    before: dict[str, object] = {}
    for step in steps:
        for kind, value in step:
            twin.edit(kind, value)
        told = {name for _, name in twin.board.refresh(twin.now)}
        twin.board.rescore()
        anew = twin.anew()
        views = {name: twin.board.view((NS, name)) for name in twin.beads}
        assert views == {name: anew.view((NS, name)) for name in twin.beads}
        assert unseen(twin.board, twin.beads) == unseen(anew, twin.beads)
        assert told == {name for name in {*before, *views} if before.get(name) != views.get(name)}
        assert picks(twin.board, twin.now) == picks(anew, twin.now)
        twin.board.refresh(twin.now)
        assert {name: twin.board.view((NS, name)) for name in twin.beads} == views
        before = dict(views)


@examples(80)
@given(batches)
def test_priorities_in_one_go_are_those_found_piece_by_piece(steps: list[list[Edit]]) -> None:
    twin = Twin()
    for step in steps:
        for kind, value in step:
            twin.edit(kind, value)
        graph = twin.board.room(NS).graph
        whole = drawn(graph)
        order = waiters_first(whole.below)
        piecemeal: dict[str, Label] = {}
        spread(graph, {node for name in twin.beads for node in (name, GATE + name)}, piecemeal)
        left = {node for at, node in enumerate(whole.nodes) if at not in set(order)}
        assert rings(graph, graph.reach(twin.beads)).keys() <= left
        if not left:
            assert labelled(graph, whole, order) == piecemeal


@examples(80)
@given(batches)
def test_the_board_equals_the_oracle(steps: list[list[Edit]]) -> None:
    twin = Twin()
    for step in steps:
        for kind, value in step:
            twin.edit(kind, value)
        twin.board.refresh(twin.now)
        views = {name: twin.board.view((NS, name)) for name in twin.beads}
        ranks = {
            name: (view.effective_priority, view.inherited_from, view.inherited_path)
            for name, view in views.items()
        }
        assert ranks == oracle.priorities(twin.beads)
        in_rings = {
            name
            for name in oracle.rings(twin.beads)
            if oracle.wishes(twin.beads, name) == {"Run"} and twin.beads[name].status.claim is None
        }
        told = {name for name, view in views.items() if view.readiness is Readiness.DEPENDENCY_CYCLE}
        assert told == in_rings
        expected = oracle.ready(twin.beads, twin.now, reserved=twin.reserved)
        assert {name for name, view in views.items() if view.ready} - twin.reserved == expected


@examples(50)
@given(batches)
def test_picks_come_in_order_and_never_share_an_exclusive_key(steps: list[list[Edit]]) -> None:
    twin = Twin()
    for step in steps:
        for kind, value in step:
            twin.edit(kind, value)
    twin.board.refresh(twin.now)
    twin.board.rescore()
    views = {name: twin.board.view((NS, name)) for name in twin.beads}
    overdue_next = True
    reserved = set(twin.reserved)
    busy = reserved | {name for name, item in twin.beads.items() if item.status.claim is not None}
    for name in picks(twin.board, twin.now):
        able = oracle.ready(twin.beads, twin.now, reserved=reserved)
        assert twin.concurrency is None or len(busy) < twin.concurrency
        busy.add(name)
        best = {item for item in able if views[item].age.rank == min(views[other].age.rank for other in able)}
        overdue = {item: since for item in best if (since := views[item].age.overdue) is not None}
        newer = best - overdue.keys()
        if overdue and (overdue_next or not newer):
            assert name == min((since, item) for item, since in overdue.items())[1]
        else:
            ages = {item: twin.beads[item].metadata.creation_timestamp for item in newer}
            assert name == min(newer, key=lambda item: (-views[item].score, ages[item], item))
        if views[name].age.rank == 1:
            overdue_next = name not in overdue
        reserved.add(name)
    if twin.concurrency is None or len(busy) < twin.concurrency:
        assert not oracle.ready(twin.beads, twin.now, reserved=reserved)


def test_of_ways_as_long_the_first_by_name_lends() -> None:
    board = board_of(
        bead("urgent", priority="P0", depends_on=["second", "first"]),
        bead("second", depends_on=["last"]),
        bead("first", depends_on=["last"]),
        bead("last"),
    )
    assert board.view((NS, "last")).inherited_path == ("first", "urgent")
