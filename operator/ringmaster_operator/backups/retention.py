"""Which backups may go. Pure: names, times and a clock in, verdicts out.

The clock may lie, so age alone deletes nothing that is needed: the newest verified backups stay whatever it
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ringmaster_cli.exits import UsageError
from ringmaster_operator.resources.backup import BackupMode

FLOOR = 3
"""Verified backups of each mode that stay at any age."""
HARDEN_AFTER = timedelta(days=7)
"""Age at which daily backups are packed again, harder."""
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class Fate(StrEnum):
    KEEP = "keep"
    HARDEN = "recompress"
    DELETE = "delete"


@dataclass(frozen=True)
class Aged:
    """What retention must know of a backup."""

    name: str
    mode: BackupMode
    time: datetime
    verified: bool
    hard: bool = False
    """Whether it is packed as hard as it can be, or must stay as it is."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a backup, and why."""

    name: str
    fate: Fate
    reason: str


def plan(backups: Sequence[Aged], *, now: datetime, hourly: timedelta, daily: timedelta) -> list[Verdict]:
    """One verdict per backup, newest first."""
    ordered = sorted(backups, key=lambda backup: (backup.time, backup.name), reverse=True)
    floor = _floor(ordered, now)
    spans = {BackupMode.HOURLY: hourly, BackupMode.DAILY: daily}
    return [_verdict(backup, floor, now, spans.get(backup.mode)) for backup in ordered]


def _floor(ordered: Sequence[Aged], now: datetime) -> set[str]:
    """The newest verified of each mode; and as many that the clock does not put in the future."""
    kept: set[str] = set()
    for pool in (ordered, [backup for backup in ordered if backup.time <= now]):
        verified = [backup for backup in pool if backup.verified]
        for mode in BackupMode:
            kept.update(backup.name for backup in [b for b in verified if b.mode is mode][:FLOOR])
    return kept


def _verdict(backup: Aged, floor: set[str], now: datetime, span: timedelta | None) -> Verdict:
    age = now - backup.time
    if span is None:
        return Verdict(backup.name, Fate.KEEP, "manual ones stay until someone prunes them")
    if age > span and backup.name not in floor:
        return Verdict(backup.name, Fate.DELETE, f"older than {shown(span)}")
    if age > span:
        reason = "too old, but one of the newest verified ones"
    elif age < timedelta(0):
        reason = "of the future, by this clock"
    else:
        reason = f"younger than {shown(span)}"
    if backup.mode is BackupMode.DAILY and age > HARDEN_AFTER and not backup.hard:
        return Verdict(backup.name, Fate.HARDEN, reason)
    return Verdict(backup.name, Fate.KEEP, reason)


def span(text: str, option: str) -> timedelta:
    """36h, 7d, 4w. Raises UsageError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit() or not 0 < int(number) < 10_000:
        raise UsageError(f"{option} {text}: give hours, days or weeks, such as 36h, 7d or 4w")
    return int(number) * _UNITS[unit]


def shown(length: timedelta) -> str:
    """As people write it."""
    hours = int(length.total_seconds()) // 3600
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
