"""What a restore puts in place: a backup by name or age, or a moment of the continuous copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import catalog, continuous
from ringmaster_operator.backups.errors import NotThere
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.run import Wish
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import Target

SECOND = "%Y-%m-%d %H:%M:%SZ"


@dataclass(frozen=True)
class Moment:
    """Of the continuous copy: all that it has of the time before `at`, which ends at `shows`."""

    copy: continuous.Copy
    at: datetime
    shows: datetime

    def adopt(self, target: Target, wish: Wish) -> Manifest:
        """A backup of it that stays, for a caller who has the target's lock. Raises BackupError."""
        return self.copy.adopt(self.at, target, wish)


@dataclass(frozen=True)
class Choice:
    """One or both; with both, the moment is newer than the backup."""

    backup: Manifest | None
    moment: Moment | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"the continuous copy as of {self.moment.shows:{SECOND}}" if self.moment else self.known().name

    @property
    def shows(self) -> datetime:
        """The time after which nothing is restored."""
        return self.moment.shows if self.moment else self.known().time

    def known(self) -> Manifest:
        """The backup. Raises UsageError without one: a copy has no resources."""
        if self.backup is None:
            raise UsageError("there is no backup of that time, and the continuous copy has no resources")
        return self.backup


def at_time(
    known: catalog.Catalog,
    source: SqliteSource | PostgresSource,
    at: datetime,
    *,
    place: str,
    target: str,
    say: Callable[[str], None],
) -> Choice:
    """The newest there is of a time or before; place: where --copy says. Raises NotThere, BackupError."""
    try:
        backup, missing = known.latest(at), None
    except NotThere as none:
        backup, missing = None, none
    if isinstance(source, SqliteSource):
        copy = continuous.copy(place, target, source)
        shows = copy.reach(at) if copy.there() else None
        if shows is not None and (backup is None or shows >= backup.time):
            return Choice(backup, Moment(copy, at, shows))
        if shows is None and (place or copy.there()):
            say(f"the continuous copy {copy.place} has nothing of {at:{SECOND}} or before")
    if missing is not None:
        raise missing
    return Choice(backup)
