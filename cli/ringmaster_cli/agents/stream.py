"""Output of unknown size in bounded memory: lines out of chunks, and a transcript that keeps both ends."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

MAX_LINE = 8 * 1024 * 1024
"""Bytes of one line that are held; of a longer one only the head is."""
HEAD = 64 * 1024
TRANSCRIPT_HEAD = 12 * 1024 * 1024
TRANSCRIPT_TAIL = 4 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One line without its end. size is what it had in bytes: more than raw holds when it was cut."""

    raw: bytes
    size: int

    @property
    def cut(self) -> bool:
        return self.size > len(self.raw)

    @property
    def text(self) -> str:
        """Decoded; invalid UTF-8 becomes U+FFFD."""
        return self.raw.decode("utf-8", errors="replace")


class Lines:
    """Splits chunks at newlines."""

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self._max = max_line
        self._parts: list[bytes] = []
        self._held = 0
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk completes."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield self._take()
        self._add(rest)

    def close(self) -> Iterator[Line]:
        """What stands after the last newline, if anything."""
        if self._size:
            yield self._take()

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max:
            if self._held > HEAD or self._size == len(piece):
                head = b"".join([*self._parts, piece])[:HEAD]
                self._parts, self._held = [head], len(head)
            return
        self._parts.append(piece)
        self._held += len(piece)

    def _take(self) -> Line:
        line = Line(b"".join(self._parts), self._size)
        self._parts, self._held, self._size = [], 0, 0
        return line


class Transcript:
    """The raw output in a file of mode 0600, at most head + tail bytes; what is left out is noted."""

    def __init__(self, path: Path, *, head: int = TRANSCRIPT_HEAD, tail: int = TRANSCRIPT_TAIL) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        os.fchmod(self._file.fileno(), 0o600)
        self._room = head
        self._max_tail = tail
        self._tail: deque[bytes] = deque()
        self._held = 0
        self._left_out = 0

    def write(self, line: Line) -> None:
        """Add one line. A full disk does not end the run: the transcript just ends there."""
        raw = line.raw + (b" [%d bytes in all]\n" % line.size if line.cut else b"\n")
        if len(raw) <= self._room and not self._tail and not self._left_out:
            self._room -= len(raw)
            self._put(raw)
            return
        self._tail.append(raw)
        self._held += len(raw)
        while self._held > self._max_tail:
            dropped = self._tail.popleft()
            self._held -= len(dropped)
            self._left_out += len(dropped)

    def close(self) -> None:
        """Write the end that was held back."""
        if self._left_out:
            self._put(b"[ringmaster: %d bytes left out here]\n" % self._left_out)
        for raw in self._tail:
            self._put(raw)
        self._tail.clear()
        try:
            self._file.close()
        except OSError:
            self._room = 0

    def _put(self, raw: bytes) -> None:
        try:
            self._file.write(raw)
        except OSError:
            self._room = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
