"""The beads as they change: one `kubectl get --watch`, so that looking costs nothing and misses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from types import TracebackType
from typing import Any

from demolib.shell import Cluster

Body = dict[str, Any]


class Feed:
    """A copy of the namespace's beads, kept by a thread. Use it as a context manager."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._beads: dict[str, Body] = {}
        self._news: list[Body] = []
        self._changed = threading.Condition()
        self._ended = False
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._process is not None:
            self._process.terminate()
        self._thread.join(5)

    def look(self, seconds: float) -> tuple[list[Body], list[Body]]:
        """All beads, and every version that came since the last look; waits up to so long for one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._news), timeout=seconds)
            news, self._news = self._news, []
            return list(self._beads.values()), news

    def _follow(self) -> None:
        command = [
            self._cluster.kubectl,
            "-n",
            self._cluster.namespace,
            "get",
            "beads",
            "--watch",
            "-o",
            "json",
        ]
        while not self._ended:
            with subprocess.Popen(
                [*command, "--output-watch-events"],
                env={**os.environ, "KUBECONFIG": str(self._cluster.kubeconfig)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as self._process:
                assert self._process.stdout is not None
                for line in self._process.stdout:  # an event a line
                    self._take(json.loads(line))

    def _take(self, event: Body) -> None:
        bead = event["object"]
        if bead.get("kind") != "Bead":
            return
        with self._changed:
            if event["type"] == "DELETED":
                self._beads.pop(bead["metadata"]["name"], None)
            else:
                self._beads[bead["metadata"]["name"]] = bead
                self._news.append(bead)
            self._changed.notify_all()
