"""Which database a backup is of, by its URL."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.sqlite_source import Facts, SqliteSource


class Source(Protocol):
    """A live history database that others write to."""

    engine: Literal["sqlite", "postgresql"]
    ending: str
    place: str

    def size(self) -> int:
        """Bytes that a snapshot may take. Raises BackupError."""

    def snapshot(self, into: Path) -> Facts:
        """One moment of the database in a file. Raises BackupError."""


def source(url: str) -> SqliteSource | PostgresSource:
    """By URL, as RINGMASTER_DATABASE_URL has it. Raises UsageError."""
    hint = "give --database as sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(f"the address of the history database is not a URL; {hint}") from error
    if parsed.get_backend_name() == "postgresql":
        return PostgresSource(parsed)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise UsageError(f"no history is kept in {parsed.render_as_string(hide_password=True)}; {hint}")
    return SqliteSource(Path(parsed.database).expanduser().absolute())
