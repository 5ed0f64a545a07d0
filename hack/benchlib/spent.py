"""Whose processor time it was: the API server's, etcd's, the operator's, the bench's own."""

from __future__ import annotations

import json
import os

import psutil

from benchlib.bench import Bench, Running
from benchlib.figures import Figure
from support.clusters import hack_cluster

PARTS = {"apiserver": "API server", "etcd": "etcd"}


class Spent:
    """Milliseconds a piece, by what was done and who did it."""

    def __init__(self, bench: Bench, running: Running) -> None:
        status = json.loads(hack_cluster("status", "--json", "--name", bench.cluster.name))
        found = {shown: status.get("parts", {}).get(part) for part, shown in PARTS.items()}
        operator = running.operator.process
        found |= {"operator": operator.pid if operator else None, "clients": os.getpid()}
        self._processes = {who: psutil.Process(pid) for who, pid in found.items() if pid is not None}
        self._began: dict[str, float] = {}
        self._found: dict[tuple[str, str], list[float]] = {}

    def begin(self) -> None:
        """From here on."""
        self._began = self._read()

    def end(self, what: str, count: int) -> None:
        """Up to here, for so many pieces."""
        for who, seconds in self._read().items():
            self._found.setdefault((what, who), []).append((seconds - self._began[who]) / count * 1e3)

    def figures(self, scenario: str) -> list[Figure]:
        """One of each; who did nothing is left out."""
        return [
            Figure(scenario, f"processor for {what}: {who}", each, "ms")
            for (what, who), each in self._found.items()
            if max(each) >= 0.1
        ]

    def _read(self) -> dict[str, float]:
        times = {who: process.cpu_times() for who, process in self._processes.items()}
        return {who: float(found.user + found.system) for who, found in times.items()}
