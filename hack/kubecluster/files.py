"""Where clusters are kept, and how files are written so that an interruption leaves nothing half-made."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


class ClusterError(Exception):
    """Something went wrong; the message says what to do. The command ends with 1."""


class Refusal(ClusterError):
    """The command was not understood, or asks for what must not be done. It ends with 2."""


def say(message: str) -> None:
    """Tell the person at the terminal how it goes; results alone go to standard output."""
    print(message, file=sys.stderr, flush=True)


def _xdg(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    # The XDG rules want relative values ignored.
    return Path(given) if given.startswith("/") else Path.home() / default


def cache_dir() -> Path:
    """What can be made again: the built programs."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "ringmaster" / "cluster"


def clusters_dir() -> Path:
    """One folder per cluster: its data, keys and logs."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "ringmaster" / "clusters"


def private_dir(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.rename(path)


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it; one that is already gone is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def lock(path: Path, waiting: str) -> Iterator[int]:
    """Hold the file's lock; the system frees it however this process ends.

    Yields the descriptor: a child that gets it keeps the lock for as long as it lives.
    """
    private_dir(path.parent)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_still(path, handle):
            break
        os.close(handle)  # the holder before us removed the file: lock the one that is there now
    try:
        yield handle
    finally:
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, to be shown with an error."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log was written)"
    return "\n".join(f"    {line[:400]}" for line in lines[-count:]) or "(the log is empty)"
