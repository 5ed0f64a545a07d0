"""The running parts of a cluster: found by their command lines, so no pid file can be stale.

Each part runs with a zeroth argument that names its cluster's folder. That holds however the process that
started it ended, and no other program's process id can be taken for it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kubecluster.files import ClusterError


def _label(folder: Path, part: str) -> str:
    return str(folder / part)


def pid_of(folder: Path, part: str) -> int | None:
    """The process id of a cluster's running part."""
    label = _label(folder, part).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _zeroth_argument(entry) == label:
            return int(entry.name)
    return None


def _zeroth_argument(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes().partition(b"\0")[0]
    except OSError:  # it has just ended, or is another user's
        return b""


def start(
    folder: Path,
    part: str,
    program: Path,
    arguments: Sequence[str],
    *,
    inside: Callable[[], None] | None = None,
    pass_fds: Sequence[int] = (),
) -> None:
    """Start a part in a session of its own; it writes to `<part>.log` and outlives this process.

    `inside` runs in the new process first: it enters the namespaces that the part is to live in.
    """
    handle = os.open(folder / f"{part}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as log:
        subprocess.Popen(
            [_label(folder, part), *arguments], executable=program, cwd=folder, pass_fds=pass_fds,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=inside,
        )  # fmt: skip


def kill(folder: Path, part: str, *, patience: float = 10) -> bool:
    """End a part at once, as a crash would, and wait until it is gone. False if it was not running."""
    pid = pid_of(folder, part)
    if pid is None:
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if pid_of(folder, part) != pid:  # the number may have gone to another program meanwhile
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], patience)[0]:
            raise ClusterError(f"{part} (process {pid}) did not end within {patience:.0f} s after SIGKILL")
    finally:
        os.close(handle)
    return True
