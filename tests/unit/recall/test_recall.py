"""Words, ranking and figures of lessons: pure arithmetic."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.recall import (
    Known,
    Match,
    Situation,
    bm25,
    choose,
    fit,
    frequencies,
    held_out,
    hopeless,
    key_of,
    mean,
    negative,
    terms,
    wilson,
    worth,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def known(text: str = "Freeze the clock", **more: Any) -> Known:
    return Known(**{"id": 1, "text": text, "at": NOW, **more})


def test_words_are_stemmed_and_identifiers_kept() -> None:
    found = terms("Migrations of src/db/schema.py fail: call run_migrations() before the tests")
    for word in ("migration", "src/db/schema.py", "schema", "run_migrations", "run", "test"):
        assert word in found
    assert not {"of", "the", "before"} & set(found)
    assert terms("parseHttpHeader") == ["parsehttpheader", "parse", "http", "header"]


def test_the_same_lesson_in_other_words_order_has_the_same_key() -> None:
    here = Situation(repository="host/team/repo")
    one = key_of("Run the migrations before starting tests.", here)
    assert one == key_of("before starting tests, run the migration", here)
    assert one != key_of("Run the migrations before starting tests.", Situation(repository="host/other"))
    assert one != key_of("Do not run the migrations before starting tests.", here)


@pytest.mark.parametrize(
    ("text", "against"),
    [
        ("Use the pool", False),
        ("Don't use the pool", True),
        ("Never use the pool", True),
        ("Do not avoid the pool", False),
    ],
)
def test_advice_against_something_is_told_from_advice_for_it(text: str, against: bool) -> None:
    assert negative(text) is against


def test_rare_words_weigh_more_than_common_ones() -> None:
    counts = frequencies([(1, "kafka", 1), (2, "retry", 1), (3, "retry", 1), (4, "retry", 1), (5, "test", 3)])
    scores = bm25(counts, dict.fromkeys(range(1, 6), 5), total=5)
    assert scores[1][0] > scores[2][0] > scores[5][0]


def test_where_a_lesson_holds_counts() -> None:
    lesson = known(where=Situation(repository="a", capabilities=("rust",), failure_classes=("Timeout",)))
    same, why = fit(lesson, Situation(repository="a", capabilities=("rust",)), 5.0, ["clock"], "clock")
    assert "same repository" in why
    assert "capability rust" in why
    other, _ = fit(lesson, Situation(repository="b", capabilities=("go",)), 5.0, ["clock"], "clock")
    again = Situation(repository="a", capabilities=("rust",), failure_classes=("Timeout",))
    failed, _ = fit(lesson, again, 5.0, ["clock"], "clock")
    assert failed > same > other
    assert fit(lesson, again, 9.0, ["test", "file"], "test file") == (0.0, "")


def test_worth_grows_with_people_and_repetition_and_falls_with_failure_and_doubt() -> None:
    def of(**more: Any) -> float:
        return worth(known(**more), base=0.6, now=NOW)

    assert of(trusted=True) > of(seen=3) > of() > of(contradicted=1)
    assert of(successes=5) > of() > of(failures=5)
    assert of() > of(at=NOW - timedelta(days=300))


def test_a_lesson_that_does_as_well_as_the_rest_keeps_its_weight() -> None:
    assert worth(known(successes=6, failures=4), base=0.6, now=NOW) == pytest.approx(
        worth(known(), base=0.6, now=NOW)
    )
    assert not hopeless(6, 4, base=0.6)
    assert hopeless(0, 6, base=0.6)
    assert not hopeless(0, 5, base=0.6)


def test_no_lesson_is_chosen_below_the_floor_nor_twice_nor_beyond_the_budget() -> None:
    matches = [
        Match(lesson=known("Freeze the clock in scheduler tests", id=1), score=0.9, why=""),
        Match(lesson=known("In scheduler tests the clock is to be frozen", id=2), score=0.89, why=""),
        Match(lesson=known("Vendor the parser tables", id=3), score=0.88, why=""),
        Match(lesson=known("Seed the random shuffles", id=5), score=0.8, why=""),
        Match(lesson=known("Pin the locale to C", id=4), score=0.4, why=""),
    ]
    ids = [match.lesson.id for match in choose(matches, floor=0.5, most=3, budget=500)]
    assert ids == [1, 3], "the same only once, and nothing that fits much worse than the best"
    assert [match.lesson.id for match in choose(matches, floor=0.5, most=1, budget=500)] == [1]
    assert choose(matches, floor=0.95, most=3, budget=500) == []
    assert choose(matches, floor=0.5, most=3, budget=10) == []


def test_the_held_out_share_is_what_was_asked_for_and_always_the_same() -> None:
    uids = [f"uid-{number}" for number in range(4000)]
    share = sum(held_out(uid, 1, 0.1) for uid in uids) / len(uids)
    assert 0.08 < share < 0.12
    assert [held_out(uid, 1, 0.1) for uid in uids] == [held_out(uid, 1, 0.1) for uid in uids]
    assert not any(held_out(uid, 1, 0.0) for uid in uids)
    assert [held_out(uid, 1, 0.5) for uid in uids] != [held_out(uid, 2, 0.5) for uid in uids]


def test_intervals_hold_what_they_promise() -> None:
    """Of many samples about 95 % of the intervals hold the true figure. The seed is fixed."""
    rng = random.Random(20261129)
    rates = means = 0
    for _ in range(1000):
        sample = [rng.random() < 0.7 for _ in range(40)]
        low, high = wilson(sum(sample), len(sample))
        rates += low <= 0.7 <= high
        _, low, high = mean([rng.gauss(3, 2) for _ in range(8)])
        means += low <= 3 <= high
    assert 925 <= rates <= 975
    assert 925 <= means <= 975
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean([2.0]) == (2.0, 2.0, 2.0)


@given(st.text(max_size=300))
def test_any_text_has_terms(text: str) -> None:
    assert all(term and len(term) <= 300 for term in terms(text))
