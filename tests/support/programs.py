"""The `ringmaster` program as people run it, while it goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

OPEN: list[Program] = []
"""Programs that nobody has ended: a test that fails leaves some."""


class Program:
    """A `ringmaster` command that goes on; its lines as they come."""

    def __init__(self, env: dict[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ringmaster_cli", *words],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        OPEN.append(self)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def until(self, words: str, seconds: float = 60) -> None:
        """Raises AssertionError where no line has the words in time."""
        deadline = time.monotonic() + seconds
        while not any(words in line for line in self.lines):
            assert time.monotonic() < deadline, (words, self.lines)
            time.sleep(0.05)

    def end(self) -> int:
        if self in OPEN:
            OPEN.remove(self)
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        self._reader.join(5)
        if self.process.stdout:
            self.process.stdout.close()
        return self.process.returncode
