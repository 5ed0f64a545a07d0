"""Programs of a bead that outlived the worker which started them, because it was killed, are ended."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from ringmaster_cli.agents.process import MARK, end_family

CLAIM_MARK = "RINGMASTER_CLAIM"
"""In the environment of everything that works under a claim."""


def end_leftovers(claim_id: str) -> int:
    """End every process that still works under the claim; how many runs there were."""
    needle = f"{CLAIM_MARK}={claim_id}".encode()
    runs: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if needle in variables:
            mark = next((item for item in variables if item.startswith(f"{MARK}=".encode())), b"")
            run_id = mark.decode("utf-8", "replace").partition("=")[2]
            runs[run_id or f"{claim_id}-{entry.name}"] = int(entry.name)  # setup and git carry no run's mark
    for run_id, pid in runs.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            end_family(psutil.Process(pid), run_id)
    return len(runs)
