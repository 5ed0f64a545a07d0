"""A whole fleet as a user runs it (operator, tmux sessions, workers, git), and ways to break it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from ringmaster_operator.runtimes.tmux.server import socket_directory
from support import marked
from support.manifests import bead, listed, worker
from support.operators import OperatorProcess
from support.station import AGENT, git, scenario, small_origin, steps

LONG = bool(os.environ.get("RINGMASTER_LONG"))
SECONDS = 120.0
SETTINGS = {
    "RINGMASTER_TMUX_HOST": "local",
    "RINGMASTER_TMUX_POLL_SECONDS": "0.5",
    "RINGMASTER_BACKOFF_SECONDS": "0.5",
}


class Fleet:
    """An operator that is a tmux host too, in a namespace of its own, with the Worker `w`."""

    def __init__(self, cluster: Any, folder: Path, namespace: str = "", **settings: str) -> None:
        self.cluster = cluster
        self.folder = folder
        self.namespace = namespace or f"fleet-{os.urandom(4).hex()}"
        cluster.kubectl("create", "namespace", self.namespace)
        self.operator = OperatorProcess(
            cluster.kubeconfig, self.namespace, folder, settings={**SETTINGS, **settings}
        )
        self.overlaps = folder / "overlaps"
        self.origin = small_origin(folder)

    # -- objects --------------------------------------------------------------------------------

    def apply(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-n", self.namespace, "-f-", stdin=listed(items))

    def worker(self, **spec: Any) -> dict[str, Any]:
        """The Worker, with the scripted agent where no other is given."""
        agent = spec.pop("agent", {"profile": "claude-code", "command": [str(AGENT)]})
        return worker("w", **{"replicas": 1, "agent": agent, **spec})

    def bead(self, name: str, *does: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """A bead of which the agent writes a file of the bead's name, after what it is given to do."""
        written = {"write": {"path": f"{name}.txt", "text": "yes\n"}}
        told = {
            "repository": {"url": str(self.origin)},
            "description": scenario(steps(*does, written, {"done": "so"})),
            "acceptance": {"verify": [f"grep -q yes {name}.txt"]},
        }
        return bead(name, **{**told, **spec})

    def alone(self, name: str, seconds: float) -> dict[str, Any]:
        """A step that takes a while, and notes when another agent is in it for the same bead."""
        shell = f"flock -n -E 99 {self.folder}/{name}.lock sleep {seconds}"
        return {"run": f"{shell}; [ $? -ne 99 ] || echo {name} >> {self.overlaps}"}

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get(kind, name, "-n", self.namespace)
        return found

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get("bead", name).get("status", {})
        return found

    def outcome(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.status(name).get("outcome", {})
        return found

    def beads(self) -> dict[str, dict[str, Any]]:
        """The status of each bead."""
        items = self.cluster.get("beads", "-n", self.namespace)["items"]
        return {item["metadata"]["name"]: item.get("status", {}) for item in items}

    def sessions(self) -> dict[str, dict[str, Any]]:
        status = self.get("worker", "w").get("status", {})
        return {item["name"]: item for item in status.get("sessions", [])}

    def condition(self, kind: str) -> dict[str, Any]:
        conditions = self.get("worker", "w").get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == kind), {})

    def patch(self, **spec: Any) -> None:
        text = json.dumps({"spec": spec})
        self.cluster.kubectl("patch", "-n", self.namespace, "worker/w", "--type=merge", f"-p={text}")

    def settles(self, **spec: Any) -> None:
        """Apply the Worker, and wait until the operator has seen it: beads come to it by another watch."""
        self.apply(self.worker(**spec))

        def seen() -> bool:
            worker = self.get("worker", "w")
            generation: int = worker["metadata"]["generation"]
            return bool(worker.get("status", {}).get("observedGeneration") == generation)

        self.until(seen, "the Worker is seen as it is")

    def events(self, about: str) -> str:
        """The messages of the Events on an object."""
        field = f"--field-selector=involvedObject.name={about}"
        shown = "-ojsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}"
        text: str = self.cluster.kubectl("get", "events", "-n", self.namespace, field, shown)
        return text

    # -- waiting --------------------------------------------------------------------------------

    def until(self, check: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}; {self.sessions()} {self.beads()}")
            time.sleep(0.2)

    def done(self, *names: str, seconds: float = SECONDS) -> None:
        self.until(
            lambda: (
                {status.get("phase") for name, status in self.beads().items() if name in names}
                == {"Succeeded"}
            ),
            f"{names} succeed",
            seconds=seconds,
        )

    def idle(self, *names: str) -> None:
        self.until(
            lambda: (
                {name: item["state"] for name, item in self.sessions().items()}
                == dict.fromkeys(names, "Idle")
            ),
            f"{names} idle and no others",
        )

    # -- processes ------------------------------------------------------------------------------

    def processes(self) -> dict[str, list[psutil.Process]]:
        """All processes of this fleet's sessions, by session: the worker, its agent, what that started."""
        return marked.processes(self.namespace)

    def workers(self) -> dict[str, int]:
        """The pid of each session's own program."""
        return marked.workers(self.namespace)

    def tmux(self) -> set[str]:
        """The sessions that tmux itself has."""
        found: set[str] = set()
        for socket in socket_directory().glob(f"ringmaster-local-*-{self.namespace}"):
            command = ["tmux", "-L", socket.name, "list-sessions", "-F", "#{session_name}"]
            shown = subprocess.run(command, capture_output=True, text=True, check=False)
            found.update(shown.stdout.split())
        return found

    def screen(self, session: str) -> str:
        """What a person sees who attaches to a session, and what has scrolled by."""
        (socket,) = socket_directory().glob(f"ringmaster-local-*-{self.namespace}")
        command = ["tmux", "-L", socket.name, "capture-pane", "-p", "-J", "-S", "-", "-t", f"={session}:"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def kill_tree(self, session: str) -> int:
        """SIGKILL everything of a session at once; how many processes that were."""
        return marked.kill(self.processes().get(session, []))

    def clean(self) -> None:
        """End all of it, whatever state a test left it in."""
        self.operator.stop()
        for session in self.processes():
            self.kill_tree(session)
        for socket in socket_directory().glob(f"ringmaster-local-*-{self.namespace}"):
            subprocess.run(["tmux", "-L", socket.name, "kill-server"], capture_output=True, check=False)
            socket.unlink(missing_ok=True)

    # -- what must hold -------------------------------------------------------------------------

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the history database."""
        with closing(sqlite3.connect(f"file:{self.folder}/ringmaster.db?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def once_each(self, names: Sequence[str]) -> None:
        """Every bead is done, once: by one report, with one commit, and never by two agents at a time."""
        beads = self.beads()
        assert {name: beads[name]["phase"] for name in names} == dict.fromkeys(names, "Succeeded")
        assert {name: beads[name]["attempts"] for name in names} == dict.fromkeys(names, 1)
        assert not self.overlaps.exists(), self.overlaps.read_text()
        taken = self.query("select bead, count(*) from report where not refused group by bead")
        assert dict(taken) == dict.fromkeys(names, 1), "one accepted report a bead"
        waiting = "select count(*) from report where not applied"
        self.until(lambda: self.query(waiting) == [(0,)], "every report is marked as applied")
        commits = {name: self.commits(name) for name in names}
        assert commits == dict.fromkeys(names, 1)

    def commits(self, name: str) -> int:
        """Commits on the bead's branch, as published."""
        return int(git(self.origin, "rev-list", "--count", f"main..ringmaster/{name}"))

    def nothing_left(self) -> None:
        """Delete the Worker: no session, process, worktree or token of it stays."""
        self.cluster.kubectl("delete", "worker", "w", "-n", self.namespace, "--timeout=90s")
        assert self.tmux() == set()
        assert self.processes() == {}
        state = self.folder / "state"
        for kept in ("sessions/*/*", "tokens/*/*", "home/worktrees/*"):
            assert list(state.glob(kept)) == []


def least_hit(hits: dict[str, int], alive: Sequence[str], rng: random.Random) -> str:
    """The session to be killed next: one of the least hit, as crashes in a row lengthen pauses."""
    fewest = min(hits.get(name, 0) for name in alive)
    return rng.choice([name for name in sorted(alive) if hits.get(name, 0) == fewest])
