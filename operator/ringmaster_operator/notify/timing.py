"""When somebody may be told, by their own clock: digests, quiet hours, a pause. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ringmaster_operator.resources.notify_api import Digest, Quiet, SubscriptionRequest, clock_time

MINUTE = timedelta(minutes=1)
MOST_MINUTES = 2 * 24 * 60


def due(wishes: SubscriptionRequest, now: datetime) -> datetime:
    """The first moment, in UTC and not before now, at which what has just happened may be told."""
    zone = ZoneInfo(wishes.time_zone)
    moment = now
    if wishes.digest is Digest.HOURLY:
        moment = next_hour(now, zone)
    elif wishes.digest is Digest.DAILY:
        moment = next_daily(now, zone, clock_time(wishes.daily_at))
    if wishes.muted_until is not None and moment < wishes.muted_until:
        moment = wishes.muted_until
    return quiet_end(moment, zone, wishes.quiet) if wishes.quiet is not None else moment


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """The next full hour on that clock."""
    local = now.astimezone(zone)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) - into + timedelta(hours=1)


def next_daily(now: datetime, zone: ZoneInfo, at: time) -> datetime:
    """The next time of day on that clock: once a day, also where the clock is set.

    A time that is skipped comes as much later as the clock jumps; of one that comes twice the first counts.
    """
    day = now.astimezone(zone).date()
    for number in range(3):
        moment = datetime.combine(day + timedelta(days=number), at, zone).astimezone(UTC)
        if moment > now:
            return moment
    raise AssertionError("a day has come and gone without its time of day")


def quiet_end(moment: datetime, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """The moment itself, or else the first minute after it that is not quiet on that clock."""
    if not is_quiet(moment, zone, quiet):
        return moment
    found = moment.replace(second=0, microsecond=0)
    # Minute by minute: whatever is done to a clock, what it shows is what counts.
    for _ in range(MOST_MINUTES):
        found += MINUTE
        if not is_quiet(found, zone, quiet):
            return found
    return found


def is_quiet(moment: datetime, zone: ZoneInfo, quiet: Quiet) -> bool:
    """Whether that clock shows a time within start (included) and end."""
    start, end = clock_time(quiet.start), clock_time(quiet.end)
    shown = moment.astimezone(zone).time()
    return start <= shown < end if start < end else shown >= start or shown < end
