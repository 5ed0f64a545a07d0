"""A namespace whose Workers run in real tmux sessions of this machine."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from ringmaster_operator.runtimes.tmux.server import socket_directory
from support import marked
from support.manifests import bead, listed, worker
from support.operators import OperatorProcess
from support.station import AGENT, scenario, small_origin, steps

SECONDS = 150.0


SLOW = scenario(steps({"run": "sleep 4"}, {"write": {"path": "made.txt", "text": "yes\n"}}, {"done": "so"}))


QUICK = scenario(steps({"write": {"path": "made.txt", "text": "yes\n"}}, {"done": "so"}))


class Host:
    """A tmux host, seen from one namespace."""

    def __init__(self, cluster: Any, operator: OperatorProcess, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.operator = operator
        self.namespace = namespace
        self.origin = small_origin(folder)

    def apply(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-n", self.namespace, "-f-", stdin=listed(items))

    def worker(self, **spec: Any) -> dict[str, Any]:
        agent = {"profile": "claude-code", "command": [str(AGENT)], **spec.pop("agent", {})}
        return worker("w", **{"replicas": 1, "agent": agent, **spec})

    def bead(self, name: str, description: str = QUICK) -> dict[str, Any]:
        verify = {"verify": ["grep -q yes made.txt"]}
        return bead(name, repository={"url": str(self.origin)}, description=description, acceptance=verify)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("worker", "w", "-n", self.namespace).get("status", {})
        return found

    def sessions(self) -> dict[str, dict[str, Any]]:
        return {item["name"]: item for item in self.status().get("sessions", [])}

    def condition(self, kind: str) -> dict[str, Any]:
        conditions: list[dict[str, Any]] = self.status().get("conditions", [])
        return next((item for item in conditions if item["type"] == kind), {})

    def patch(self, **spec: Any) -> None:
        text = json.dumps({"spec": spec})
        self.cluster.kubectl("patch", "-n", self.namespace, "worker/w", "--type=merge", f"-p={text}")

    def processes(self) -> dict[str, list[psutil.Process]]:
        """All processes of this host's sessions, by session."""
        return marked.processes(self.namespace)

    def workers(self) -> dict[str, int]:
        """The pid of each session's own program."""
        return marked.workers(self.namespace)

    def end_sessions(self) -> None:
        """Kill all that runs, and the tmux servers."""
        for tree in self.processes().values():
            marked.kill(tree)
        for socket in socket_directory().glob(f"ringmaster-local-*-{self.namespace}"):
            subprocess.run(["tmux", "-L", socket.name, "kill-server"], capture_output=True, check=False)
            socket.unlink(missing_ok=True)

    def done(self, name: str) -> None:
        done = "--for=condition=Succeeded"
        self.cluster.kubectl("wait", "-n", self.namespace, f"bead/{name}", done, f"--timeout={SECONDS}s")

    def until(self, check: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not check():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {SECONDS} s: {what}; {self.status()}")
            time.sleep(0.1)

    def idle(self, *names: str) -> None:
        self.until(
            lambda: (
                {name: item["state"] for name, item in self.sessions().items()}
                == dict.fromkeys(names, "Idle")
            ),
            f"{names} idle and no others",
        )

    def clean(self) -> None:
        """Delete the Worker as a user does; that nothing is left of it is part of every test."""
        self.cluster.kubectl("delete", "beads", "--all", "-n", self.namespace, "--wait=false")
        if self.cluster.get("workers", "-n", self.namespace)["items"]:
            self.patch(stopMode="Now")
            self.cluster.kubectl("delete", "workers", "--all", "-n", self.namespace, "--timeout=150s")
        assert self.processes() == {}
