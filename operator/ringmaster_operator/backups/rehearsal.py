"""A rehearsal: the backup restored into a scratch place, upgraded, opened and read as the operator does."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from psycopg import sql
from sqlalchemy import make_url

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import sqlite_source
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.manifest import ANOTHER, Manifest
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.target import Target
from ringmaster_operator.history import History, HistoryError, migrate

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_MANY = 20
"""Namespaces whose attempts are read."""


def rehearse(target: Target, manifest: Manifest, *, database: str, identity: Path | None) -> str:
    """What was done, for people. Raises Damaged, BackupError.

    A PostgreSQL dump needs the server of `database`, on which a scratch database is made and dropped again.
    """
    began = time.monotonic()
    openable(manifest)
    verifying.need_room(target, manifest, private=manifest.encrypted)
    with target.scratch(private=manifest.encrypted) as scratch:
        unpacked = verifying.check(target, manifest, identity=identity, scratch=scratch)
        if manifest.engine == "sqlite":
            placed = scratch / "ringmaster.db"
            unpacked.rename(placed)
            used = use(f"sqlite:///{placed}", f"backup {manifest.name}")
            after = sqlite_source.facts(placed)
        else:
            with _scratch_database(database, unpacked) as restored:
                used = use(restored.url.render_as_string(hide_password=False), f"backup {manifest.name}")
                after = restored.facts()
        not_fewer(manifest, after.tables)
    rows = sum(manifest.tables.values())
    upgraded = "" if after.revision == manifest.schema_revision else f", upgraded to schema {after.revision}"
    return f"restored, opened and read: {rows} rows, {used}{upgraded}, {time.monotonic() - began:.1f} s"


def openable(manifest: Manifest) -> None:
    """Raises BackupError for a backup that a newer Ringmaster made."""
    if manifest.schema_revision not in migrate.revisions():
        raise BackupError(
            f"backup {manifest.name} was made by a newer Ringmaster ({manifest.versions.get('ringmaster')}, "
            f"schema {manifest.schema_revision}; this one knows {migrate.head()}): use that version, or "
            f"{ANOTHER}"
        )


def use(url: str, name: str) -> str:
    """Open, upgrade and read a restored database with the operator's own code; what was read.

    name is what to call it. Raises BackupError.
    """

    async def work() -> str:
        history = await History.open(url)
        try:
            waiting = await history.unapplied_reports()
            attempts = await history.open_attempts()
            evidence = await history.evidence_of()
            spending = await history.spent_since(since=_LONG_AGO)
            for namespace in sorted({booked.namespace for booked in spending})[:_MANY]:
                await history.attempts_in(namespace=namespace)
            return (
                f"{len(attempts)} open attempts, {len(waiting)} reports to apply, {len(spending)} bookings, "
                f"{len(evidence)} capabilities"
            )
        finally:
            await history.close()

    try:
        return asyncio.run(work())
    except HistoryError as error:
        raise BackupError(f"{name} unpacks, but cannot be used: {error}") from error


def not_fewer(manifest: Manifest, tables: dict[str, int]) -> None:
    """Raises BackupError when an upgrade lost rows: a table rebuilt with foreign keys on deletes others'."""
    for name, before in manifest.tables.items():
        if name != "alembic_version" and name in tables and tables[name] < before:
            raise BackupError(
                f"the upgrade of backup {manifest.name} to schema {migrate.head()} lost rows of {name} "
                f"({before} before, {tables[name]} after): restore it with the version that made it "
                f"({manifest.versions.get('ringmaster')}) and report this as a fault"
            )


@contextmanager
def _scratch_database(database: str, dump: Path) -> Iterator[PostgresSource]:
    url = make_url(database)
    if url.get_backend_name() != "postgresql":
        raise UsageError(
            "this is a backup of PostgreSQL; give --database, on whose server it may be rehearsed"
        )
    server, name = PostgresSource(url), f"ringmaster_rehearsal_{uuid.uuid4().hex[:12]}"
    with server.connected() as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    scratch = server.within(name)
    try:
        scratch.restore(dump)
        yield scratch
    finally:
        with server.connected() as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
