"""Putting a database file in the place of another: at every moment one whole database is there.

The one that goes is kept beside it (a hard link, which costs nothing) until the restore has succeeded. Its
WAL must be empty before: an old -wal beside a restored database would undo the restore.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import packing
from ringmaster_operator.backups.errors import BackupError, Busy
from ringmaster_operator.backups.points import passed
from ringmaster_operator.history.sqlite import companions, lock_path

BEFORE = ".before-restore"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock that the operator has while it runs. Raises Busy when somebody has the database."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                f"an operator has {path} open (fuser {lock_path(path)} names it): stop it first, or let this "
                "command do it with --deployment NAMESPACE/NAME or --unit NAME"
            ) from error
        yield
    finally:
        os.close(handle)


def clear(path: Path) -> str:
    """What a dead restore left beside the database: gone where it is of no use, else kept, and named."""
    before = _before(path)
    if not before.exists():
        return ""
    old = before / path.name
    if old.exists() and path.exists() and old.samefile(path) and not (before / _wal(path).name).exists():
        _remove(before)
        return ""
    number = 1
    while (kept := before.with_name(f"{before.name}-{number}")).exists():
        number += 1
    before.rename(kept)
    return (
        f"an interrupted restore left the database that was there before in {kept}; delete it when not needed"
    )


def settle(path: Path) -> bool:
    """Bring the WAL into the database; False when it is damaged and that is not possible."""
    try:
        connection = driver.connect(str(path), isolation_level=None)
        try:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        finally:
            connection.close()
    except driver.Error:
        return False
    if busy:
        raise Busy(f"another process reads {path} (fuser {path} names it); end it, then run this again")
    wal = _wal(path)
    return bool(sound) and not (wal.exists() and wal.stat().st_size)


def swap(path: Path, fresh: Path) -> None:
    """Put `fresh` in the place of `path`; what was there is in the folder of `undo`. The lock is held.

    `fresh` is on the same disk, synced, and has no WAL. Raises BackupError; then what was there is there.
    """
    before = _before(path)
    try:
        before.mkdir(mode=0o700)
        if path.exists():
            sound = settle(path)
            passed("settled")
            os.link(path, before / path.name)
            passed("linked")
            for file in companions(path):
                if file.exists() and not sound:
                    file.rename(before / file.name)
                file.unlink(missing_ok=True)
            _sync(before)
        passed("before swap")
        fresh.rename(path)
        passed("swapped")
        _sync(path.parent)
    except OSError as error:
        raise BackupError(f"{path.parent} cannot be written: {error.strerror or error}") from error


def undo(path: Path) -> bool:
    """Put back what was there before the swap; False when nothing was."""
    before = _before(path)
    old = before / path.name
    if not old.exists():
        return False
    for file in companions(path):
        file.unlink(missing_ok=True)
    os.link(old, partial := path.with_name(path.name + ".undo"))
    partial.rename(path)  # the same content under one name at every moment
    for file in companions(path):
        if (before / file.name).exists():
            (before / file.name).rename(file)
    _sync(path.parent)
    _remove(before)
    return True


def done(path: Path) -> None:
    """The restore has succeeded: what was there before is in the safety backup."""
    passed("before forgetting")
    _remove(_before(path))


def keep(path: Path) -> str:
    """The restore has succeeded, but what was there before could not be backed up: where it stays."""
    return str(_before(path))


def same(path: Path, digest: str) -> str:
    """Why the file in place is not the one that was put there; empty when it is."""
    wal = _wal(path)
    if wal.exists() and wal.stat().st_size:
        return f"there is a WAL of another database: {wal}"
    found = packing.hashed(path)[1]
    return "" if found == digest else f"{path} is not the file that was put there"


def _before(path: Path) -> Path:
    return path.with_name(path.name + BEFORE)


def _wal(path: Path) -> Path:
    return companions(path)[0]


def _remove(folder: Path) -> None:
    for entry in list(folder.iterdir()) if folder.exists() else []:
        entry.unlink(missing_ok=True)
        passed("forgetting")
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
