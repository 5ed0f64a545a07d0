"""What a session wrote: asked of the kubelet while its pod is there, kept in a file for afterwards."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ringmaster_operator.kube import PODS, Kube, KubeError
from ringmaster_operator.runtimes.pod.manifest import CONTAINER
from ringmaster_operator.runtimes.protocol import Key

LOG_BYTES = 1024 * 1024
SILENT_SECONDS = 120.0


@dataclass(frozen=True)
class Output:
    """The end of what was written, and when its last line was (UTC)."""

    text: str
    last_at: datetime | None = None

    def tail(self, lines: int) -> str:
        return "\n".join(self.text.rstrip("\n").split("\n")[-lines:])


async def read(kube: Kube, key: Key, *, lines: int | None, log_bytes: int, follow: bool = False) -> Output:
    """Of the pod's container, at most log_bytes (with the times that each line carries, half as much again).

    follow: until the container has ended. Raises KubeError.
    """
    query = {"container": CONTAINER, "timestamps": "true"}
    if lines is not None:
        query["tailLines"] = str(lines)
    if follow:
        query["follow"] = "true"
    kept = b""
    async for piece in _pieces(kube, key, query):
        kept += piece
        if len(kept) > 4 * log_bytes:
            kept = kept[-2 * log_bytes :].partition(b"\n")[2]
    return _parsed(kept[-2 * log_bytes :] if len(kept) > 2 * log_bytes else kept, log_bytes)


async def _pieces(kube: Kube, key: Key, query: dict[str, str]) -> AsyncIterator[bytes]:
    """As long as they come: a stream that breaks off in the middle has said what it has."""
    path = PODS.path(key[0], key[1], "log")
    came = False
    try:
        async for piece in kube.stream(path, query, silent=SILENT_SECONDS):
            came = True
            yield piece
    except KubeError:
        if not came:
            raise


def _parsed(raw: bytes, log_bytes: int) -> Output:
    """Lines without the time that each begins with."""
    lines: list[str] = []
    last: datetime | None = None
    for line in raw.decode("utf-8", "replace").splitlines():
        stamp, space, rest = line.partition(" ")
        at = _time(stamp) if space else None
        lines.append(rest if at else line)
        last = at or last
    text = "\n".join(lines)
    cut = text[-log_bytes:]
    return Output(cut if cut == text else cut.partition("\n")[2], last)


def _time(stamp: str) -> datetime | None:
    """As the kubelet writes it, to the nanosecond; to the second is enough."""
    if len(stamp) < 20 or stamp[10:11] != "T":
        return None
    try:
        return datetime.fromisoformat(stamp[:19] + "+00:00")
    except ValueError:
        return None


class KeptOutput:
    """The file of one session's last pod, below the operator's state folder; the key is validated before."""

    def __init__(self, root: Path, key: Key) -> None:
        self._path = root / "pods" / key[0] / key[1] / "log"

    def save(self, text: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.write_text(text, encoding="utf-8")

    def read(self) -> Output:
        try:
            return Output(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Output("")

    def discard(self) -> None:
        shutil.rmtree(self._path.parent, ignore_errors=True)
