"""How long something says that it is not ready, asked all the time meanwhile."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

EVERY_SECONDS = 0.05


@dataclass
class Downtime:
    """`seconds` is the longest time without a good answer, once it is over."""

    url: str
    seconds: float = 0.0
    asked: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until stopped; the last moments count too."""
        good = time.monotonic()
        while not self._stop.wait(EVERY_SECONDS):
            self.asked += 1
            if self._ready():
                self.seconds, good = (
                    max(self.seconds, time.monotonic() - good - EVERY_SECONDS),
                    time.monotonic(),
                )
        self.seconds = max(self.seconds, time.monotonic() - good - EVERY_SECONDS)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def downtime(url: str, what: str) -> Iterator[Downtime]:
    """Tells it at the end."""
    found = Downtime(url)
    thread = threading.Thread(target=found.watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found._stop.set()
        thread.join()
        print(f"{what}: not ready for {found.seconds:.1f} s, asked {found.asked} times")
