"""The continuous copy: Litestream follows a history in SQLite, so that a restore reaches any moment.

Litestream is a program of its own, a second process beside the operator. Both carry an SQLite without the
WAL-reset bug, and Litestream keeps others from starting the WAL anew before it has copied it. A file of its
copy is stamped after the commits in it were read, and all with a stamp before a moment are taken: a restore
holds nothing that came after that moment, and lacks at most the second before it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import places
from ringmaster_operator.backups import run as running
from ringmaster_operator.backups.errors import BackupError, Busy, Damaged
from ringmaster_operator.backups.following import lock_path
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.run import Wish
from ringmaster_operator.backups.sqlite_source import SqliteSource, facts, faults
from ringmaster_operator.backups.target import Target

FOLDER = "continuous"
"""In the target, unless told otherwise."""
EXACT = timedelta(hours=1)
"""How far back each second is kept; before that each half minute."""
SNAPSHOTS = timedelta(days=1)
"""The whole database again that often, or four times in the time that the copy is kept."""


@dataclass(frozen=True)
class Copy:
    """Where a copy is, and of which database."""

    place: str
    """A folder, or s3://BUCKET/PREFIX."""
    database: Path

    def there(self) -> bool:
        """Whether anything is in it. Raises TargetFault."""
        newest = "0000" if self.place.startswith("s3:") else "ltx/0"  # Litestream never deletes the last one
        return bool(places.target(f"{self.place}/{newest}").files())

    def reach(self, at: datetime) -> datetime | None:
        """The last moment that it shows before another one; None where it begins later.

        To the second, rounded down. Raises BackupError.
        """
        done = self._call("restore", *_until(at), "-o", os.devnull, "-dry-run", "-json")
        if done.returncode:
            if "no matching backup" in done.stderr:
                return None
            raise self._fault("read", done)
        files = json.loads(done.stdout)["files"]
        return datetime.fromisoformat(files[-1]["timestamp"]).astimezone(UTC)

    def fetch(self, at: datetime, into: Path) -> None:
        """The database as it was at that moment, in a new file that was checked. Raises BackupError."""
        done = self._call("restore", *_until(at), "-o", str(into))
        if done.returncode:
            raise self._fault("restored", done)
        into.chmod(0o600)
        held = facts(into)
        if fault := faults(into, held.tables, held.revision):
            raise Damaged(
                f"the continuous copy {self.place} is damaged: {fault}; name a backup: ringmaster backup list"
            )

    def adopt(self, at: datetime, target: Target, wish: Wish) -> Manifest:
        """Make a backup of that moment, which stays; for a caller who has the target's lock.

        Raises BackupError.
        """
        with target.scratch(private=bool(wish.recipients)) as scratch:
            into = scratch / "continuous.db"
            wish.say(f"fetching the continuous copy from {self.place}")
            self.fetch(at, into)
            return running.locked_run(SqliteSource(into), target, wish)

    def settings(self, keep: timedelta) -> dict[str, Any]:
        """Litestream's configuration."""
        snapshots = min(SNAPSHOTS, keep / 4)
        return {
            "dbs": [{"path": str(self.database), "replica": self._replica()}],
            "l0-retention": _seconds(min(EXACT, keep)),
            "snapshot": {"interval": _seconds(snapshots), "retention": _seconds(keep + snapshots)},
            "verify-compaction": True,
        }

    def _replica(self) -> dict[str, Any]:
        parts = urlsplit(self.place)
        if parts.scheme != "s3":
            return {"type": "file", "path": self.place}
        endpoint, region = places.s3_place()
        found = {"type": "s3", "bucket": parts.netloc, "path": parts.path.strip("/"), "region": region}
        return found | ({"endpoint": endpoint} if endpoint else {})

    def follow(self, keep: timedelta) -> NoReturn:
        """Become Litestream, which copies until it is ended. Raises BackupError."""
        litestream = program()
        self.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _only_one(self.database)
        settings = _handed(self.settings(keep))
        words = [litestream, "replicate", *_with(settings)]
        os.execve(litestream, words, _environment())  # noqa: S606 - by its path

    def _call(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        settings = _handed(self.settings(timedelta(days=1)))
        try:
            return subprocess.run(
                [program(), verb, *_with(settings), *words, str(self.database)],
                pass_fds=(settings,),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(settings)

    def _fault(self, verb: str, done: subprocess.CompletedProcess[str]) -> BackupError:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        return BackupError(f"the continuous copy {self.place} cannot be {verb}: {said}")


def copy(place: str, target: str, database: SqliteSource) -> Copy:
    """By what --copy and --target say. Raises UsageError."""
    where = place or f"{target.rstrip('/')}/{FOLDER}"
    if urlsplit(where).scheme != "s3":
        where = str(Path(where.removeprefix("file://")).expanduser().absolute())
    places.target(where)
    return Copy(where, database.path)


def program() -> str:
    """Litestream beside this Python, or where PATH has it. Raises BackupError."""
    beside = Path(sys.executable).with_name("litestream")
    found = str(beside) if beside.exists() else shutil.which("litestream")
    if not found:
        raise BackupError(
            "litestream is not installed: pip install 'ringmaster[continuous]' brings it; "
            "ringmaster backup list shows the backups, which need no litestream"
        )
    return found


def plain(recipients: Sequence[str], *, accepted: bool) -> None:
    """Raises UsageError where backups are encrypted: the copy can't be."""
    if recipients and not accepted:
        raise UsageError(
            "backups are encrypted (RINGMASTER_BACKUP_ENCRYPT_TO), and a continuous copy cannot be: "
            "let the disk or the bucket encrypt it, and give --plain"
        )


def _environment() -> dict[str, str]:
    """Litestream fails where AWS_CA_BUNDLE is set; Go's own variable for the same is SSL_CERT_FILE."""
    found = dict(os.environ)
    if bundle := found.pop("AWS_CA_BUNDLE", ""):
        found.setdefault("SSL_CERT_FILE", bundle)
    return found


def _only_one(database: Path) -> None:
    """A lock that Litestream inherits, and so holds until its end."""
    path = lock_path(database)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Busy(f"{database} is followed already (fuser {path} names who does)") from error
    os.set_inheritable(handle, True)


def _handed(settings: dict[str, Any]) -> int:
    """Settings in memory, for a program to read; JSON is YAML too."""
    handle = os.memfd_create("litestream.yml", 0)
    os.write(handle, json.dumps(settings).encode())
    return handle


def _with(settings: int) -> list[str]:
    return ["-config", f"/proc/self/fd/{settings}", "-no-expand-env"]


def _until(at: datetime) -> list[str]:
    return ["-timestamp", at.astimezone(UTC).isoformat()]


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
