"""The folder of one session: launch plan, marker, log, last screen. All for the owner's eyes only."""

from __future__ import annotations

import json
import os
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ringmaster_operator.runtimes.protocol import Key, SessionSpec

LOG_TAIL_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Marker:
    """Says that a session should be there, even when tmux knows nothing of it any more."""

    socket: str
    worker: str
    fingerprint: str
    run: str


class SessionFiles:
    """The folder `sessions/<namespace>/<name>` below the host's state folder; the key is validated before."""

    def __init__(self, root: Path, key: Key) -> None:
        self.directory = root / "sessions" / key[0] / key[1]
        self.log = self.directory / "log"
        self._marker = self.directory / "session.json"
        self._launch = self.directory / "launch.json"
        self._failure = self.directory / "failure.txt"
        self._screen = self.directory / "screen.txt"

    def prepare(self, spec: SessionSpec, marker: Marker, env: dict[str, str]) -> None:
        """Write what the launcher reads and the marker; raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._failure.unlink(missing_ok=True)
        directory = os.path.expanduser(spec.working_directory or "~")
        plan = {"command": list(spec.command), "env": env, "directory": directory}
        write_private(self._launch, json.dumps(plan))
        write_private(self._marker, json.dumps(asdict(marker)))

    def marker(self) -> tuple[Marker, datetime] | None:
        """The marker and when it was written (UTC); None when no session should be there."""
        try:
            values = json.loads(self._marker.read_text("utf-8"))
            written = datetime.fromtimestamp(int(self._marker.stat().st_mtime), UTC)
            return Marker(**values), written
        except (OSError, ValueError, TypeError):
            return None

    def launching(self) -> bool:
        """True until the launcher has read its plan."""
        return self._launch.exists()

    def failure(self) -> str:
        """Why the program could not be run; empty when it could."""
        return self._failure.read_text("utf-8") if self._failure.exists() else ""

    def end(self) -> None:
        """The session is stopped: what only a running one needs goes, log and screen stay."""
        for path in (self._launch, self._marker, self._failure):
            path.unlink(missing_ok=True)

    def save_screen(self, text: str) -> None:
        if self.directory.is_dir():
            write_private(self._screen, text)

    def saved_screen(self) -> str:
        return self._screen.read_text("utf-8") if self._screen.exists() else ""

    def last_output_at(self) -> datetime | None:
        """When the log last grew (UTC, to the second)."""
        try:
            return datetime.fromtimestamp(int(self.log.stat().st_mtime), UTC)
        except OSError:
            return None

    def tail(self, lines: int) -> str:
        """The last lines of the log over all its generations, at most 1 MiB of it."""
        kept: deque[bytes] = deque()
        size = 0
        for path in self._generations():
            data = path.read_bytes()
            kept.appendleft(data)
            size += len(data)
            if size >= LOG_TAIL_BYTES:
                break
        text = b"".join(kept)[-LOG_TAIL_BYTES:].decode("utf-8", "replace").replace("\r\n", "\n")
        return "\n".join(text.rstrip("\n").split("\n")[-lines:])

    def discard(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def _generations(self) -> Iterator[Path]:
        number = 0
        path = self.log
        while path.exists():
            yield path
            number += 1
            path = self.log.with_name(f"{self.log.name}.{number}")


def known_keys(root: Path) -> list[Key]:
    """Keys of all session folders, whether or not a session should be there."""
    return [(path.parent.name, path.name) for path in sorted((root / "sessions").glob("*/*"))]


def write_private(path: Path, text: str) -> None:
    """Replace the file's content in one step, mode 0600; raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(fresh, path)
