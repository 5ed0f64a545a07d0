"""Days as people write them: 2026-01-31, 7d (seven days ago), 4w, today, month, ever."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from ringmaster_cli.exits import UsageError

_AGO = re.compile(r"([0-9]{1,4})([dw])")
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
