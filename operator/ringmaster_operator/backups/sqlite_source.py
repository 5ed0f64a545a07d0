"""SQLite: a snapshot beside whoever writes, and whether a database file is whole.

VACUUM INTO reads in one transaction, so writers go on in the WAL and the copy is of one moment. Copying the
file would tear it; the backup API in steps would begin again at every commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.gentle import Growing
from ringmaster_operator.history.sqlite import VERSION, companions

BUSY_MILLISECONDS = 30_000
LOOK_STEPS = 500
"""SQLite's own, of which a row of a copy takes a few."""
CACHE_KIB = 512
"""What the copy may hold back: all of it goes to the disk at once in the end."""


@dataclass(frozen=True)
class Facts:
    """What a database holds: revision of its schema, rows per table, version of the program that keeps it."""

    revision: str
    tables: dict[str, int]
    version: str


class SqliteSource:
    """The history in a file."""

    engine: Literal["sqlite", "postgresql"] = "sqlite"
    ending = ".db"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)

    def size(self) -> int:
        """Bytes, with what is still in the WAL. Raises BackupError."""
        try:
            wal = companions(self.path)[0]
            return self.path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
        except OSError as error:
            raise BackupError(
                f"there is no history database {self.path}; "
                "name it with --database or RINGMASTER_DATABASE_URL"
            ) from error

    def snapshot(self, into: Path) -> Facts:
        """One moment of the database, in a new file without WAL. Raises BackupError."""
        try:
            with opened(self.path) as connection, contextlib.closing(Growing(into)) as growing:
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                connection.set_progress_handler(growing.look, LOOK_STEPS)
                connection.execute("VACUUM INTO ?", (str(into),))
            return facts(into)
        except driver.Error as error:
            raise explained(self.path, error) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A connection that changes nothing."""
    connection = driver.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        yield connection
    finally:
        connection.close()


def facts(path: Path) -> Facts:
    """What the file holds. Raises the driver's errors."""
    with opened(path) as connection:
        return _facts(connection)


def _facts(connection: Any) -> Facts:
    listed = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    names = sorted(name for (name,) in connection.execute(listed))
    counts = {}
    for name in names:
        quoted = name.replace('"', '""')
        counts[name] = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]  # noqa: S608
    revision = ""
    if "alembic_version" in counts:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        revision = row[0] if row else ""
    return Facts(revision, counts, VERSION)


def faults(path: Path, tables: dict[str, int], revision: str) -> str:
    """What is wrong with a database file that should hold these rows; empty when nothing is."""
    try:
        with opened(path) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                return f"integrity_check says: {' '.join(found.split())[:200]}"
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                return f"foreign_key_check: table {broken[0]} has a row that refers to nothing"
            return differing(_facts(connection), tables, revision)
    except driver.Error as error:
        return f"it cannot be read: {error}"


def differing(found: Facts, tables: dict[str, int], revision: str) -> str:
    """How the content differs from what the manifest says."""
    if found.revision != revision:
        return f"its schema is {found.revision or 'none'}, the manifest says {revision}"
    for name in sorted({*tables, *found.tables}):
        if tables.get(name) != found.tables.get(name):
            return (
                f"table {name} has {found.tables.get(name, 'no')} rows, "
                f"the manifest says {tables.get(name, 'none')}"
            )
    return ""


def explained(path: Path, error: Exception) -> BackupError:
    """A driver's error while the live database was read."""
    text = str(error)
    if "full" in text:
        return BackupError(f"the disk became full while {path} was copied; make room, then run this again")
    if any(word in text for word in ("malformed", "not a database", "corrupt")):
        return BackupError(
            f"the history database {path} is damaged ({text}); nothing was backed up. "
            "Restore the last good backup: ringmaster restore latest"
        )
    return BackupError(f"the history database {path} cannot be read: {text}")
