"""File locks that the kernel lets go of when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from ringmaster_cli.workspace.errors import WorkspaceError
from ringmaster_operator.resources.bead import Reason

PAUSE = 0.05


def try_lock(path: Path) -> int | None:
    """The lock's file descriptor (close it to let go), or None when someone else holds it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        if _still_there(fd, path):
            return fd
        os.close(fd)


def wait_lock(path: Path, *, should_stop: Callable[[], str | None], on_line: Callable[[str], None]) -> int:
    """As try_lock, but waits; says so once when it takes longer. Raises WorkspaceError when stopped."""
    begun = time.monotonic()
    said = False
    while (fd := try_lock(path)) is None:
        if reason := should_stop():
            raise WorkspaceError(Reason.CANCELLED, reason)
        if not said and time.monotonic() - begun > 2.0:
            said = True
            on_line(f"waiting for another session that updates {path.stem} ...")
        time.sleep(PAUSE)
    return fd


def held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not path.exists():
        return False
    fd = try_lock(path)
    if fd is None:
        return True
    os.close(fd)
    return False


def _still_there(fd: int, path: Path) -> bool:
    try:
        return os.fstat(fd).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
