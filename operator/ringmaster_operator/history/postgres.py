"""PostgreSQL, for operators that are to be highly available. Who writes is settled by the leader's Lease."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, create_engine, text

from ringmaster_operator.history import migrate

READERS = 4
CONNECT_SECONDS = 10
_MIGRATION_LOCK = 7_464_662_003
"""Key of the advisory lock that lets one of several starting operators upgrade at a time."""


class PostgresBackend:
    """One database of a server."""

    def __init__(self, url: URL) -> None:
        """Connect and bring the schema up to date. Raises HistoryError."""
        url = url.set(drivername="postgresql+psycopg")
        self.place = url.render_as_string(hide_password=True)
        settings: dict[str, Any] = {
            "max_overflow": 0,
            "pool_pre_ping": True,  # a connection that the server dropped while idle costs no report
            "connect_args": {"connect_timeout": CONNECT_SECONDS},
        }
        self.writer = create_engine(url, pool_size=1, **settings)
        reader = create_engine(url, pool_size=READERS, **settings)
        self.reader = reader.execution_options(postgresql_readonly=True)
        try:
            with self.writer.connect() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                migrate.upgrade(connection, self.place)
        except Exception as error:
            self.close()
            raise migrate.reason(error, self.place) from error

    def settle(self, connection: Connection) -> None:
        """Nothing is left to do before the last connection goes."""

    def close(self) -> None:
        """Close the pooled connections."""
        self.reader.dispose()
        self.writer.dispose()
