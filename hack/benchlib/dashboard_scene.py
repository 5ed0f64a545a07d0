"""What the dashboard is measured with: a cluster, thousands of beads, an operator, sessions and viewers."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchlib.dashboard_viewers import HELD
from ringmaster_operator.kube import BEADS, WORKERS, Kube
from support.clusters import Cluster, add_definitions, hack_cluster, named
from support.front import PASSWORD
from support.manifests import bead
from support.operators import OperatorProcess
from support.sessions import make_worker

NAME = "bench-dashboard"
NAMESPACE = "team"
CREATORS = 16
FREE = 0.4
"""The share of beads that wait for nothing; each of the others waits for three."""
REACH = 2000
ASKED = "a-asked"
"""A bead that asks a person, and so stands in the Overview."""
OPTIONS = [{"name": "red", "consequence": "warm"}, {"name": "blue", "consequence": "cool"}]


@dataclass
class Scene:
    """A running operator and who is at it."""

    cluster: Cluster
    operator: OperatorProcess
    folder: Path
    token: str
    cookie: str
    beads: int
    settled: float
    """Seconds until a fresh operator had written the statuses of all beads."""

    @property
    def claims(self) -> Path:
        """The lines of the sessions."""
        return self.folder / "claims"

    async def reconciled(self) -> float:
        """How often the operator has reconciled so far."""
        return await reconciled(self.operator)

    @property
    def seen(self) -> Path:
        """The lines of the viewers."""
        return self.folder / "seen"

    @property
    def pid(self) -> int:
        """The operator's."""
        assert self.operator.process is not None
        return self.operator.process.pid

    def cpu(self) -> float:
        """Seconds of processor that the operator took so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


def wished(count: int, seed: int) -> list[dict[str, Any]]:
    """The beads; two of them are for watching changes."""
    rng = random.Random(seed)
    asks = {"question": "Which colour?", "options": OPTIONS}
    found = [
        bead(HELD, priority="P0", desired="Hold"),
        bead(ASKED, priority="P0", type="decision", decision=asks),
    ]
    for number in range(count - len(found)):
        names = [f"b{other:05}" for other in range(max(0, number - REACH), number)]
        waits = rng.sample(names, 3) if number > count * FREE else []
        priority = rng.choices(["P0", "P1", "P2", "P3", "P4"], [1, 4, 10, 4, 1])[0]
        found.append(
            bead(
                f"b{number:05}",
                title=f"Work {number}: {rng.random():.6f}",
                dependsOn=waits,
                priority=priority,
            )
        )
    return found


async def create(kube: Kube, bodies: list[dict[str, Any]]) -> None:
    queue = list(reversed(bodies))

    async def creator() -> None:
        while queue:
            await kube.create(BEADS, NAMESPACE, queue.pop())

    await asyncio.gather(*(creator() for _ in range(CREATORS)))


async def show_sessions(kube: Kube, count: int) -> None:
    """The Worker's status as a tmux host would write it."""
    sessions = [{"name": f"fleet-{number}", "state": "Idle"} for number in range(count)]
    await kube.patch_status(WORKERS, NAMESPACE, "fleet", {"sessions": sessions, "replicas": count})


async def started(folder: Path, beads: int, sessions: int, seed: int) -> Scene:
    """A cluster with the beads, and an operator that has taken them in. Beads of a kept cluster stay."""
    hack_cluster("up", "--name", NAME)
    cluster = named(Cluster, "--name", NAME)
    kube = await Kube.connect(str(cluster.kubeconfig))
    if f"namespace/{NAMESPACE}" not in cluster.kubectl("get", "namespaces", "--output=name").split():
        add_definitions(cluster)
        cluster.kubectl("create", "namespace", NAMESPACE)
        await create(kube, wished(beads, seed))
    token = make_worker(cluster, NAMESPACE, tmux={"host": "elsewhere"}, replicas=sessions)
    await show_sessions(kube, sessions)
    await kube.close()
    operator = OperatorProcess(cluster.kubeconfig, NAMESPACE, folder)
    began = time.monotonic()
    operator.start(wait=False)
    operator.wait_ready(300)
    await _settled(operator)
    took = time.monotonic() - began
    return Scene(cluster, operator, folder, token, signed_in(operator), beads, took)


async def reconciled(operator: OperatorProcess, tries: int = 6) -> float:
    """Its count of reconciles; a busy operator takes its time to answer."""
    for _ in range(tries - 1):
        with suppress(OSError):
            return await asyncio.to_thread(operator.metric, "ringmaster_reconcile_total")
    return await asyncio.to_thread(operator.metric, "ringmaster_reconcile_total")


async def _settled(operator: OperatorProcess) -> None:
    """Until nothing is left to be reconciled."""
    quiet, before = 0, -1.0
    while quiet < 3:
        await asyncio.sleep(1)
        done = await reconciled(operator)
        quiet = quiet + 1 if done == before else 0
        before = done


def signed_in(operator: OperatorProcess) -> str:
    """The cookies of the first administrator."""
    code = (operator.folder / "state" / "first-admin-code").read_text().strip()
    with httpx2.Client(base_url=f"{operator.url}/api/v1/", timeout=30) as client:
        answer = client.post("auth/first-admin", json={"code": code, "name": "ada", "password": PASSWORD})
        answer.raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@contextmanager
def process(module: str, *arguments: str, output: Path | None = None, **environment: str) -> Iterator[None]:
    """A module of this folder that runs meanwhile; it must not end by itself."""
    with ExitStack() as stack:
        out = stack.enter_context(output.open("a")) if output is not None else None
        made = subprocess.Popen(
            [sys.executable, "-m", f"benchlib.{module}", *arguments],
            env={**os.environ, **environment},
            stdout=out,
            start_new_session=True,
        )
        try:
            yield
            if made.poll() is not None:
                raise RuntimeError(f"{module} ended by itself with {made.returncode}")
        finally:
            made.kill()
            made.wait()


def claimed(scene: Scene, since: float, until: float) -> list[float]:
    """How long the claims took that were asked for in that time, in seconds."""
    lines = [line.split() for line in scene.claims.read_text().splitlines()]
    return [float(line[1]) for line in lines if len(line) == 2 and since <= float(line[0]) < until]


def cookies(scene: Scene) -> list[dict[str, str]]:
    """For a browser."""
    pairs = [part.split("=", 1) for part in scene.cookie.split("; ")]
    return [{"name": name, "value": value, "url": scene.operator.url} for name, value in pairs]
