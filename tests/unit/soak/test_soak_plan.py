"""The plan of `hack/soak`: replayable, and what it promises of the times and kinds of its faults."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

HACK = Path(__file__).resolve().parents[3] / "hack"
sys.path.append(str(HACK))

from soaklib.leaks import slope  # noqa: E402
from soaklib.plan import COOL_DOWN_SECONDS, KINDS, LAST_LIFE, WARM_UP_SECONDS, plan  # noqa: E402

seeds = st.integers(min_value=0, max_value=2**32 - 1)
lengths = st.floats(min_value=0.5, max_value=20.0)
missing = st.frozensets(st.sampled_from(sorted(KINDS)), max_size=5)


@given(seeds, lengths, missing)
def test_the_same_seed_gives_the_same_plan(seed: int, minutes: float, without: frozenset[str]) -> None:
    assert plan(seed, minutes, without=without) == plan(seed, minutes, without=without)


@given(seeds, lengths, missing)
def test_faults_come_in_order_and_end_in_time(seed: int, minutes: float, without: frozenset[str]) -> None:
    faults = plan(seed, minutes, without=without)
    begins = [fault.at for fault in faults]
    assert begins == sorted(begins)
    for fault in faults:
        kind = KINDS[fault.kind]
        assert fault.at >= WARM_UP_SECONDS
        assert fault.at + fault.seconds <= minutes * 60 - COOL_DOWN_SECONDS + 0.2
        assert kind.seconds[0] <= fault.seconds <= kind.seconds[1]
        assert fault.strength in kind.strengths
        assert fault.kind not in without
        assert minutes >= kind.minutes
        assert not kind.early or fault.at <= minutes * 60 * LAST_LIFE


@given(seeds, st.floats(min_value=0.5, max_value=20.0))
def test_two_faults_overlap_only_where_each_holds_something_else(seed: int, minutes: float) -> None:
    faults = plan(seed, minutes)
    for number, one in enumerate(faults):
        beside = [other for other in faults[number + 1 :] if other.at < one.at + one.seconds]
        assert len(beside) <= 1
        assert one.paired or not beside
        for other in beside:
            assert other.paired
            assert KINDS[one.kind].holds != KINDS[other.kind].holds
            assert "all" not in (KINDS[one.kind].holds, KINDS[other.kind].holds)


@given(seeds, st.floats(min_value=25.0, max_value=30.0))
def test_a_long_plan_has_every_kind(seed: int, minutes: float) -> None:
    assert {fault.kind for fault in plan(seed, minutes)} == set(KINDS)


def test_every_kind_can_be_done() -> None:
    from soaklib.faults import FAULTS

    assert set(FAULTS) == set(KINDS)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(3, 50))
def test_the_slope_of_a_straight_line_is_its_own(rise: float, level: float, count: int) -> None:
    times = [float(number) for number in range(count)]
    assert slope(times, [level + rise * time for time in times]) == pytest.approx(rise, abs=1e-6)
