"""Nothing starves: not behind more urgent work, not behind another team's, not behind a backlog grown old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.ageing import aged
from ringmaster_operator.board.board import Board
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, board_of, ended, examples, taken, worker

HOUR = timedelta(hours=1)
WORKER = worker()


def waiting(name: str, priority: str, since: datetime = NOON, **more: Any) -> Bead:
    return bead(name, priority=priority, created=since, status={"waiting_since": since}, **more)


def test_waiting_lifts_a_step_at_a_time_and_never_above_p1() -> None:
    def at(hours: float, rank: int = 4) -> tuple[int, datetime | None]:
        age = aged(rank, NOON, 3600, NOON + hours * HOUR)
        return age.rank, age.overdue

    assert [at(hours)[0] for hours in (0, 0.9, 1, 2, 3, 4, 100)] == [4, 4, 3, 2, 1, 1, 1]
    assert at(3.9) == (1, None)
    assert at(4) == (1, NOON + 4 * HOUR)
    assert at(100, rank=0) == (0, None)
    assert at(1, rank=1) == (1, NOON + HOUR)
    assert aged(4, NOON, 0, NOON + 100 * HOUR).rank == 4
    assert aged(4, NOON, 3600, NOON - HOUR).steps == 0


@given(st.integers(1, 4), st.integers(1, 100_000), st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_ageing_only_ever_lifts_and_says_when_it_will(rank: int, wait: int, early: int, more: int) -> None:
    def at(seconds: int) -> tuple[int, bool]:
        age = aged(rank, NOON, wait, NOON + timedelta(seconds=seconds))
        return age.rank, age.overdue is None

    assert at(early + more) <= at(early)
    age = aged(rank, NOON, wait, NOON + timedelta(seconds=early))
    if age.changes is None:
        assert at(early + more) == at(early)
    else:
        changes = int((age.changes - NOON).total_seconds())
        assert changes > early
        assert at(changes - 1) == at(early)
        assert at(changes) < at(early)


def test_the_wait_is_the_beads_own_else_its_parents_else_the_projects_else_a_day() -> None:
    two_days = NOON + timedelta(days=2)
    limits: dict[str, Any] = {"limits": {"max_wait_seconds": 3600}}
    beads = [
        waiting("own", "P4", **limits),
        bead("e", type="epic", priority="P4", **limits),
        waiting("child", "P4", parent="e"),
        waiting("plain", "P4"),
        waiting("never", "P4", limits={"max_wait_seconds": 0}),
    ]
    board = board_of(*beads, now=two_days)
    ranks = {name: board.view((NS, name)).age.rank for name in ("own", "child", "plain", "never")}
    assert ranks == {"own": 1, "child": 1, "plain": 2, "never": 4}
    board.set_project(NS, Project.model_validate(limits))
    board.refresh(two_days)
    assert board.view((NS, "plain")).age.rank == 1
    board.put(bead("e", type="epic", priority="P4"))
    board.refresh(two_days)
    board.set_project(NS, None)
    board.refresh(two_days)
    assert board.view((NS, "child")).age.rank == 2


def test_time_alone_changes_the_order_without_a_write() -> None:
    board = board_of(waiting("old", "P3"), waiting("new", "P2", NOON + 24 * HOUR))
    assert board.ranked(NS) == ["new", "old"]
    assert board.refresh(NOON + 48 * HOUR) == set()
    assert board.ranked(NS) == ["old", "new"]


def test_who_only_waits_for_an_exclusive_key_keeps_its_place() -> None:
    item = waiting("a", "P3", exclusive=["db"])
    board = board_of(item, taken(bead("b", exclusive=["db"])), now=NOON + 25 * HOUR)
    assert board.view((NS, "a")).message.startswith("shares the exclusive key")
    board.put(ended("b", exclusive=["db"]))
    board.refresh(NOON + 25 * HOUR)
    assert board.view((NS, "a")).age.rank == 2


def test_a_backlog_grown_old_takes_every_second_pick_of_p1_and_none_of_p0() -> None:
    now = NOON + timedelta(days=30)
    beads = [
        *(waiting(f"old{number}", "P4", NOON + number * HOUR) for number in range(6)),
        *(waiting(f"new{number}", "P1", now - number * HOUR) for number in range(3)),
        waiting("urgent", "P0", now),
    ]
    assert list(drain(board_of(*beads, now=now), now)) == [
        "urgent", "old0", "new2", "old1", "new1", "old2", "new0", "old3", "old4", "old5",
    ]  # fmt: skip


def drain(board: Board, now: datetime, hand: Worker = WORKER) -> Iterator[str]:
    """Names as one Worker gets them, each done at once."""
    while (best := board.pick(hand, now)) is not None:
        board.reserve(best.key, worker=hand.metadata.name)
        board.remove(best.key)
        yield best.metadata.name


arrivals = st.lists(
    st.lists(st.tuples(st.sampled_from(["P0", "P1", "P1", "P2", "P3"]), st.booleans()), max_size=3),
    min_size=60,
    max_size=60,
)


@examples(25)
@given(arrivals, st.integers(0, 30), st.integers(1, 4), st.booleans())
def test_no_bead_starves_whatever_arrives_while_p0_leaves_picks_free(
    pattern: list[list[tuple[str, bool]]], start: int, rank: int, sized: bool
) -> None:
    """Every hour as many picks as P0 beads wait, and one more: each wait is bounded by what was there."""
    now, board, wait = NOON, Board(), 3
    board.set_project(NS, Project.model_validate({"limits": {"max_wait_seconds": wait * 3600}}))
    came: dict[str, int] = {}
    due: dict[str, int] = {}
    for hour, arriving in enumerate([*pattern, *([[]] * 10)]):
        now = NOON + hour * HOUR
        if hour == start:
            arriving = [*arriving, (f"P{rank}", False)]
        for number, (priority, dependent) in enumerate(arriving):
            name = f"b{hour:02d}-{number}"
            came[name] = hour
            board.put(waiting(name, priority, now))
            if dependent and sized:
                board.put(bead(f"{name}-later", depends_on=[name]))
        board.refresh(now)
        board.rescore()
        views = {name: board.view((NS, name)) for name in came}
        for name, view in views.items():
            if view.age.overdue is not None:
                # Every second pick of P1 is overdue, in order: at most two picks for each that is before it.
                before = sum(other.age.overdue is not None for other in views.values())
                due.setdefault(name, hour + 2 * before + 1)
        for _ in range(1 + sum(view.effective_priority == "P0" for view in views.values())):
            best = board.pick(WORKER, now)
            if best is not None:
                board.reserve(best.key, worker="w")
                board.remove(best.key)
                came.pop(best.metadata.name, None)
                due.pop(best.metadata.name, None)
        assert not [name for name, last in due.items() if hour > last]
        assert all(
            views[name].age.overdue is not None or hour - since <= wait * 4 for name, since in came.items()
        )


def shared(**weights: float) -> Project:
    return Project.model_validate({"fairness": {"label": "team", "weights": weights}})


def of(team: str, count: int, priority: str = "P2") -> list[Bead]:
    return [bead(f"{team}{number:02d}", priority=priority, labels={"team": team}) for number in range(count)]


def test_teams_take_turns_by_weight_within_a_priority() -> None:
    board = board_of(*of("a", 9), *of("b", 9), *of("c", 1, "P1"), project=shared(a=2))
    order = list(drain(board, NOON))
    assert order[0] == "c00"
    assert Counter(name[0] for name in order[1:10]) == {"a": 6, "b": 3}
    assert Counter(name[0] for name in order[1:4]) == {"a": 2, "b": 1}


def test_who_holds_fewer_sessions_for_its_weight_goes_first() -> None:
    running = [taken(item) for item in of("a", 3)]
    board = board_of(*running, *of("b", 5), *of("a", 9)[3:], project=shared(a=3))
    order = []
    for _ in range(4):
        best = board.pick(WORKER, NOON)
        assert best is not None
        board.reserve(best.key, worker="w")
        order.append(best.metadata.name[0])
    assert order == ["b", "a", "b", "a"] or Counter(order) == {"a": 3, "b": 1}


def test_nobody_saves_up_turns() -> None:
    board = board_of(*of("a", 20), project=shared())
    picks = drain(board, NOON)
    for _ in range(10):
        next(picks)
    for item in of("b", 10):
        board.put(item)
    assert Counter(name[0] for name in (next(picks) for _ in range(6))) == {"a": 3, "b": 3}


@examples(30)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5), min_size=2),
    st.integers(5, 40),
)
def test_shares_are_within_one_bead_of_the_weights(weights: dict[str, int], count: int) -> None:
    beads = [item for team in weights for item in of(team, count)]
    board = board_of(*beads, project=shared(**weights))
    got: Counter[str] = Counter()
    for number, name in enumerate(drain(board, NOON), start=1):
        got[name[0]] += 1
        if max(got.values()) == count:
            break
        for team, weight in weights.items():
            assert abs(got[team] - number * weight / sum(weights.values())) <= len(weights)


def test_a_repository_takes_only_so_many_at_once() -> None:
    project = Project.model_validate({"repository_concurrency": 1})
    web, api = {"url": "https://git.example.com/web.git"}, {"url": "https://git.example.com/api.git"}
    board = board_of(
        taken(bead("runs", repository=web)),
        bead("first", priority="P0", repository=web),
        bead("e", type="epic", repository=api),
        bead("child", parent="e"),
        bead("plain"),
        project=project,
    )
    best = board.pick(WORKER, NOON)
    assert best is not None
    assert best.metadata.name == "child"
    assert "running beads in https://git.example.com/web.git is reached" in board.why_not(WORKER, "first")
    at_home = worker("home", repository=web)
    board.reserve(best.key, worker="w")
    assert board.pick(at_home, NOON) is None
    assert "web.git" in board.nothing(at_home) or "api.git" in board.nothing(at_home)
    plain = board.pick(WORKER, NOON)
    assert plain is not None
    assert plain.metadata.name == "plain"


def test_beads_without_a_repository_count_for_their_workers() -> None:
    web = {"url": "https://git.example.com/web.git"}
    home, other = worker("w", repository=web), worker("other", repository=web)
    project = Project.model_validate({"repository_concurrency": 1})
    board = board_of(taken(bead("runs")), bead("next"), project=project)
    assert board.pick(other, NOON) is not None
    board.put_worker(home)
    assert board.pick(other, NOON) is None
    board.remove_worker(home.key)
    assert board.pick(other, NOON) is not None


@pytest.mark.parametrize("named", [True, False])
def test_limits_hold_for_a_named_bead_too(named: bool) -> None:
    board = board_of(taken(bead("a")), bead("b"), project=Project(concurrency=1))
    assert board.pick(WORKER, NOON, bead="b" if named else None) is None
