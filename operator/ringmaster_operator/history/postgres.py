"""PostgreSQL, for operators that are to be highly available.

The leader's Lease settles who works; that a leader which was frozen and wakes up late writes nothing is
settled here: the connection that writes holds an advisory lock, and a new leader ends whichever has it.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, text

from ringmaster_operator.history import migrate
from ringmaster_operator.history.errors import unavailable

READERS = 4
CONNECT_SECONDS = 10
_MIGRATION_LOCK = 7_464_662_003
"""Key of the advisory lock that lets one of several starting operators upgrade at a time."""
TAKEOVER_SECONDS = 5.0
"""Longest wait for the former leader's connection to end; the server ends it in milliseconds."""
_LOCK = "hashtextextended('ringmaster writer ' || current_schema, 0)"
_END_HOLDER = f"""
SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory'
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND ((l.classid::bigint << 32) | l.objid::bigint) = {_LOCK} AND l.objsubid = 1 AND l.granted
AND (%(any)s OR a.application_name = %(me)s)"""  # noqa: S608 - made of constants


class PostgresBackend:
    """One database of a server."""

    def __init__(self, url: URL, *, exclusive: bool = False) -> None:
        """Connect and bring the schema up to date. Raises HistoryError.

        With `exclusive` this is the only writer from now on: whoever was it before is cut off.
        """
        url = url.set(drivername="postgresql+psycopg")
        self.sole = exclusive
        self.place = url.render_as_string(hide_password=True)
        settings: dict[str, Any] = {
            "max_overflow": 0,
            "pool_pre_ping": True,  # a connection that the server dropped while idle costs no report
            "connect_args": {"connect_timeout": CONNECT_SECONDS},
        }
        self.writer = create_engine(url, pool_size=1, **settings)
        self._name = f"ringmaster {uuid.uuid4()}"
        self._first = True
        if exclusive:
            event.listen(self.writer, "connect", self._take_over)
        reader = create_engine(url, pool_size=READERS, **settings)
        self.reader = reader.execution_options(postgresql_readonly=True)
        try:
            with self.writer.connect() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                migrate.upgrade(connection, self.place)
        except Exception as error:
            self.close()
            raise migrate.reason(error, self.place) from error

    def _take_over(self, connection: Any, _: Any) -> None:
        """Lock out other writers; a later connection of ours only replaces our own that was lost."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", (self._name,))
            until = time.monotonic() + TAKEOVER_SECONDS
            while not cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone()[0]:
                ended = cursor.execute(_END_HOLDER, {"any": self._first, "me": self._name}).fetchall()
                if time.monotonic() > until or not (ended or self._first):
                    raise unavailable(self.place, "another operator leads and writes to it now")
                time.sleep(0.02)
        connection.commit()
        self._first = False

    def settle(self, connection: Connection) -> None:
        """Nothing is left to do before the last connection goes."""

    def close(self) -> None:
        """Close the pooled connections."""
        self.reader.dispose()
        self.writer.dispose()
