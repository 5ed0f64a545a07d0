"""Linux namespaces: what Python 3.11 has no functions for, and nothing more."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

NEW_MOUNTS, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x20000000, 0x40000000
BIND, RECURSIVE, SHARED, SLAVE = 0x1000, 0x4000, 1 << 20, 1 << 19

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: Path, *, kind: str = "", flags: int = 0) -> None:
    """mount(2); raises OSError."""
    arguments = (source.encode(), str(target).encode(), kind.encode() or None)
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), None), f"mount {target}")


def leave_for_new() -> None:
    """Go on as the first process of new process, mount and network namespaces."""
    _checked(_libc.unshare(NEW_MOUNTS | NEW_PROCESSES | NEW_NETWORK), "new namespaces (is this root?)")
    _go_on_as_child()


def entering(process: int, folder: Path) -> Callable[[], None]:
    """What takes its caller into all namespaces of a process, with the folder as its working directory."""
    handles = [os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY) for kind in ("mnt", "net", "pid")]

    def enter() -> None:
        for handle in handles:
            _checked(_libc.setns(handle, 0), "enter a namespace")
            os.close(handle)
        os.chdir(folder)
        _go_on_as_child()

    return enter


def enter_network(process: int) -> None:
    """Take this process into the network of another one."""
    handle = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
    _checked(_libc.setns(handle, NEW_NETWORK), "enter the cluster's network")
    os.close(handle)


def _go_on_as_child() -> None:
    # A process keeps its own process namespace all its life: only its children are in the new one.
    child = os.fork()
    if child:
        os._exit(0)
