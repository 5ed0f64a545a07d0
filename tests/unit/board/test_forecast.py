"""Forecasts: the arithmetic by hand, and how often the interval holds what comes."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from ringmaster_operator.board.forecast import COVERS, Range, further, to_finish


def test_days_alike_leave_nothing_to_chance() -> None:
    assert further(5.0, [2.0] * 4, 3) == Range(11.0, 11.0, 11.0)


def test_the_interval_by_hand() -> None:
    found = further(0.0, [1.0, 2.0, 3.0], 2)
    assert found is not None
    assert found.expected == pytest.approx(4.0)
    spread = 1.886 * (1.0 * (2 + 4 / 3)) ** 0.5  # Student's t of two degrees, 10 % on either side
    assert found.high == pytest.approx(4.0 + spread, rel=0.005)
    assert found.low == pytest.approx(4.0 - spread, rel=0.03)


@pytest.mark.parametrize("known", [[1.0], [1.0, 3.0]])
def test_few_values_give_no_interval(known: list[float]) -> None:
    assert further(1.0, known, 2) == Range(1.0 + 2 * fmean(known))


def test_nothing_known_is_said() -> None:
    assert further(1.0, [], 2) is None
    assert further(1.0, [], 0) == Range(1.0, 1.0, 1.0)
    assert to_finish([0.5], 1.0, []) is None
    assert to_finish([], 1.0, []) == Range(1.0, 1.0, 1.0)


def test_what_an_open_bead_has_spent_is_taken_off() -> None:
    found = to_finish([0.5, 0.0, 9.0], 10.0, [2.0, 2.0, 2.0])
    assert found == Range(19.5 + 1.5 + 2.0, 23.0, 23.0)


def test_it_is_never_less_than_what_is_spent() -> None:
    found = further(100.0, [0.0, 0.0, 50.0], 1)
    assert found is not None
    assert found.low == 100.0


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_about_four_in_five(seed: int) -> None:
    dice = random.Random(seed)
    inside = 0
    for _ in range(1000):
        days = [dice.gauss(50, 12) for _ in range(28 + 10)]
        found = further(0.0, days[:14], 24)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= sum(days[14:]) <= found.high
    assert inside / 1000 == pytest.approx(COVERS, abs=0.05)
