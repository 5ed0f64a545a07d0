"""Where backups are kept: a folder. What S3 does differently is in s3.py; both keep the same promises."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from ringmaster_operator.backups import gentle
from ringmaster_operator.backups.errors import Busy, NotThere, TargetFault
from ringmaster_operator.backups.gentle import Paced
from ringmaster_operator.backups.points import passed

LOCK = ".ringmaster-backup.lock"
SCRATCH = ".ringmaster-scratch-"
PARTIAL = ".ringmaster-partial-"


class Target(Protocol):
    """Files by name; each is there whole or not at all."""

    place: str
    """What to call it."""

    def files(self) -> dict[str, int]:
        """Sizes in bytes by name. Raises TargetFault."""

    def put(self, local: Path, name: str) -> None:
        """Keep a file under a name that is free or its own; durable when this returns. It may move it."""

    def write(self, name: str, content: bytes) -> None:
        """Keep a small file, in place of what was there."""

    def fetch(self, name: str, into: Path) -> None:
        """Copy a file to `into`. Raises NotThere, TargetFault."""

    def read(self, name: str) -> bytes:
        """A small file. Raises NotThere, TargetFault."""

    def delete(self, name: str) -> None:
        """Remove a file; what is gone already is fine."""

    def room(self, *, private: bool) -> int:
        """Free bytes where the scratch folder would be."""

    def locked(self) -> AbstractContextManager[None]:
        """A context in which nobody else changes anything here. Raises Busy."""

    def scratch(self, *, private: bool) -> AbstractContextManager[Path]:
        """A context with an empty folder for work; private: not at the target, where others may read."""


class FolderTarget:
    """A folder, on a volume or a host."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is missing, but not what is above it: an unmounted disk is no place."""
        self.folder = folder.expanduser().absolute()
        self.place = str(self.folder)

    def files(self) -> dict[str, int]:
        with self._faults("read"):
            if not self.folder.exists():
                return {}
            found = {}
            for entry in os.scandir(self.folder):
                if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                    found[entry.name] = entry.stat().st_size
            return found

    def put(self, local: Path, name: str) -> None:
        with self._faults("written"):
            source = local
            if local.stat().st_dev != self.folder.stat().st_dev:
                source = self.folder / f"{PARTIAL}{name}"
                _copy(local, source)
            passed("before rename")
            source.rename(self.folder / name)
            passed("after rename")
            self._sync()

    def write(self, name: str, content: bytes) -> None:
        with self._faults("written"):
            partial = self.folder / f"{PARTIAL}{name}"
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            passed("small file written")
            partial.rename(self.folder / name)
            passed("small file renamed")
            self._sync()

    def fetch(self, name: str, into: Path) -> None:
        with self._faults("read", name):
            _copy(self.folder / name, into)

    def read(self, name: str) -> bytes:
        with self._faults("read", name):
            return (self.folder / name).read_bytes()

    def delete(self, name: str) -> None:
        with self._faults("written"):
            (self.folder / name).unlink(missing_ok=True)
            self._sync()
        passed("deleted")

    def room(self, *, private: bool) -> int:
        with self._faults("read"):
            place = self.folder if self.folder.exists() else self.folder.parent
            return shutil.disk_usage(tempfile.gettempdir() if private else place).free

    @contextmanager
    def locked(self) -> Iterator[None]:
        """An flock, which a dead process gives up by itself; then what it left half-made is cleared."""
        with self._faults("written"):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(
                    f"another backup, prune or restore is at work in {self.place}; wait until it has ended"
                ) from error
            self._clear()
            yield
        finally:
            os.close(handle)

    @contextmanager
    def scratch(self, *, private: bool) -> Iterator[Path]:
        where = None if private else self.folder
        with self._faults("written"):
            made = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=where))
        try:
            yield made
        finally:
            gentle.clear(made)

    def _clear(self) -> None:
        for entry in list(os.scandir(self.folder)):
            if entry.name.startswith(SCRATCH):
                gentle.clear(Path(entry.path))
            elif entry.name.startswith(PARTIAL):
                Path(entry.path).unlink(missing_ok=True)

    def _sync(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _faults(self, verb: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if name and self.folder.is_dir():
                raise NotThere(f"there is no {name} in {self.place}") from error
            raise TargetFault(
                f"the folder {self.place} is not there; mount its disk or make it, then run this again"
            ) from error
        except OSError as error:
            raise TargetFault(
                f"the folder {self.place} cannot be {verb}: {error.strerror or error}"
            ) from error


def _copy(source: Path, into: Path) -> None:
    into.unlink(missing_ok=True)
    handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with source.open("rb") as read, os.fdopen(handle, "wb") as write:
        paced = Paced(write.fileno())
        while chunk := read.read(1 << 20):
            paced.wrote(write.write(chunk))
        write.flush()
        os.fsync(write.fileno())
