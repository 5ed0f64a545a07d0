"""Moments, durations and figures as people read them at a glance."""

from __future__ import annotations

from datetime import datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def span(seconds: float) -> str:
    """A duration by its largest unit, as kubectl writes ages: 40s, 5m, 3h, 2d."""
    whole = max(0, int(seconds))
    for size, unit in _UNITS:
        if whole >= 2 * size or (whole >= size and unit in "sm"):
            return f"{whole // size}{unit}"
    return f"{whole}s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago; - where there is no moment."""
    return "-" if moment is None else span((now - moment).total_seconds())


def short(number: float) -> str:
    """A count in at most five characters: 950, 1.2k, 34k, 5.6M."""
    value = float(number)
    if value < 1000:
        return f"{value:.0f}"
    for unit in "kMG":
        value /= 1000
        if value < 999.5 or unit == "G":
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"
    return f"{value:.0f}"


def dollars(usd: float) -> str:
    """Money to the cent; less than one cent is shown as such."""
    if 0 < usd < 0.005:
        return "<$0.01"
    return f"${usd:,.2f}"
