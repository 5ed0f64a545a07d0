"""People who look, as if from machines of their own, on the one that there is.

Their processes and browsers, and what they are compared with, are in a control group that is idle (cpu.idle):
they get a processor that nobody else wants, and give it up at once when somebody does. They still share the
caches. A least weight is not as little: a process that has a processor keeps it for its slice, 3 ms.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from benchlib.dashboard_scene import process

ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
"""Where the groups of processors are, in either version of control groups."""


def outside(known: set[int]) -> list[psutil.Process]:
    """What this process has started, and all that they have, besides those that are known."""
    return [each for each in psutil.Process().children(recursive=True) if each.pid not in known]


def set_apart(processes: Iterable[psutil.Process]) -> None:
    """Let them have what the others leave, with all that they start. RuntimeError where that cannot be."""
    group = _group()
    for each in processes:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(each.pid))


def _group() -> Path:
    """The idle group of this process; it goes with it."""
    root = next(root for root in ROOTS if (root / "cgroup.procs").exists())
    group = root / f"ringmaster-bench-{os.getpid()}"
    if not group.exists():
        try:
            if (root / "cgroup.subtree_control").exists():
                (root / "cgroup.subtree_control").write_text("+cpu")
            group.mkdir()
            atexit.register(_remove, group)
            (group / "cpu.idle").write_text("1")
        except OSError as error:
            raise RuntimeError(
                f"viewers cannot be set apart, which takes root and Linux 5.15: {error}"
            ) from None
    return group


def _remove(group: Path) -> None:
    with suppress(OSError):
        group.rmdir()


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
    """Processes that are set apart and compute nothing of ours; share of one processor (2: two)."""
    before = {each.pid for each in outside(set())}
    with process("dashboard_busy", f"{share:.3f}"):
        set_apart(outside(before))
        yield
