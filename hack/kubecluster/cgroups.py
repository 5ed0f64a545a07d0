"""The control groups of a cluster's pods: the one thing of a machine that the kernel keeps after its end."""

from __future__ import annotations

import os
import time
from pathlib import Path

from kubecluster.files import ClusterError


def _hierarchies() -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def make_groups(name: str) -> None:
    """Make the group in every hierarchy, as kubelet wants to find it."""
    hierarchies = _hierarchies()
    if not hierarchies:
        raise ClusterError("a node needs control groups, and none are mounted under /sys/fs/cgroup")
    for hierarchy in hierarchies:
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1: an empty set takes no process
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((hierarchy / setting).read_text())


def remove_groups(name: str, *, patience: float = 10) -> None:
    """Remove the group with all below it; its processes may take a moment to be gone."""
    deadline = time.monotonic() + patience
    for hierarchy in _hierarchies():
        group = hierarchy / name
        while group.exists():
            try:
                for folder, _, _ in os.walk(group, topdown=False):
                    os.rmdir(folder)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(f"{error}: end the processes in it, then try again") from None
                time.sleep(0.1)
