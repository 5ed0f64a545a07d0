"""Programs that the demo runs, and what it says meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HACK = Path(__file__).resolve().parents[1]
DATA = HACK / "demo.d"
LINE = 120
"""Letters in a line of the tables where there is no terminal to ask."""
NAME = "ringmaster-demo"
"""Of the cluster; demos at the same time share it, each in a namespace of its own."""


class DemoError(Exception):
    """Something that a person should read; it ends the demo with exit code 1."""


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is done, and when it is done how long it took."""
    begun = time.monotonic()
    say(f"- {text} ...")
    yield
    seconds = time.monotonic() - begun
    if seconds > 2:
        say(f"  done in {seconds:.0f} s")


def run(
    *command: str | Path,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """What a program prints; raises DemoError with its last lines."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=stdin, env=env, cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise DemoError(f"{' '.join(words[:4])} ... failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """kubectl for one cluster and namespace."""

    kubeconfig: Path
    namespace: str
    kubectl: str
    ours: bool
    """Whether it is the demos' own, which the last of them ends."""

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in the namespace; what it prints."""
        return self.run_anywhere("-n", self.namespace, *arguments, stdin=stdin)

    def run_anywhere(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in the namespaces that the objects or the arguments name; what it prints."""
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return run(self.kubectl, *arguments, stdin=stdin, env=env)

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """kubectl apply."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.run("apply", "-f", "-", stdin=body)

    def get(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        items: list[dict[str, Any]] = json.loads(self.run("get", kind, "-o", "json"))["items"]
        return items


def wait_until_seen(cluster: Cluster, *, seconds: float) -> None:
    """Until all beads have a phase: a Worker that comes then sees the whole backlog. Raises DemoError."""
    end = time.monotonic() + seconds
    while not all(bead.get("status", {}).get("phase") for bead in cluster.get("beads")):
        if time.monotonic() > end:
            raise DemoError("the operator does not look at the beads")
        time.sleep(0.2)


def start_cluster(kubeconfig: str | None) -> Cluster:
    """The cluster of hack/cluster, started unless it runs, with a fresh namespace."""
    tool = HACK / "cluster"
    given = ["--kubeconfig", kubeconfig] if kubeconfig else ["--name", NAME]
    if subprocess.run([tool, "up", *given], stdout=subprocess.DEVNULL, check=False).returncode:
        raise DemoError("the cluster did not start; the reason stands above")
    path = Path(run(tool, "kubeconfig", *given).strip())
    kubectl = run(tool, "exec", *given, "--", "sh", "-c", "command -v kubectl").strip()
    ours = not kubeconfig and "KUBECONFIG" not in os.environ
    for number in range(1, 100):
        name = "demo" if number == 1 else f"demo-{number}"
        cluster = Cluster(kubeconfig=path, namespace=name, kubectl=kubectl, ours=ours)
        try:
            cluster.run("create", "namespace", name)
        except DemoError as error:
            if "AlreadyExists" not in str(error):
                raise
        else:
            return cluster
    raise DemoError("there are 99 demos in this cluster already; delete their namespaces")


def end_cluster(cluster: Cluster) -> None:
    """Only when it is the demos' own and no other demo uses it."""
    names = cluster.run("get", "namespaces", "-o", "name").split()
    others = [name for name in names if name.startswith("namespace/demo")]
    if cluster.ours and others in ([], [f"namespace/{cluster.namespace}"]):
        subprocess.run([HACK / "cluster", "down", "--name", NAME], check=False, stdout=subprocess.DEVNULL)
