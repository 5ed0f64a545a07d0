"""The processes of tmux sessions, found by the mark that the tmux runtime puts into their environment.

They come and go while one looks: a process that ended in between is none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import psutil

from ringmaster_operator.runtimes.tmux.processes import MARKER


def processes(namespace: str) -> dict[str, list[psutil.Process]]:
    """All processes of a namespace's sessions, by session: the worker, its agent, what that started."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARKER, "").split("/")
            zombie = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if len(mark) == 4 and mark[1] == namespace and not zombie:
            found.setdefault(mark[2], []).append(process)
    return found


def workers(namespace: str) -> dict[str, int]:
    """The pid of each session's own program."""
    found: dict[str, int] = {}
    for name, tree in processes(namespace).items():
        for process in tree:
            with contextlib.suppress(psutil.Error):
                if "ringmaster_cli" in process.cmdline():
                    found.setdefault(name, process.pid)  # a later one is a fork that is about to exec
    return found


def kill(victims: Iterable[psutil.Process]) -> int:
    """SIGKILL them; how many there were to kill."""
    killed = 0
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            killed += 1
    return killed
