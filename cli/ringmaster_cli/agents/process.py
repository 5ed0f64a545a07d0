"""Ending everything that a run started.

An agent starts shells, servers, test runs; some leave its process group or let go of their parent. So a run
is known by a mark in its environment, which children inherit, besides the process tree and the group. A
worker also adopts what loses its parent (Linux), so that letting go of all three is no way out.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "RINGMASTER_RUN_ID"
GRACE = 5.0
"""Seconds between asking (TERM) and ending (KILL)."""
PR_SET_CHILD_SUBREAPER = 36
INTERRUPT_GRACE = 1.0
"""Seconds that the program itself has after an interrupt before all are asked to end."""


_adopting = False


def adopt_orphans() -> None:
    """From now on, descendants whose parent ends become children of this process.

    For a process that starts one program at a time: what appears among its children belongs to that program.
    """
    global _adopting
    with contextlib.suppress(OSError, AttributeError):
        _adopting = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def cannot_start(program: str, *, cwd: Path, search: str) -> str:
    """Why a program can't be started, for people; nothing when it can. search is a PATH."""
    if "/" not in program:
        found = shutil.which(program, path=search) is not None
        return "" if found else f"the agent program {program} is not on the PATH of this session"
    path = cwd / program
    if not path.is_file():
        return f"the agent program {program} does not exist"
    return "" if os.access(path, os.X_OK) else f"the agent program {program} is not executable"


def start(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: int, run_id: str
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output on pipes. Raises OSError as Popen does."""
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env={**env, MARK: run_id},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )


def family(root: psutil.Process, run_id: str) -> list[psutil.Process]:
    """The process, its tree, its session and all that carry the run's mark; never this process itself.

    root was made while the program was known to run, so a number that has been given to another process since
    is told apart.
    """
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        if root.is_running():
            found[root.pid] = root
            found |= {child.pid: child for child in root.children(recursive=True)}
    found |= {child.pid: child for child in _adopted(root)}
    reused = root.pid not in found and psutil.pid_exists(root.pid)
    session = None if reused else root.pid
    needle = f"{MARK}={run_id}".encode()
    for other in psutil.pids():
        if other not in found and other != os.getpid() and _belongs(other, session, needle):
            with contextlib.suppress(psutil.Error):
                found[other] = psutil.Process(other)
    return [process for process in found.values() if _alive(process)]


def end_family(root: psutil.Process, run_id: str, *, grace: float = GRACE) -> bool:
    """End all of a run: interrupt, ask, wait up to grace seconds, kill. True when there was any."""
    members = family(root, run_id)
    if not members:
        _reap(root)
        return False
    leader = [process for process in members if process.pid == root.pid]
    # As Ctrl-C first: Codex then writes down what it has used, which TERM does not let it.
    _send(leader, signal.SIGINT)
    _wait(leader, min(grace, INTERRUPT_GRACE))
    members = family(root, run_id)
    _send(members, signal.SIGTERM)
    # CONT, so that a stopped process can hear the request.
    _send(members, signal.SIGCONT)
    _wait(members, grace)
    # Those that were asked may have started others meanwhile.
    for _ in range(10):
        members = family(root, run_id)
        if not members:
            break
        _send(members, signal.SIGKILL)
        _wait(members, 1.0)
    _reap(root)
    return True


def _adopted(root: psutil.Process) -> Iterator[psutil.Process]:
    """Children of this process that came after the root, and all below them."""
    if not _adopting:
        return
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if child.pid != root.pid and child.create_time() >= root.create_time():
                    yield from (child, *child.children(recursive=True))


def _reap(root: psutil.Process) -> None:
    """Take leave of the adopted that have ended; the root is its starter's."""
    for child in list(_adopted(root)):
        if not _alive(child):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)


def _belongs(other: int, session: int | None, needle: bytes) -> bool:
    try:
        if os.getsid(other) == session:
            return True
        return needle in Path(f"/proc/{other}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(_alive(process) for process in processes):
        time.sleep(0.02)
