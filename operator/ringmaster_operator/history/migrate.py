"""Brings a database to this version's schema, inside the caller's transaction: all of it or nothing.

Alembic is driven without its env.py and ini file: the connection comes from us, and so a migration runs
with the same settings whoever starts it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from ringmaster_operator.history.errors import HistoryError, HistoryTooNew, explained
from ringmaster_operator.history.tables import metadata

FOLDER = Path(__file__).with_name("migrations")
_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_BEFORE = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


def head() -> str:
    """The revision that this version writes."""
    last = revisions() - {found for file in _files() for found in _BEFORE.findall(file)}
    if len(last) != 1:
        raise HistoryError("this installation has no migrations; install it again")
    return last.pop()


def revisions() -> set[str]:
    """The revisions that this version can open."""
    return {found for file in _files() for found in _REVISION.findall(file)}


def _files() -> list[str]:
    """Read here and not by Alembic, which is only loaded (20 MB of memory) where there is something to do."""
    return [path.read_text(encoding="utf-8") for path in (FOLDER / "versions").glob("*.py")]


def upgrade(connection: Connection, place: str) -> None:
    """Run what is missing. Raises HistoryTooNew, or HistoryError for a database that is not Ringmaster's."""
    current = _current(connection)
    if current == head():
        return
    if current is None:
        _refuse_strangers(connection, place)
    elif current not in revisions():
        raise HistoryTooNew(
            f"the history database {place} was written by a newer Ringmaster (schema {current}, this one "
            f"knows {head()}). Install that version again, or restore a backup made before the upgrade"
        )
    _migrate(connection, place)


def _current(connection: Connection) -> str | None:
    """The revision that the database is at."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _migrate(connection: Connection, place: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory(FOLDER)

    def steps(revision: Any, _: object) -> Any:
        return script._upgrade_revs("head", revision)

    try:
        with EnvironmentContext(Config(), script, fn=steps) as environment:
            environment.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
            environment.run_migrations()
    except CommandError as error:
        raise HistoryError(f"the history database {place} could not be upgraded: {error}") from error


def reason(error: Exception, place: str) -> HistoryError:
    """What to tell a person when opening has failed."""
    if isinstance(error, HistoryError):
        return error
    return explained(error, place) or HistoryError(f"the history database {place} cannot be opened: {error}")


def _refuse_strangers(connection: Connection, place: str) -> None:
    mine = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if mine:
        raise HistoryError(
            f"{place} has tables named {', '.join(sorted(mine))} that Ringmaster did not make; "
            f"give RINGMASTER_DATABASE_URL a database of its own"
        )
