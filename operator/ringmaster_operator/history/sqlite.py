"""SQLite, with care: a fixed build, one writer, a lock against a second process, nothing damaged overwritten.

Python's own sqlite3 may be a build with the WAL-reset corruption bug (before 3.51.3), hence pysqlite3.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from ringmaster_operator.history import migrate
from ringmaster_operator.history.errors import HistoryError, HistoryInUse, damaged, unavailable

log = logging.getLogger(__name__)

VERSION: str = driver.sqlite_version
READERS = 4
"""Connections, and threads, that read at the same time."""
BUSY_MILLISECONDS = 5000
"""How long a statement waits for a lock: a backup or a person with a SQL shell."""
SETTLE_MILLISECONDS = 500
"""The same at the end: a continuous copy always reads, and the WAL is as good as the database."""
CHECK_SECONDS = 10.0
"""Longest look at a database when it is opened; a very large one is then taken as sound so far."""
_CHECK_STEPS = 100_000


def companions(path: Path) -> tuple[Path, Path]:
    """The -wal and -shm files of a database."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def lock_path(path: Path) -> Path:
    """The file that whoever writes (or replaces) the database holds an flock on."""
    return path.with_name(path.name + ".lock")


class SqliteBackend:
    """One database file, held by this process until close()."""

    sole = True
    """Nobody else writes to it meanwhile."""

    def __init__(self, path: Path) -> None:
        """Take the lock, check or make the file, bring the schema up to date. Raises HistoryError."""
        self.place = str(path)
        self._lock = _take_lock(path)
        try:
            _prepare(path)
            self.writer = _engine(path, foreign_keys=True)
            with self.writer.connect():
                self.reader = _reader(path)  # the file is in WAL mode from here on
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, Exception):
                raise migrate.reason(error, self.place) from error
            raise

    def settle(self, connection: Connection) -> None:
        """Empty the WAL into the database before the last connection goes; not while another one reads."""
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SETTLE_MILLISECONDS}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Give the file up."""
        self.reader.dispose()
        self.writer.dispose()
        os.close(self._lock)


def _take_lock(path: Path) -> int:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700)
            path.parent.chmod(0o700)
        handle = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unavailable(str(path), str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise HistoryInUse(
            f"the history database {path} is in use by another process; stop that one first "
            f"(fuser {lock_path(path)} names it)"
        ) from error
    return handle


def _prepare(path: Path) -> None:
    wal, _ = companions(path)
    if not path.exists():
        if wal.exists() and wal.stat().st_size:
            raise damaged(str(path), "the file is gone, but its -wal is still there")
        _create(path)
    elif path.stat().st_size == 0:
        raise damaged(str(path), "the file is empty")
    else:
        _check(path)
        _migrate(path)


def _create(path: Path) -> None:
    """Make the database beside its place and move it there whole: no crash leaves a half-made one."""
    fresh = path.with_name(path.name + ".new")
    for stale in (fresh, fresh.with_name(fresh.name + "-journal")):
        stale.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _migrate(fresh)
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check(path: Path) -> None:
    """Look for damage through a read-only connection, which changes nothing whatever it finds."""
    log.info("checking the history database %s (%d MB)", path, path.stat().st_size >> 20)
    deadline = time.monotonic() + CHECK_SECONDS
    try:
        connection = driver.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _CHECK_STEPS)
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            connection.close()
    except driver.OperationalError as error:
        if "interrupted" in str(error):
            return
        raise unavailable(str(path), str(error)) from error
    except driver.DatabaseError as error:
        raise damaged(str(path), str(error)) from error
    if found != "ok":
        raise damaged(str(path), " ".join(found.split()))


def _migrate(path: Path) -> None:
    """Foreign keys stay off: rebuilding a table with them on would delete what refers to it."""
    engine = _engine(path, foreign_keys=False)
    try:
        with engine.connect() as connection, connection.begin():
            migrate.upgrade(connection, str(path))
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise HistoryError(
                    f"the history database {path} could not be upgraded: {broken[0]} lost rows"
                )
    finally:
        engine.dispose()


def _engine(path: Path, *, foreign_keys: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", module=driver, poolclass=QueuePool, pool_size=1, max_overflow=0
    )

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL" if foreign_keys else "journal_mode",
            "synchronous=FULL",
            f"foreign_keys={int(foreign_keys)}",
            "cell_size_check=ON",
            "mmap_size=0",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _reader(path: Path) -> Engine:
    def connect() -> Any:
        connection = driver.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        return connection

    engine = create_engine(
        "sqlite://", module=driver, creator=connect, poolclass=QueuePool, pool_size=READERS, max_overflow=0
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
