"""The schema: models and migrations agree, upgrades keep every row, and what is not ours is left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import Connection, create_engine, inspect, text
from sqlmodel import Session

from ringmaster_operator.history import History, HistoryError, HistoryTooNew, migrate
from ringmaster_operator.history.tables import metadata
from ringmaster_operator.resources.protocol import ModelUsage, Usage

from .conftest import Work

REBUILD = '''
"""Rebuilds the table that others refer to."""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "HEAD"

def upgrade():
    with op.batch_alter_table("attempt") as table:
        table.alter_column("profile", existing_type=sa.String(), nullable=True)
'''
BREAK = '''
"""Fails half way."""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "HEAD"

def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer()))
    op.execute("DELETE FROM usage")
    op.execute("SELECT nonsense FROM nowhere")
'''


def raw(url: str, run: Callable[[Connection], Any]) -> Any:
    """Run on a bare connection, while no History has the database open."""
    engine = create_engine(url, **({"module": driver} if url.startswith("sqlite") else {}))
    try:
        with engine.begin() as connection:
            return run(connection)
    finally:
        engine.dispose()


def next_version(monkeypatch: pytest.MonkeyPatch, folder: Path, migration: str) -> None:
    """As if a newer Ringmaster with one more migration were installed."""
    shutil.copytree(Path(migrate.__file__).with_name("migrations"), folder)
    (folder / "versions" / "next.py").write_text(migration.replace("HEAD", migrate.head()))
    monkeypatch.setattr(migrate, "FOLDER", folder)


async def fill(url: str) -> None:
    history = await History.open(url)
    one = Work(history=history)
    await one.start()
    usage = Usage(requests=[ModelUsage(position=str(n), output_tokens=1) for n in range(3)])
    await one.report(one.request(usage=usage))
    await history.close()


async def test_the_models_are_what_the_migrations_make(history: History) -> None:
    def difference(db: Session) -> list[Any]:
        context = MigrationContext.configure(db.connection(), opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await history.read(difference) == []


def test_the_files_say_what_alembic_would() -> None:
    script = ScriptDirectory(migrate.FOLDER)
    assert migrate.head() == script.get_current_head()
    assert migrate.revisions() == {each.revision for each in script.walk_revisions()}


async def test_opening_again_changes_nothing(database_url: str) -> None:
    await fill(database_url)
    history = await History.open(database_url)
    [summary] = await history.attempts_of(bead_uid="uid-1")
    assert (summary.iterations, summary.output_tokens) == (1, 3)
    await history.close()


async def test_rebuilding_a_table_keeps_what_refers_to_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rebuilding a table with foreign keys on deletes all that refers to it, without a word."""
    await fill(database_url)
    next_version(monkeypatch, tmp_path / "newer", REBUILD)
    history = await History.open(database_url)
    [summary] = await history.attempts_of(bead_uid="uid-1")
    assert (summary.iterations, summary.output_tokens) == (1, 3)
    columns = await history.read(lambda db: inspect(db.connection()).get_columns("attempt"))
    assert {column["name"]: column["nullable"] for column in columns}["profile"]
    await history.close()


async def test_an_upgrade_that_fails_leaves_everything_as_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await fill(database_url)
    with monkeypatch.context() as patch:
        next_version(patch, tmp_path / "newer", BREAK)
        with pytest.raises(HistoryError):
            await History.open(database_url)
    assert not raw(database_url, lambda c: inspect(c).has_table("half"))
    history = await History.open(database_url)
    [summary] = await history.attempts_of(bead_uid="uid-1")
    assert summary.output_tokens == 3
    await history.close()


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    await fill(database_url)
    raw(database_url, lambda c: c.execute(text("UPDATE alembic_version SET version_num = '99990'")))
    with pytest.raises(HistoryTooNew, match=r"newer Ringmaster \(schema 99990"):
        await History.open(database_url)
    assert raw(database_url, lambda c: c.execute(text("SELECT count(*) FROM usage")).scalar()) == 3


async def test_someone_elses_tables_are_refused(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).parent.mkdir()
    raw(database_url, lambda c: c.execute(text("CREATE TABLE session (id INTEGER)")))
    with pytest.raises(HistoryError, match="tables named session that Ringmaster did not make"):
        await History.open(database_url)
    assert raw(database_url, lambda c: inspect(c).get_table_names()) == ["session"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not a URL"),
        ("sqlite://", "cannot be kept in sqlite://"),
        ("mysql://me:secret@host/db", r"cannot be kept in mysql://me:\*\*\*@host/db"),
    ],
)
async def test_addresses_that_cannot_work(url: str, message: str) -> None:
    with pytest.raises(HistoryError, match=message) as caught:
        await History.open(url)
    assert "RINGMASTER_DATABASE_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be used now") as caught:
        await History.open(f"postgresql+psycopg://me:secret@/db?host={tmp_path}")
    assert "secret" not in str(caught.value)
