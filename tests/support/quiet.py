"""Waiting until nothing is written any more, by the API server's own record."""

from __future__ import annotations

import time
from typing import Any

READS = ("get", "list", "watch")


def writes(cluster: Any, namespace: str, *, since: int = 0) -> list[dict[str, Any]]:
    """The requests that may have changed something in a namespace, from a byte of the audit log on."""
    return [
        entry
        for entry in cluster.audit(since=since)
        if entry["verb"] not in READS and entry.get("objectRef", {}).get("namespace") == namespace
    ]


def settled(cluster: Any, namespace: str, *, seconds: float = 3.0, patience: float = 120.0) -> int:
    """Wait until nothing was written there for so long; where the audit log is then, in bytes.

    Of a given cluster there is none: it gets some time.
    """
    if cluster.audit_log is None:
        time.sleep(3 * seconds)
        return 0
    end = time.monotonic() + patience
    while True:
        since: int = cluster.audit_size()
        time.sleep(seconds)
        if not writes(cluster, namespace, since=since):
            return since
        assert time.monotonic() < end, f"{namespace} is still written to after {patience} s"
