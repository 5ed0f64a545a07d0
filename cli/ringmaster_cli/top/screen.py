"""A terminal: raw keys in, pictures out, and always as it was when it is left."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from typing import Any

from ringmaster_cli.exits import UsageError
from ringmaster_cli.top.canvas import Canvas, Span
from ringmaster_cli.top.keys import Keys

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l\x1b[0m\x1b[2J"
"""The other screen, no cursor, pasted text marked as such, no wrapping."""
LEAVE = "\x1b[0m\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l"
SYNC = ("\x1b[?2026h", "\x1b[?2026l")
"""The picture is shown as a whole, where a terminal knows how."""
CODES = {"bold": "1", "dim": "2", "reverse": "7", "chosen": "7", "title": "7", "head": "4"}
COLOURS = {"good": "32", "bad": "31", "warn": "33", "ask": "35", "info": "36"}
"""Of the terminal's own sixteen, as text and ground are its own."""
DARK = {"good": "38;5;22", "bad": "38;5;124", "warn": "38;5;94", "ask": "38;5;90", "info": "38;5;24"}
"""For a light ground, on which the sixteen's green, yellow and cyan can't be read."""
SAFE = {"bad": "31", "ask": "35"}
"""The same where a terminal has sixteen only."""
LIGHT = ("7", "15")
"""Grounds, as COLORFGBG numbers them: white and grey."""


def colours(env: Mapping[str, str]) -> Mapping[str, str]:
    """Codes by meaning, as the environment says that they can be read: NO_COLOR, COLORFGBG, TERM."""
    if env.get("NO_COLOR"):
        return {}
    if env.get("COLORFGBG", "").rpartition(";")[2] not in LIGHT:
        return COLOURS
    return DARK if "256color" in env.get("TERM", "") or env.get("COLORTERM") else SAFE


class Screen:
    """Standard input and output as one screen. Use it as a context."""

    def __init__(self) -> None:
        """Raises UsageError where there is no terminal that can do it."""
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("top needs a terminal; `ringmaster status` and `ringmaster watch` need none")
        if os.environ.get("TERM", "") in ("", "dumb"):
            raise UsageError(
                "top needs a terminal that moves its cursor (TERM); `ringmaster status` needs none"
            )
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._colours = colours(os.environ)
        self._before: list[Any] | None = None
        self._shown: list[str] = []
        self.keys = Keys()

    def __enter__(self) -> Screen:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def fileno(self) -> int:
        """What becomes readable with a key."""
        return self._in

    def take(self) -> None:
        """Make the terminal ours."""
        self._before = termios.tcgetattr(self._in)
        tty.setraw(self._in, termios.TCSANOW)
        self._write(ENTER)
        self._shown = []

    def give_back(self) -> None:
        """Make it what it was; a terminal that is gone needs nothing."""
        if self._before is None:
            return
        before, self._before = self._before, None
        self._write(LEAVE)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Somebody else has it meanwhile."""
        self.give_back()
        try:
            yield
        finally:
            self.take()

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            found = os.get_terminal_size(self._out)
        except OSError:
            return 80, 24
        return found.columns or 80, found.lines or 24

    def read(self) -> list[str] | None:
        """The keys that were pressed; None where the terminal is gone."""
        try:
            data = os.read(self._in, 65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return self.keys.take(data) if data else None

    def forget(self) -> None:
        """Draw everything anew next time."""
        self._shown = []

    def show(self, canvas: Canvas) -> None:
        """Tell the terminal what has changed."""
        lines = [self._line(spans) for spans in canvas.lines]
        fresh = len(self._shown) != len(lines)
        out = ["\x1b[0m\x1b[2J"] if fresh else []
        out += [
            f"\x1b[{row + 1};1H\x1b[0m\x1b[2K{text}\x1b[0m"
            for row, text in enumerate(lines)
            if fresh or self._shown[row] != text
        ]
        self._shown = lines
        if out:
            self._write(SYNC[0] + "".join(out) + SYNC[1])

    def _line(self, spans: list[Span]) -> str:
        """Each span at its own column: a character that is wider than was thought moves nothing else."""
        return "".join(f"\x1b[{span.column + 1}G{self._style(span.style)}{span.text}" for span in spans)

    def _style(self, style: str) -> str:
        words = style.split()
        codes = [CODES[word] for word in words if word in CODES]
        codes += [self._colours[word] for word in words if word in self._colours]
        return f"\x1b[{';'.join(['0', *codes])}m"

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            return  # the terminal is gone: reading tells so too
