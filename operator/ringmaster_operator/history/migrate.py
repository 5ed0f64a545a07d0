"""Brings a database to this version's schema, inside the caller's transaction: all of it or nothing.

Alembic is driven without its env.py and ini file: the connection comes from us, and so a migration runs
with the same settings whoever starts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from ringmaster_operator.history.errors import HistoryError, HistoryTooNew, explained
from ringmaster_operator.history.tables import metadata


def _script() -> ScriptDirectory:
    return ScriptDirectory(Path(__file__).with_name("migrations"))


def head() -> str:
    """The revision that this version writes."""
    revision = _script().get_current_head()
    if revision is None:
        raise HistoryError("this installation has no migrations; install it again")
    return revision


def revisions() -> set[str]:
    """The revisions that this version can open."""
    return {revision.revision for revision in _script().walk_revisions()}


def upgrade(connection: Connection, place: str) -> None:
    """Run what is missing. Raises HistoryTooNew, or HistoryError for a database that is not Ringmaster's."""
    script = _script()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == head():
        return
    if current is None:
        _refuse_strangers(connection, place)
    elif current not in revisions():
        raise HistoryTooNew(
            f"the history database {place} was written by a newer Ringmaster (schema {current}, this one "
            f"knows {head()}). Install that version again, or restore a backup made before the upgrade"
        )

    def steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        environment.run_migrations()


def reason(error: Exception, place: str) -> HistoryError:
    """What to tell a person when opening has failed."""
    if isinstance(error, HistoryError):
        return error
    if isinstance(error, CommandError):
        return HistoryError(f"the history database {place} could not be upgraded: {error}")
    return explained(error, place) or HistoryError(f"the history database {place} cannot be opened: {error}")


def _refuse_strangers(connection: Connection, place: str) -> None:
    mine = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if mine:
        raise HistoryError(
            f"{place} has tables named {', '.join(sorted(mine))} that Ringmaster did not make; "
            f"give RINGMASTER_DATABASE_URL a database of its own"
        )
