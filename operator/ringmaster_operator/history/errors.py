"""What can go wrong with the history, in words that a person can act on.

Drivers differ in their exception classes and SQLite in its wording, so the difference between "try again
later" (full disk, lost connection), "damaged" and "our own mistake" is made here and nowhere else.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

_DAMAGED = ("malformed", "not a database", "corrupt", "Could not decode")
_SHORT_OF_SPACE = ("full", "No space", "disk I/O error")
_STANDBY = "read-only transaction"
"""PostgreSQL's answer to a write during a failover."""
_SCHEMA = ("no such table", "no such column", "has no column")
"""Statements come from the models, and the schema is checked at start: what is missing was lost since."""
_OURS = ("syntax error",)


class HistoryError(Exception):
    """The history database cannot do what was asked; the text says why and what to do."""


class HistoryUnavailable(HistoryError):
    """Not now: disk full, I/O error, connection lost. Nothing was written; the same call may be repeated."""


class HistoryCorrupt(HistoryUnavailable):
    """The database is damaged; it was left as it is, and only a person can mend it."""


class HistoryInUse(HistoryError):
    """Another process has the database open for writing."""


class HistoryTooNew(HistoryError):
    """The database was written by a newer Ringmaster."""


class ReportConflict(HistoryError):
    """A report id that another claim has used already."""


class ClaimConflict(HistoryError):
    """A claim id under which another bead was claimed before."""


class Apart(Exception):
    """Several writes cannot be made together, each by itself can; the writer sees to it."""


class NameTaken(HistoryError):
    """There is one of this name already."""


class LastAdministrator(HistoryError):
    """Nobody would be left who may manage users."""


def damaged(place: str, detail: str) -> HistoryCorrupt:
    """The error for a damaged database at `place`."""
    return HistoryCorrupt(
        f"the history database {place} is damaged ({detail[:200]}). It was left untouched. Restore it from a "
        f"backup; or, to begin with an empty history, move it and its -wal and -shm files aside"
    )


def explained(error: BaseException, place: str) -> HistoryError | None:
    """The HistoryError behind a driver's error; None for the caller's own faults (constraints, SQL)."""
    if isinstance(error, HistoryUnavailable):
        return error
    if isinstance(error, OSError):
        return unavailable(place, str(error))
    if not isinstance(error, DBAPIError):
        return None
    if "no such savepoint" in str(error.orig):
        error = _before(error)
    detail = " ".join(str(error.orig).split())
    if any(word in detail for word in (*_DAMAGED, *_SCHEMA)):
        return damaged(place, detail)
    if _STANDBY in detail or (
        isinstance(error, OperationalError | InterfaceError) and not any(word in detail for word in _OURS)
    ):
        return unavailable(place, detail)
    return None


def _before(error: DBAPIError) -> DBAPIError:
    """A full disk makes SQLite give up the whole transaction; that its savepoint is gone is only the echo."""
    first, earlier = error, error.__context__
    while earlier is not None:
        if isinstance(earlier, DBAPIError):
            first = earlier
        earlier = earlier.__context__
    return first


def unavailable(place: str, detail: str) -> HistoryUnavailable:
    """The error for a database that cannot be used now."""
    short = any(word in detail for word in _SHORT_OF_SPACE)
    hint = "; free some disk space, it is tried again by itself" if short else ""
    return HistoryUnavailable(f"the history database {place} cannot be used now: {detail}{hint}")
