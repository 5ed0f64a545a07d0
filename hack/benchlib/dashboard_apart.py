"""People who look, as if from machines of their own, on the one that there is.

Linux shares a processor among sessions (setsid) by their weight, as long as sched_autogroup_enabled is 1. The
viewers' processes and their browsers get the least weight, 15 beside 1024 for each session of the operator,
the API server and the fleet: what they take is what the others leave. They still share the caches.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchlib.dashboard_scene import process

LEAST = 19
SWITCH = Path("/proc/sys/kernel/sched_autogroup_enabled")


def outside(known: set[int]) -> list[psutil.Process]:
    """What this process has started, and all that they have, besides those that are known."""
    return [each for each in psutil.Process().children(recursive=True) if each.pid not in known]


def set_apart(processes: Iterable[psutil.Process]) -> None:
    """Give their sessions the least weight; those that are in this process' own session are left alone."""
    if not SWITCH.exists() or SWITCH.read_text().strip() != "1":
        raise RuntimeError(f"{SWITCH} must be 1: else viewers cannot be set apart")
    own = os.getsid(0)
    for each in processes:
        if each.is_running() and os.getsid(each.pid) != own:
            Path(f"/proc/{each.pid}/autogroup").write_text(str(LEAST))


def taken(processes: Iterable[psutil.Process]) -> float:
    """Seconds of processor that they have taken so far; of one that is gone, none."""
    found = 0.0
    for each in processes:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found += times.user + times.system
    return found


def waited(pid: int) -> float:
    """Seconds that the first thread of a process was ready to run, and had no processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def busy(share: float) -> Iterator[None]:
    """Processes of the least weight that compute nothing of ours; share of one processor (2: two)."""
    before = {each.pid for each in outside(set())}
    with process("dashboard_busy", f"{share:.3f}"):
        set_apart(outside(before))
        yield
