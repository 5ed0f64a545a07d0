"""Writing much without standing in the way of those who write little: in pieces that are on the disk at once.

A file system that orders its journal makes a small commit wait for what others have written and not yet
synced, so a gigabyte that the kernel holds back is a pause for the operator when it goes out. Each piece is
synced and let go of by its writer, who then rests for as long as that took.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

PIECE = 1 << 20
"""Bytes between syncs."""
LONGEST_REST = 0.25
"""Seconds; a disk that is slower than that for a piece has other trouble."""


def settle(handle: int, *, rest: Callable[[float], None] = time.sleep) -> None:
    """Bring what was written to a file to the disk and out of the page cache, then rest as long."""
    began = time.monotonic()
    os.fdatasync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    rest(min(time.monotonic() - began, LONGEST_REST))


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
