"""What a soak runs on: API server, proxy, operator, sessions in tmux and light ones, an observer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soaklib.clockwork import HEAP, OFFSET
from soaklib.cut import Apart
from soaklib.direct import Direct
from soaklib.ledger import Ledger
from soaklib.observer import Observer
from soaklib.proxy import Proxy
from soaklib.sessions import Light
from support.fleet import Fleet
from support.sessions import make_worker

LEASE_SECONDS = 20.0
LIGHT_SESSIONS = 4
REPLICAS = 2
DISK = "64m"
CLOCKWORK = Path(__file__).with_name("clockwork.py")
SETTINGS = {
    "RINGMASTER_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
    "RINGMASTER_BACKOFF_LIMIT_SECONDS": "10",
    "RINGMASTER_TMUX_POLL_SECONDS": "1",
}
POOL = "pool"


@dataclass
class World:
    """All parts, and the one random source of what is not in the plan."""

    cluster: Any
    folder: Path
    rng: random.Random
    fleet: Fleet
    proxy: Proxy
    direct: Direct
    observer: Observer
    ledger: Ledger
    lights: list[Light]
    apart: Apart | None
    disk: Path | None
    clock: Path
    broken: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    """Why the operator had to be started again although no fault had killed it."""
    absent: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the operator is killed and started."""

    @property
    def namespace(self) -> str:
        return self.fleet.namespace

    @property
    def database(self) -> Path:
        return (self.disk or self.folder) / "ringmaster.db"

    async def revive(self, seconds: float = 180.0) -> None:
        """Start the operator, and again if it ends, as systemd and Kubernetes do, until it is ready."""
        operator = self.fleet.operator
        async with asyncio.timeout(seconds):
            while True:
                await asyncio.to_thread(operator.start, wait=False)
                while operator.process is not None and operator.process.poll() is None:
                    if await asyncio.to_thread(operator.answers):
                        return
                    await asyncio.sleep(0.1)
                self.revived.append(operator.tail(1))
                await asyncio.sleep(1.0)

    def everything_broken(self) -> list[str]:
        """What must never be seen and was, whoever saw it."""
        return [*self.broken, *self.observer.broken, *self.ledger.broken]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs, gone at the end. OSError where the machine does not let us."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "ringmaster-soak", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise OSError(f"no disk of its own: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def able() -> frozenset[str]:
    """The faults that this machine cannot do: root has to make networks and disks."""
    return frozenset() if os.geteuid() == 0 else frozenset({"disk-full", "network-cut"})


@contextlib.asynccontextmanager
async def world(cluster: Any, folder: Path, rng: random.Random) -> Any:
    """Everything started, the observer first; ended in the other order."""
    async with contextlib.AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk")) if not able() else None
        proxy = Proxy(cluster.kubeconfig.parent, rng)
        await proxy.start()
        stack.push_async_callback(proxy.close)
        clock = folder / "clock-offset"
        settings = {**SETTINGS, OFFSET: str(clock), HEAP: str(folder / "heap.json")}
        if disk is not None:
            settings["RINGMASTER_DATABASE_URL"] = f"sqlite:///{disk}/ringmaster.db"
        fleet = await asyncio.to_thread(Fleet, cluster, folder, **settings)
        fleet.operator.kubeconfig = proxy.kubeconfig(folder / "kubeconfig")
        fleet.operator.prefix = (sys.executable, str(CLOCKWORK))
        direct = Direct(cluster.kubeconfig)
        stack.push_async_callback(direct.close)
        observer = Observer(cluster.kubeconfig, fleet.namespace)
        watching = asyncio.create_task(observer.run())
        stack.push_async_callback(_cancelled, watching)
        stack.push_async_callback(asyncio.to_thread, fleet.clean)
        made = World(
            cluster, folder, rng, fleet, proxy, direct, observer, Ledger(LEASE_SECONDS), [], None, disk, clock
        )
        await made.revive()
        await _workers(made, stack)
        yield made


async def _workers(made: World, stack: contextlib.AsyncExitStack) -> None:
    """The tmux Worker, and the light sessions: the last of them behind a link of its own."""
    fleet = made.fleet
    await asyncio.to_thread(fleet.apply, fleet.worker(replicas=REPLICAS, labels={POOL: "tmux"}))
    token = await asyncio.to_thread(make_worker, made.cluster, made.namespace, labels={POOL: "light"})
    for number in range(LIGHT_SESSIONS):
        seed = random.Random(made.rng.random())
        session = Light(fleet.operator.url, token, f"fleet-{number}", made.ledger, seed)
        session.lost = made.observer.lost
        made.lights.append(session)
    near = made.lights
    if not able():
        made.apart = Apart(fleet.operator.port)
        far = made.lights[-1]
        near = made.lights[:-1]

        async def work(url: str) -> None:
            far.url = url
            await far.run()

        await made.apart.start(work)
        stack.push_async_callback(made.apart.end)
    tasks = [asyncio.create_task(light.run(), name=light.name) for light in near]
    stack.push_async_callback(_all_cancelled, tasks)
    stack.callback(_stopped, made)


def _stopped(made: World) -> None:
    for light in made.lights:
        light.stop.set()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _all_cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def light(body: dict[str, Any]) -> dict[str, Any]:
    """For the light sessions only."""
    body["spec"]["routing"] = {"workerSelector": {POOL: "light"}}
    return body
