"""A bead is left to the Worker whose agent did clearly better at beads like it, and never starves for it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.preference import Passed, arm_of, traits_of
from ringmaster_operator.recall import Past
from ringmaster_operator.recall.similar import MAX_LABELS
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, board_of, edited, worker

HACK = Path(__file__).resolve().parents[3] / "hack"
GRAMMAR = "Mend the grammar of the parser"
BUTTON = "Align the button in the dialog"
REPOSITORY = {"url": "https://git.example/team/app.git"}
NO_LOT = {"confidence": {"explore_share": 0.0}}


def team(board: Board, *names: str) -> list[Worker]:
    """Workers named after the profile that they run."""
    made = [worker(name, agent={"profile": name.split("-")[0]}) for name in names]
    for item in made:
        board.put_worker(item)
    return made


def past(board: Board, profile: str, title: str, successes: int, failures: int, **more: Any) -> None:
    """Attempts of an agent at beads of such a title."""
    for number in range(successes + failures):
        like = bead(f"{profile}-{title[:4].lower()}-{number}", title=title, repository=REPOSITORY)
        who = worker(profile, agent={"profile": profile})
        board.remember(
            NS,
            Past(
                bead_uid=like.metadata.uid,
                fence=1,
                arm=arm_of(who, like),
                success=number < successes,
                at=more.get("at", NOON),
                traits=traits_of(like, REPOSITORY["url"]),
            ),
        )


def experienced(*beads: Bead, **settings: Any) -> Board:
    """A board that knows: alpha is good at grammars and poor at buttons, beta the other way round."""
    board = board_of(*beads, project=Project.model_validate({**NO_LOT, **settings}))
    for good, poor, title in (("alpha", "beta", GRAMMAR), ("beta", "alpha", BUTTON)):
        past(board, good, title, 12, 1)
        past(board, poor, title, 3, 9)
    return board


def task(name: str, title: str = GRAMMAR, **more: Any) -> Bead:
    return bead(name, title=title, repository=REPOSITORY, **more)


def picked(
    board: Board, who: Worker, *, free: tuple[str, ...] = (), now: datetime = NOON
) -> tuple[Any, list[Passed]]:
    left: list[Passed] = []
    found = board.pick(who, now, spare=lambda other, _: other.metadata.name in free, passed=left.append)
    return found.metadata.name if found is not None else None, left


def test_it_is_left_to_a_better_one_that_is_free() -> None:
    board = experienced(task("g"))
    alpha, beta = team(board, "alpha", "beta")
    name, [left] = picked(board, beta, free=("alpha",))
    assert (name, left.bead.metadata.name, left.to) == (None, "g", "alpha")
    assert "alpha succeeded in 12 of 13 attempts, beta succeeded in 3 of 12" in left.why
    assert "same repository" in left.why
    assert "grammar" in left.why
    assert picked(board, alpha, free=("beta",)) == ("g", [])


def test_nobody_idles_for_one_that_is_busy() -> None:
    board = experienced(task("g"))
    _, beta = team(board, "alpha", "beta")
    assert picked(board, beta) == ("g", [])


def test_of_several_that_are_better_a_free_one_counts() -> None:
    board = experienced(task("g"))
    *_, beta = team(board, "alpha-1", "alpha-2", "alpha-3", "beta")
    for free in ("alpha-1", "alpha-2", "alpha-3"):
        assert picked(board, beta, free=(free,))[1][0].to == free


def test_of_beads_that_are_as_urgent_each_takes_what_it_does_better() -> None:
    board = experienced(task("a-grammar"), task("b-button", BUTTON))
    alpha, beta = team(board, "alpha", "beta")
    name, [left] = picked(board, beta)
    assert (name, left.bead.metadata.name) == ("b-button", "a-grammar")
    assert picked(board, alpha) == ("a-grammar", [])


def test_nothing_less_urgent_goes_first_while_the_better_one_is_busy() -> None:
    board = experienced(task("a-grammar", priority="P1"), task("b-button", BUTTON))
    _, beta = team(board, "alpha", "beta")
    assert picked(board, beta) == ("a-grammar", [])
    assert picked(board, beta, free=("alpha",))[0] == "b-button"


@pytest.mark.parametrize(
    "more",
    [
        {"priority": "P0"},
        {
            "limits": {"max_wait_seconds": 60},
            "priority": "P1",
            "status": {"waiting_since": NOON - timedelta(seconds=121)},
        },
        {"status": {"waiting_since": NOON - timedelta(seconds=300)}},
    ],
    ids=["P0", "overdue", "waited"],
)
def test_what_is_urgent_or_has_waited_is_left_to_nobody(more: dict[str, Any]) -> None:
    board = experienced(task("g", **more))
    _, beta = team(board, "alpha", "beta")
    assert picked(board, beta, free=("alpha",)) == ("g", [])


def test_one_second_before_its_patience_ends_it_is_still_left() -> None:
    since = NOON - timedelta(seconds=299)
    board = experienced(task("g", status={"waiting_since": since}))
    _, beta = team(board, "alpha", "beta")
    name, [left] = picked(board, beta, free=("alpha",))
    assert (name, left.until) == (None, since + timedelta(seconds=300))


def test_the_lot_of_exploration_gives_the_lesser_one_its_share() -> None:
    board = experienced(*(task(f"g{number}") for number in range(400)), confidence={"explore_share": 0.1})
    _, beta = team(board, "alpha", "beta")
    room, preference = board.room(NS), board.preference(NS, NOON)
    assert preference is not None
    taken = sum(not preference.passes(name, beta) for name in room.lanes.names())
    assert 15 <= taken <= 75


def test_it_can_be_switched_off_and_does_nothing_where_nothing_is_known() -> None:
    off = experienced(task("g"), routing={"similar": False})
    _, beta = team(off, "alpha", "beta")
    assert picked(off, beta, free=("alpha",)) == ("g", [])
    assert off.merit(beta, "g", NOON) == ""
    impatient = experienced(task("g"), routing={"patience_seconds": 0})
    _, beta = team(impatient, "alpha", "beta")
    assert picked(impatient, beta, free=("alpha",)) == ("g", [])
    strange = experienced(task("g", "Brew some coffee for everybody", labels={"team": "x"}))
    strange.put(edited(task("g"), title="Brew some coffee for everybody", repository=None))
    _, beta = team(strange, "alpha", "beta")
    assert picked(strange, beta, free=("alpha",)) == ("g", [])
    few = board_of(task("g"), project=Project.model_validate(NO_LOT))
    past(few, "alpha", GRAMMAR, 2, 0)
    past(few, "beta", GRAMMAR, 0, 2)
    _, beta = team(few, "alpha", "beta")
    assert picked(few, beta, free=("alpha",)) == ("g", []), "two attempts are chance"


def test_who_may_not_take_it_is_nobody_to_leave_it_to() -> None:
    board = experienced(task("g", capabilities=["rust"]))
    alpha = worker("alpha", agent={"profile": "alpha"})
    beta = worker("beta", agent={"profile": "beta"}, capabilities=[{"name": "rust"}])
    for item in (alpha, beta):
        board.put_worker(item)
    assert picked(board, beta, free=("alpha",)) == ("g", [])
    able = worker("alpha", agent={"profile": "alpha"}, capabilities=[{"name": "rust"}])
    board.put_worker(able)
    assert picked(board, beta, free=("alpha",))[0] is None
    board.put_worker(
        worker("alpha", agent={"profile": "alpha"}, capabilities=[{"name": "rust"}], suspend=True)
    )
    assert picked(board, beta, free=("alpha",)) == ("g", [])
    board.put_worker(able)
    board.remove_worker(able.key)
    assert picked(board, beta, free=("alpha",)) == ("g", [])


def test_old_attempts_count_less_until_they_count_for_nothing() -> None:
    board = board_of(task("g"), project=Project.model_validate(NO_LOT))
    long_ago = NOON - timedelta(days=300)
    past(board, "alpha", GRAMMAR, 12, 1, at=long_ago)
    past(board, "beta", GRAMMAR, 3, 9, at=long_ago)
    _, beta = team(board, "alpha", "beta")
    assert picked(board, beta, free=("alpha",)) == ("g", [])


def test_a_model_that_the_bead_asks_for_is_another_agent() -> None:
    board = experienced(task("g", routing={"model": "opus"}))
    alpha, beta = team(board, "alpha", "beta")
    assert picked(board, beta, free=("alpha",)) == ("g", [])
    assert board.merit(alpha, "g", NOON) == ""


def test_a_claim_says_why_its_worker_has_it() -> None:
    board = experienced(task("g"))
    alpha, beta = team(board, "alpha", "beta")
    assert board.merit(alpha, "g", NOON).startswith("at beads like this one (same repository; words: ")
    assert board.merit(beta, "g", NOON) == ""


def test_everything_is_worked_in_the_end_whatever_was_learned() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    titles = [GRAMMAR, BUTTON, "Brew coffee"]
    beads = [
        task(f"b{number}", chance.choice(titles), priority=chance.choice(["P0", "P1", "P2", "P3"]))
        for number in range(40)
    ]
    board = experienced(*beads)
    crew = team(board, "alpha", "beta", "gamma")
    left, now = len(beads), NOON
    for _ in range(400):
        now += timedelta(seconds=20)
        who = chance.choice(crew)
        free = tuple(item.metadata.name for item in crew if item is not who and chance.random() < 0.9)
        name, _ = picked(board, who, free=free, now=now)
        if name is not None:
            board.remove((NS, name))
            left -= 1
    assert left == 0, f"{left} were never given to anybody"


@pytest.mark.parametrize("seed", [1, 2])
def test_more_attempts_succeed_where_beads_go_to_who_does_better(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(HACK))
    from benchlib.similar import both

    for hours in (6.0, 18.0):
        off, on = both(seed, beads=300, workers=8, hours=hours)
        print(f"seed {seed}, {hours} h: {off.attempt_rate:.3f} off, {on.attempt_rate:.3f} on")
        assert on.attempt_rate > off.attempt_rate + 0.03
        assert on.success_rate >= off.success_rate - 0.01
        slow = [sorted(result.hours.values())[int(len(result.hours) * 0.9)] for result in (off, on)]
        assert slow[1] <= slow[0] * 1.1, "nobody waits longer for it"


def test_of_very_many_labels_a_bead_is_compared_by_a_few() -> None:
    labels = {f"l{number:04d}": "v" for number in range(1000)}
    one = traits_of(task("a", "Sort it", labels=labels), None)
    two = traits_of(task("b", "Sort it", labels=dict(reversed(labels.items()))), None)
    assert one == two
    assert one.labels == {f"l{number:04d}=v" for number in range(MAX_LABELS)}
