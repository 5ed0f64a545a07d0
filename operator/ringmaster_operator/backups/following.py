"""Whether a history in SQLite is being copied: who does it holds a lock beside the database."""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path

from sqlalchemy import make_url


def lock_path(database: Path) -> Path:
    """The file that whoever copies the database holds an flock on."""
    return database.with_name(database.name + ".follow")


def followed(url: str) -> float:
    """1 while a copy of this history is made, 0 when that has ended, not a number where none ever was."""
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or not place.database:
        return math.nan
    try:
        handle = os.open(lock_path(Path(place.database)), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return math.nan
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1.0
    finally:
        os.close(handle)
    return 0.0
