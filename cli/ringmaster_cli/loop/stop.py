"""Being asked to stop: remembered at once, acted upon where it is safe.

A signal that lands while an agent runs must end the agent, save its work and release the bead; one that
lands in a long poll must end the poll. So the handler only remembers, except inside interruptible().
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from ringmaster_cli.exits import Exit, Stopped

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """The wish that this process ends. reason is None until someone has it."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._asked = threading.Event()
        self._interruptible = False

    @property
    def reason(self) -> str | None:
        return self._reason

    def install(self) -> None:
        """Take over the signals; only in the main thread."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def ask(self, reason: str) -> None:
        """Ask to stop. The first reason stays."""
        self._reason = self._reason or reason
        self._asked.set()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped, at once when asked to stop."""
        with self.interruptible():
            self._asked.wait(seconds)
        self.check()

    def pause(self, seconds: float) -> None:
        """Wait even when asked to stop: for calls that must still get through."""
        threading.Event().wait(seconds)

    def check(self) -> None:
        """Raises Stopped when asked to stop."""
        if self._reason is not None:
            raise Stopped(self._reason, exit=Exit.OK)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a signal ends whatever is waited for by raising Stopped."""
        self._interruptible = True
        try:
            self.check()
            yield
        finally:
            self._interruptible = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self._reason is not None
        self.ask(f"asked to stop ({signal.Signals(number).name})")
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt  # a person who presses Ctrl-C twice means it
        if self._interruptible:
            self._interruptible = False
            self.check()
