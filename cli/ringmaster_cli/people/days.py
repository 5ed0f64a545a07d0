"""Days and moments as people write them: 2026-01-31, 7d (seven days ago), 4w, today, month, ever, 30m."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from ringmaster_cli.exits import UsageError

_AGO = re.compile(r"([0-9]{1,4})([dw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WORDS = "a day is 2026-01-31, 7d, 4w or today"


def first_day(text: str) -> str | None:
    """The day that a range begins with, in ISO form (UTC); None for ever. Raises UsageError."""
    if text == "ever":
        return None
    if text == "month":
        return datetime.now(UTC).date().replace(day=1).isoformat()
    return _day(text, f"{_WORDS}, or month or ever").isoformat()


def last_day(text: str | None) -> str | None:
    """The day that a range ends with; None where nothing is said. Raises UsageError."""
    return None if text is None else _day(text, _WORDS).isoformat()


def _day(text: str, words: str) -> date:
    today = datetime.now(UTC).date()
    if text == "today":
        return today
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return today - timedelta(days=int(ago[1]) * (7 if ago[2] == "w" else 1))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r}: {words}") from None


def moment(text: str | None) -> str | None:
    """RFC 3339 in UTC of a time, or of so long ago (30m, 12h). Raises UsageError."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdecimal() and unit in UNITS:
            found = datetime.now(UTC) - timedelta(**{UNITS[unit]: int(number)})
        else:
            found = datetime.fromisoformat(text)
            found = found.astimezone() if found.tzinfo is None else found
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text} is no time: 2026-01-31, 2026-01-31T18:00:00Z, or 30m, 12h, 7d ago"
        ) from None


def ahead(text: str) -> str:
    """RFC 3339 in UTC of the time so long from now: 30m, 8h, 2d. Raises UsageError."""
    number, unit = text[:-1], text[-1:]
    try:
        if not number.isdecimal() or unit not in UNITS:
            raise ValueError
        found = datetime.now(UTC) + timedelta(**{UNITS[unit]: int(number)})
        return found.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        raise UsageError(f"{text} is no span of time: 30m, 8h, 2d") from None
