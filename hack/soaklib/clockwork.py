"""`ringmaster-operator run` with a wall clock that is as many seconds off as a file says.

On SIGUSR1 it writes down what its memory is made of. What comes on the command line after this file is what
it stands for, and is not looked at.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringmaster_operator import logs, starting
from ringmaster_operator.clock import Clock
from ringmaster_operator.settings import Settings

OFFSET = "SOAK_CLOCK_OFFSET"
HEAP = "SOAK_HEAP"


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "used",
            "free",
            "top",
        )
    ]


def now() -> datetime:
    """Wall time to the second, as the operator's own clock tells it, and so many seconds off."""
    try:
        seconds = float(Path(os.environ[OFFSET]).read_text())
    except (OSError, ValueError):
        seconds = 0.0
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)


def write_heap(*_: object) -> None:
    """Objects by type, Python's own blocks, and what the C library has in use and keeps unused (bytes)."""
    gc.collect()
    types = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    info = ctypes.CDLL(None).mallinfo2
    info.restype = _Mallinfo
    heap = info()
    body = {
        "blocks": sys.getallocatedblocks(),
        "used": heap.used + heap.hblkhd,
        "free": heap.free,
        "types": {name: count for name, count in types.items() if count >= 20},
    }
    target = Path(os.environ[HEAP])
    target.with_suffix(".new").write_text(json.dumps(body))
    target.with_suffix(".new").replace(target)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, write_heap)
    logs.configure(style="human", level="INFO")
    asyncio.run(starting.run(Settings(), clock=Clock(now=now)))
