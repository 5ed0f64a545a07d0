"""PostgreSQL: pg_dump of one snapshot, and whether a dump is whole.

The rows are counted in the very snapshot that is dumped. Programs of the server's version or newer
are needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
from sqlalchemy import URL

from ringmaster_operator.backups.errors import BackupError, Busy
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.sqlite_source import Facts, differing
from ringmaster_operator.history.tables import metadata

CONNECT_SECONDS = 10
LOCK_SECONDS = 30
"""How long a restore waits for whoever still uses the tables."""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_COPY = re.compile(rb'COPY (?:"?[^ ."]+"?\.)?"?([^ ."]+)"? \(.*\) FROM stdin;\n')


class PostgresSource:
    """The history in a database of a server."""

    engine: Literal["sqlite", "postgresql"] = "postgresql"
    ending = ".dump"

    def __init__(self, url: URL) -> None:
        self.url = url.set(drivername="postgresql+psycopg")
        self.place = self.url.render_as_string(hide_password=True)

    def size(self) -> int:
        with self.connected() as connection:
            names = _tables(connection)
            row = connection.execute(
                "SELECT coalesce(sum(pg_table_size(format('%%I.%%I', current_schema, t)::regclass)), 0)"
                " FROM unnest(%s::text[]) t",
                (names,),
            ).fetchone()
            return int(row[0]) if row else 0

    def facts(self) -> Facts:
        """What the database holds. Raises BackupError."""
        with self.connected() as connection:
            return Facts(_revision(connection), _counts(connection), str(connection.info.server_version))

    def within(self, database: str) -> PostgresSource:
        """Another database of the same server."""
        return PostgresSource(self.url.set(database=database))

    def snapshot(self, into: Path) -> Facts:
        with self.connected() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot(), current_schema").fetchone()
            if row is None:
                raise BackupError(f"{self.place} gave no snapshot")
            shared, schema = row
            tables = _counts(connection)
            names = [f"--table={_quoted(schema)}.{_quoted(name)}" for name in tables]
            arguments = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges"]
            self.run(
                "pg_dump", *arguments, f"--snapshot={shared}", f"--file={into}", *names, "--dbname", self.dsn
            )
            into.chmod(0o600)
            return Facts(_revision(connection), tables, str(connection.info.server_version))

    def alone(self) -> None:
        """Raises Busy while others are connected as the same user: an operator, most likely."""
        with self.connected() as connection:
            row = connection.execute(_OTHERS).fetchone()
        if row and row[0]:
            raise Busy(
                f"{row[0]} other connections of this user use {self.place}: stop the operator first, or let"
                " this command do it with --deployment NAMESPACE/NAME or --unit NAME"
            )

    def restore(self, dump: Path) -> None:
        """Put a dump in place of the history that is there, in one transaction. Raises BackupError."""
        schema = schema_of(dump)
        script, first = dump.with_name(dump.name + ".sql"), dump.with_name(dump.name + ".first.sql")
        lines = [f"SET lock_timeout = '{LOCK_SECONDS}s'", f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}"]
        for name in [*metadata.tables, "alembic_version"]:
            lines.append(f"DROP TABLE IF EXISTS {_quoted(schema)}.{_quoted(name)} CASCADE")
        try:
            first.write_text("".join(f"{line};\n" for line in lines))
            self.run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dump))
            passed("script written")
            options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
            self.run("psql", *options, f"--file={first}", f"--file={script}", f"--dbname={self.dsn}")
        finally:
            script.unlink(missing_ok=True)
            first.unlink(missing_ok=True)

    @property
    def dsn(self) -> str:
        """For PostgreSQL's own programs; the password goes by environment."""
        return self.url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)

    def run(self, name: str, *arguments: str) -> None:
        """One of PostgreSQL's programs. Raises BackupError with its words."""
        environment = dict(os.environ)
        if self.url.password:
            environment["PGPASSWORD"] = str(self.url.password)
        done = subprocess.run(
            [program(name), *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BackupError(f"{name} failed on {self.place}: {' '.join(done.stderr.split())[:400]}")

    @contextmanager
    def connected(self, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A connection in a transaction. Raises BackupError."""
        url = self.url.set(drivername="postgresql")
        if database:
            url = url.set(database=database)
        dsn = url.render_as_string(hide_password=False)
        try:
            with psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS) as connection:
                yield connection
        except psycopg.Error as error:
            raise BackupError(f"{self.place}: {' '.join(str(error).split())[:300]}") from error


def faults(path: Path, tables: dict[str, int], revision: str) -> str:
    """What is wrong with a dump that should hold these rows: it is read to its end, the rows counted."""
    counts: dict[str, int] = {}
    command = [program("pg_restore"), "--data-only", "--file=-", str(path)]
    name, found = "", ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as restore:
        assert restore.stdout is not None  # noqa: S101 - both are pipes
        assert restore.stderr is not None  # noqa: S101
        for line in restore.stdout:
            if name:
                if line == b"\\.\n":
                    name = ""
                else:
                    counts[name] += 1
                    found = line.decode().strip() if name == "alembic_version" else found
            elif match := _COPY.match(line):
                name = match[1].decode()
                counts[name] = 0
        words = restore.stderr.read().decode(errors="replace")
    if restore.returncode:
        return f"pg_restore cannot read it: {' '.join(words.split())[:200]}"
    return differing(Facts(found, counts, ""), tables, revision)


def schema_of(dump: Path) -> str:
    """The schema that a dump's tables are in. Raises BackupError."""
    done = subprocess.run(
        [program("pg_restore"), "--list", str(dump)], capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) > 5 and words[3] == "TABLE":
            return words[4]
    raise BackupError(f"pg_restore finds no table in the dump: {' '.join(done.stderr.split())[:200]}")


def program(name: str) -> str:
    """The newest of PostgreSQL's programs of that name. Raises BackupError."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    found = str(packaged[-1]) if packaged else shutil.which(name)
    if not found:
        raise BackupError(
            f"{name} is not installed: install PostgreSQL's client programs (Debian: postgresql-client)"
        )
    return found


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    ours = [*metadata.tables, "alembic_version"]
    listed = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema AND tablename = ANY(%s)"
    return sorted(name for (name,) in connection.execute(listed, (ours,)).fetchall())


def _counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    counts = {}
    for name in _tables(connection):
        query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(name))
        row = connection.execute(query).fetchone()
        counts[name] = row[0] if row else 0
    return counts


def _revision(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
