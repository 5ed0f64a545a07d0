"""`ringmaster-operator run` with a wall clock that is as many seconds off as a file says.

What comes on the command line after this file is what it stands for, and is not looked at.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringmaster_operator import logs, starting
from ringmaster_operator.clock import Clock
from ringmaster_operator.settings import Settings

OFFSET = "SOAK_CLOCK_OFFSET"


def now() -> datetime:
    """Wall time to the second, as the operator's own clock tells it, and so many seconds off."""
    try:
        seconds = float(Path(os.environ[OFFSET]).read_text())
    except (OSError, ValueError):
        seconds = 0.0
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)


if __name__ == "__main__":
    logs.configure(style="human", level="INFO")
    asyncio.run(starting.run(Settings(), clock=Clock(now=now)))
