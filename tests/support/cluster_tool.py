"""hack/cluster with a state folder of its own, so that no other cluster of this user is in its way."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.clusters import HACK_CLUSTER


@dataclass(frozen=True)
class Tool:
    """hack/cluster with a state folder, and names, of its own."""

    state: Path
    extra: dict[str, str]
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        return {**kept, "XDG_STATE_HOME": str(self.state), **self.extra}

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(HACK_CLUSTER), *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        begun = subprocess.Popen(
            [str(HACK_CLUSTER), *arguments], env=self.environment(), stderr=subprocess.DEVNULL
        )
        self.begun.append(begun)
        return begun

    def status(self, name: str, *, code: int = 0) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("status", "--json", "--name", name, code=code).stdout)
        return shown

    def kubectl(self, name: str, *arguments: str) -> str:
        return self.run("exec", "--name", name, "--", "kubectl", *arguments).stdout

    def folder(self, name: str) -> Path:
        return self.state / "ringmaster" / "clusters" / name


def ended_afterwards(folder: Path) -> Iterator[Tool]:
    made = Tool(state=folder / "state", extra={})
    yield made
    for begun in made.begun:  # a test that failed did not wait for it
        begun.kill()
        begun.wait()
    for cluster in made.state.glob("ringmaster/clusters/*/"):
        made.run("down", "--name", cluster.name)
    assert processes_of(folder) == []


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that were started for clusters in the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if line.startswith(str(folder)):
                found.append(line)
    return found
