"""Writing much without standing in the way of those who write little: in pieces that are on the disk at once.

A file system that orders its journal makes a small commit wait for what others have written and not yet
synced, so a gigabyte that the kernel holds back is a pause for the operator when it goes out. Each piece is
synced by its writer, who then rests for as long as that took. It stays in the page cache: reading it again
from the disk would make others wait more than anything else here. A large file goes in pieces too:
giving up a gigabyte of blocks at once is a pause of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

PIECE = 1 << 19
"""Bytes between syncs."""
REMOVED = 1 << 20
"""Bytes that a file loses at a time."""
LONGEST_REST = 0.25
"""Seconds; a disk that is slower than that for a piece has other trouble."""


def settle(handle: int, *, rest: Callable[[float], None] = time.sleep) -> None:
    """Bring what was written to a file to the disk, then rest as long as that took."""
    began = time.monotonic()
    os.fdatasync(handle)
    rest(min(time.monotonic() - began, LONGEST_REST))


def remove(path: Path) -> None:
    """Unlink a file that nobody else needs, a piece at a time; one that is not there is no fault.

    One that has another name, or is none of the regular kind, is only unlinked. Raises OSError.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size > REMOVED:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for size in range(found.st_size - REMOVED, 0, -REMOVED):
                _shorten(handle, size)
        finally:
            os.close(handle)
    path.unlink(missing_ok=True)


def _shorten(handle: int, size: int) -> None:
    """Give up the blocks behind `size` bytes, on the disk as well, then rest as long as that took."""
    began = time.monotonic()
    os.ftruncate(handle, size)
    os.fsync(handle)
    time.sleep(min(time.monotonic() - began, LONGEST_REST))


def clear(folder: Path) -> None:
    """Remove a folder of work with all that is in it; what cannot be removed stays."""
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if not file.is_dir() or file.is_symlink():
                remove(file)
    shutil.rmtree(folder, ignore_errors=True)


class Paced:
    """Counts what is written to a file, and settles each piece."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._open = 0

    def wrote(self, count: int) -> None:
        """More bytes are in the file."""
        self._open += count
        if self._open >= PIECE:
            settle(self._handle)
            self._open = 0


class Growing:
    """A file that another writer makes: looked at again and again, and settled as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._settled = 0

    def look(self) -> int:
        """Settle what came since; 0, so that SQLite's progress handler goes on."""
        if self._handle is None:
            if not self._path.exists():
                return 0
            self._handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._handle).st_size
        if size - self._settled >= PIECE:
            settle(self._handle)
            self._settled = size
        return 0

    def close(self) -> None:
        """The rest, which its writer held back until the end; no more looks."""
        if self._handle is not None:
            settle(self._handle)
            os.close(self._handle)
            self._handle = None
