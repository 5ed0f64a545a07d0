"""The worker loop as a process of its own, for tests that watch or kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.desk import Desk
from support.station import Station, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}


def until(what: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def started(station: Station[Desk], *args: str) -> Iterator[subprocess.Popen[str]]:
    process = station.start(*args)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=40)[0]


def working(station: Station[Desk]) -> bool:
    return (station.folder / "working").exists()


def at_work(station: Station[Desk], *more: dict[str, object]) -> str:
    """A scenario that shows when the agent is at work, and then takes long."""
    touch = {"run": f"touch {station.folder}/working"}
    return scenario(steps(WRITE, *more, touch, {"sleep": 60}, {"done": "late"}))


def processes(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if marker.encode() in environment:
                found.append(int(entry.name))
    return found


def agents(station: Station[Desk]) -> list[int]:
    """Processes that work under a claim in this station's home."""
    return [pid for pid in processes("RINGMASTER_CLAIM=") if pid in processes(str(station.home))]
