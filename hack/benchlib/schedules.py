"""Times that come again, over every change of every clock: what is due twice, and what never comes.

Backups are planned in UTC and asked for by a clock that shows any zone; daily digests go by people's clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from benchlib.bench import Bench
from benchlib.figures import Figure
from ringmaster_operator.notify.timing import next_daily
from ringmaster_operator.reconcilers.backup_status import following

YEARS = range(2024, 2034)
AROUND = timedelta(days=2)
"""Looked at before and after each change."""
CRONS = {"0 * * * *": 24, "30 2 * * *": 1}
"""With how often they come a day."""
CLOSEST = timedelta(hours=22)
"""Two digests that are closer are for the same day."""
TIMES = [time(hour, minute) for hour in range(24) for minute in (0, 30)]


async def measure(bench: Bench) -> list[Figure]:
    """Nothing is measured but how often something is due."""
    changes = [
        (zone, day) for name in sorted(available_timezones()) for zone, day in _changes(ZoneInfo(name))
    ]
    backups = digests = wrong_backups = wrong_digests = 0
    for zone, day in changes:
        due, wrong = _backups(zone, day)
        backups, wrong_backups = backups + due, wrong_backups + wrong
        due, wrong = _digests(zone, day)
        digests, wrong_digests = digests + due, wrong_digests + wrong
    return [
        Figure("schedules", f"changes of clocks, {YEARS[0]} to {YEARS[-1]}", [float(len(changes))]),
        Figure("schedules", "backups due around them", [float(backups)]),
        Figure("schedules", "backups doubled or missed", [float(wrong_backups)], at_most=0),
        Figure("schedules", "daily digests due around them", [float(digests)]),
        Figure("schedules", "digests doubled or missed", [float(wrong_digests)], at_most=0),
    ]


def _changes(zone: ZoneInfo) -> Iterator[tuple[ZoneInfo, datetime]]:
    """Noon in UTC after each day on which the zone's clock was set."""
    noon, last = datetime(YEARS[0], 1, 1, 12, tzinfo=UTC), None
    while noon.year <= YEARS[-1]:
        offset = noon.astimezone(zone).utcoffset()
        if last is not None and offset != last:
            yield zone, noon
        noon, last = noon + timedelta(days=1), offset


def _backups(zone: ZoneInfo, change: datetime) -> tuple[int, int]:
    """How many came, and how many too many or too few, by a clock that shows that zone."""
    came = wrong = 0
    for cron, a_day in CRONS.items():
        now, times = change - AROUND, list[datetime]()
        while (now := following(cron, now.astimezone(zone))) <= change + AROUND:
            times.append(now.astimezone(UTC))
        expected = a_day * 2 * AROUND.days
        came += len(times)
        wrong += abs(len(times) - expected) + len(times) - len(set(times))
    return came, wrong


def _digests(zone: ZoneInfo, change: datetime) -> tuple[int, int]:
    """One for each day that the zone's calendar has; a time that is skipped may come after midnight."""
    came = wrong = 0
    first = (change - AROUND).astimezone(zone).date()
    last = (change + AROUND).astimezone(zone).date()
    days = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    for at in TIMES:
        now, seen = begin - timedelta(seconds=1), list[datetime]()
        while (now := next_daily(now, zone, at)).astimezone(zone).date() <= last:
            seen.append(now)
        came += len(seen)
        wrong += abs(len(seen) - len(_lived(days, zone)))
        wrong += sum(later - earlier < CLOSEST for earlier, later in pairwise(seen))
    return came, wrong


def _lived(days: set[date], zone: ZoneInfo) -> set[date]:
    """Without days that a zone left out, as islands did that changed sides of the date line."""
    noons = {day: datetime.combine(day, time(12), zone) for day in days}
    return {day for day, noon in noons.items() if noon.astimezone(UTC).astimezone(zone).date() == day}
