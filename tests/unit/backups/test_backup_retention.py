"""Retention over simulated years: what may go goes, what is needed never does, whatever the clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups.retention import FLOOR, Aged, Fate, plan, span
from ringmaster_operator.resources.backup import BackupMode

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK, MONTH = timedelta(days=7), timedelta(days=30)

#: What happens between two runs: time passes, the machine is off, or somebody sets the clock.
steps = st.lists(
    st.tuples(
        st.sampled_from(list(BackupMode)),
        st.one_of(
            st.just(timedelta(hours=1)),
            st.just(timedelta(days=1)),
            st.timedeltas(timedelta(0), timedelta(days=400)),  # a gap
            st.timedeltas(timedelta(days=-800), timedelta(days=800)),  # the clock was set
        ),
        st.booleans() | st.just(True),  # verified
    ),
    min_size=1,
    max_size=60,
)


@given(steps=steps)
def test_the_last_good_one_always_stays(
    steps: list[tuple[BackupMode, timedelta, bool]],
) -> None:
    now, kept = START, list[Aged]()
    for made, (mode, passed, verified) in enumerate(steps):
        now = max(now + passed, datetime(1990, 1, 1, tzinfo=UTC))
        kept.append(Aged(f"b{made:04}", mode, now, verified))
        verdicts = plan(kept, now=now, hourly=WEEK, daily=MONTH)
        assert {verdict.name for verdict in verdicts} == {backup.name for backup in kept}
        deleted = {verdict.name for verdict in verdicts if verdict.fate is Fate.DELETE}
        left = [backup for backup in kept if backup.name not in deleted]
        good = [backup for backup in kept if backup.verified]
        if good:
            assert max(good, key=lambda backup: (backup.time, backup.name)) in left
            past = [backup for backup in good if backup.time <= now]
            if past:
                assert max(past, key=lambda backup: (backup.time, backup.name)) in left
        for mode_ in BackupMode:
            assert sum(b.verified and b.mode is mode_ for b in left) >= min(
                FLOOR, sum(b.mode is mode_ for b in good)
            )
        for backup in kept:
            if backup.name in deleted:
                assert backup.mode is not BackupMode.MANUAL
                assert now - backup.time > (WEEK if backup.mode is BackupMode.HOURLY else MONTH)
        kept = left


@settings(max_examples=max(10, settings().max_examples // 10))
@given(
    days=st.integers(400, 800),
    seed=st.integers(0, 10_000),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_a_machine_that_runs_for_years(days: int, seed: int, zone: str) -> None:
    """Daily ones by a local clock with its changes of time: the steady state is bounded and has no holes."""
    local, kept = ZoneInfo(zone), list[Aged]()
    for day in range(days):
        wall = datetime(2026, 1, 1, 2, 30, tzinfo=local) + timedelta(
            days=day
        )  # wall time, through every change
        now = wall.astimezone(UTC) + timedelta(seconds=seed % 50)
        kept.append(Aged(f"b{day:05}", BackupMode.DAILY, now, verified=True))
        verdicts = plan(kept, now=now, hourly=WEEK, daily=MONTH)
        gone = {verdict.name for verdict in verdicts if verdict.fate is Fate.DELETE}
        kept = [backup for backup in kept if backup.name not in gone]
    assert 30 <= len(kept) <= 31
    times = [backup.time for backup in kept]
    assert all(later - sooner <= timedelta(hours=25) for sooner, later in pairwise(times))


def test_reasons_and_recompression() -> None:
    ages = {"young": 1, "middle": 10, "old": 40, "older": 41, "oldest": 42, "ancient": 43}
    backups = [
        Aged(name, BackupMode.DAILY, START - timedelta(days=age), name != "old") for name, age in ages.items()
    ]
    fates = {item.name: item.fate for item in plan(backups, now=START, hourly=WEEK, daily=MONTH)}
    assert fates == {
        "young": Fate.KEEP,
        "middle": Fate.HARDEN,
        "old": Fate.DELETE,
        "older": Fate.HARDEN,  # the third verified one
        "oldest": Fate.DELETE,
        "ancient": Fate.DELETE,
    }


@pytest.mark.parametrize("mode", [BackupMode.HOURLY, BackupMode.DAILY])
def test_backups_of_the_future_do_not_stand_in_for_those_of_the_past(mode: BackupMode) -> None:
    """A clock that ran years ahead has left many; those that are surely of the past stay all the same."""
    ahead = [Aged(f"ahead{n}", mode, START + timedelta(days=900 + n), verified=True) for n in range(5)]
    past = [Aged(f"past{n}", mode, START - timedelta(days=100 + n), verified=True) for n in range(5)]
    fates = {item.name: item.fate for item in plan([*ahead, *past], now=START, hourly=WEEK, daily=MONTH)}
    left = {name for name, fate in fates.items() if fate is not Fate.DELETE}
    assert left == {backup.name for backup in ahead} | {"past0", "past1", "past2"}


def test_hourly_and_manual_ones_are_never_packed_again() -> None:
    old = [Aged(mode.value, mode, START - timedelta(days=20), verified=True) for mode in BackupMode]
    fates = {item.name: item.fate for item in plan(old, now=START, hourly=MONTH, daily=MONTH)}
    assert fates == {"hourly": Fate.KEEP, "daily": Fate.HARDEN, "manual": Fate.KEEP}


@pytest.mark.parametrize(("text", "length"), [("36h", 36), ("7d", 168), ("4w", 672)])
def test_spans(text: str, length: int) -> None:
    assert span(text, "--keep-daily") == timedelta(hours=length)


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "7m", "99999d", "1.5d", "²d"])
def test_bad_spans(text: str) -> None:
    with pytest.raises(UsageError, match="--keep-daily"):
        span(text, "--keep-daily")
