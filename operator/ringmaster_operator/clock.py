"""Time, as an argument: two clocks, so that a wall clock set back or forward a day moves no lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Clock:
    """`now` is wall time in UTC, to the second as Kubernetes keeps it; `monotonic` counts seconds."""

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
