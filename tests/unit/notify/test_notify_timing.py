"""When messages may go: quiet hours and digests by the clock of whoever is told, whatever is done to it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.notify.timing import due, is_quiet, next_daily
from ringmaster_operator.resources.notify_api import Quiet, SubscriptionRequest

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
"""Years in which every one of the zones with summer time sets its clock several times."""
TIMES = st.times().map(lambda found: found.strftime("%H:%M"))
QUIET = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1])


def wishes(**fields: Any) -> SubscriptionRequest:
    return SubscriptionRequest.check({"channel": "ops", **fields})


def quiet(pair: tuple[str, str]) -> dict[str, str]:
    return {"start": pair[0], "end": pair[1]}


def moment(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@given(now=MOMENTS, hours=QUIET, zone=st.sampled_from(ZONES))
def test_the_first_minute_that_is_not_quiet(now: datetime, hours: tuple[str, str], zone: str) -> None:
    asked = Quiet.check(quiet(hours))
    found = due(wishes(quiet=quiet(hours), timeZone=zone), now)
    assert found >= now
    assert not is_quiet(found, ZoneInfo(zone), asked)
    between = range(0, int((found - now).total_seconds()), 300)
    assert all(is_quiet(now + timedelta(seconds=passed), ZoneInfo(zone), asked) for passed in between)
    assert found == now or is_quiet(found - timedelta(seconds=1), ZoneInfo(zone), asked)


@given(now=MOMENTS, at=st.times(), zone=st.sampled_from(ZONES))
def test_a_daily_digest_comes_once_a_day(now: datetime, at: time, zone: str) -> None:
    at = at.replace(second=0, microsecond=0)
    days, here = [], now
    for _ in range(4):
        following = next_daily(here, ZoneInfo(zone), at)
        assert here < following <= here + timedelta(hours=26)
        days.append(following.astimezone(ZoneInfo(zone)).date())
        here = following
    assert all((later - sooner).days == 1 for sooner, later in itertools.pairwise(days))


@given(
    now=MOMENTS,
    until=MOMENTS,
    hours=QUIET,
    zone=st.sampled_from(ZONES),
    digest=st.sampled_from(["now", "hourly", "daily"]),
)
def test_nothing_goes_too_soon(
    now: datetime, until: datetime, hours: tuple[str, str], zone: str, digest: str
) -> None:
    asked = wishes(quiet=quiet(hours), timeZone=zone, digest=digest, mutedUntil=until)
    found = due(asked, now)
    assert found >= max(now, until)
    assert not is_quiet(found, ZoneInfo(zone), Quiet.check(quiet(hours)))
    assert found <= max(now, until) + timedelta(hours=51)


@pytest.mark.parametrize(
    ("now", "hours", "then"),
    [
        ("2026-11-24T23:10", ("22:00", "07:00"), "2026-11-25T07:00"),
        ("2026-11-24T21:59", ("22:00", "07:00"), "2026-11-24T21:59"),
        ("2026-11-24T07:00", ("22:00", "07:00"), "2026-11-24T07:00"),
        ("2026-03-28T23:00", ("22:00", "07:00"), "2026-03-29T07:00"),  # the night has 23 hours
        ("2026-10-24T23:00", ("22:00", "07:00"), "2026-10-25T07:00"),  # and 25
        (
            "2026-03-29T01:30",
            ("22:00", "02:30"),
            "2026-03-29T03:00",
        ),  # 02:30 is skipped: the clock shows 03:00
    ],
)
def test_nights_of_berlin(now: str, hours: tuple[str, str], then: str) -> None:
    asked = wishes(quiet=quiet(hours), timeZone="Europe/Berlin")
    assert due(asked, moment(now)) == moment(then)


def test_a_night_that_ends_twice_is_quiet_twice() -> None:
    asked = wishes(quiet=quiet(("22:00", "02:30")), timeZone="Europe/Berlin")
    first, second = moment("2026-10-25T02:30"), moment("2026-10-25T02:30", fold=1)
    assert due(asked, moment("2026-10-25T01:00")) == first
    assert due(asked, moment("2026-10-25T02:10", fold=1)) == second
    assert second - first == timedelta(hours=1)


def test_digests_wait_for_the_end_of_the_night() -> None:
    night = quiet(("22:00", "07:00"))
    hourly = wishes(quiet=night, timeZone="Europe/Berlin", digest="hourly")
    assert due(hourly, moment("2026-11-24T20:10")) == moment("2026-11-24T21:00")
    assert due(hourly, moment("2026-11-24T21:10")) == moment("2026-11-25T07:00")
    daily = wishes(timeZone="Europe/Berlin", digest="daily", dailyAt="09:30")
    assert due(daily, moment("2026-11-24T09:29")) == moment("2026-11-24T09:30")
    assert due(daily, moment("2026-11-24T09:30")) == moment("2026-11-25T09:30")


@pytest.mark.parametrize("zone", ["Berlin", "../etc/passwd", "/etc/passwd", "Europe", "UTC\x00", ""])
def test_time_zones_that_there_are_not(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        wishes(timeZone=zone)
