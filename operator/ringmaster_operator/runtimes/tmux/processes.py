"""End all processes of a session, also those that left its process group or became daemons.

Descendants are found through the process tree; what was orphaned is found by a marker that the session's
environment carries. A process that clears its environment and forks away twice is beyond both.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable

import psutil

MARKER = "RINGMASTER_SESSION_ID"
POLL_SECONDS = 0.05
RESCAN_SECONDS = 0.5
KILL_ROUNDS = 20


def find(root: int | None, marker: str) -> set[psutil.Process]:
    """The root, its descendants, and every process whose MARKER variable begins with marker."""
    found: set[psutil.Process] = set()
    if root is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(root)
            found |= {top, *top.children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARKER, "").startswith(marker):
                found |= {process, *process.children(recursive=True)}
    return {process for process in found if alive(process)}


def alive(process: psutil.Process) -> bool:
    """False also for zombies: they run nothing, and who must reap them may never do it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def end(root: int | None, marker: str, grace_seconds: float) -> int:
    """End them all; returns how many had to be killed.

    The root is asked first and has half the grace to end its children in good order; then all are asked,
    and what is left when the grace is over is killed, again and again until nothing more turns up.
    """
    half = grace_seconds / 2
    everything = await asyncio.to_thread(find, root, marker)
    first = {process for process in everything if process.pid == root}
    _terminate(first)
    await _wait(first, half)
    rest = await asyncio.to_thread(find, root, marker)
    _terminate(rest - first)
    left = await _wait(rest | first, half)
    forced: set[psutil.Process] = set()
    for _ in range(KILL_ROUNDS):
        left = {p for p in left if alive(p)} | await asyncio.to_thread(find, root, marker)
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        forced |= left
        await _wait(left, RESCAN_SECONDS)
    return len(forced)


def _terminate(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()


async def _wait(processes: set[psutil.Process], seconds: float) -> set[psutil.Process]:
    until = time.monotonic() + seconds
    left = {process for process in processes if alive(process)}
    while left and time.monotonic() < until:
        await asyncio.sleep(POLL_SECONDS)
        left = {process for process in left if alive(process)}
    return left
