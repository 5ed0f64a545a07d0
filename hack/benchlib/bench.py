"""What a scenario works with: a cluster of the bench's own, and operators on it."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import ringmaster_operator
from benchlib.callers import Caller
from ringmaster_operator.kube import BEADS, Kube
from support.clusters import Cluster
from support.manifests import bead, listed
from support.operators import OperatorProcess, free_port
from support.sessions import Session, make_worker

PRODUCT = Path(ringmaster_operator.__file__).parents[2]
"""The checkout that is measured: with --compare not the one that this module is of."""


@dataclass(frozen=True)
class Running:
    """An operator, and the Worker `fleet` in its namespace."""

    operator: OperatorProcess
    token: str

    def session(self, number: int = 0) -> Session:
        return Caller(self.operator.url, self.token, name=f"fleet-{number}")

    async def settled(self, beads: int, seconds: float = 240) -> None:
        """Until so many beads have their phase and no key waits."""
        async with asyncio.timeout(seconds):
            while await self._metric("ringmaster_beads") < beads or await self._metric("workqueue_depth"):
                await asyncio.sleep(0.2)

    async def _metric(self, name: str) -> float:
        return await asyncio.to_thread(self.operator.metric, name)


@dataclass(frozen=True)
class Bench:
    """One scenario's run."""

    cluster: Cluster
    folder: Path
    beads: int | None
    """What was asked for; `size` has what is usual."""
    rounds: int
    seconds: float = 300
    """The longest that all rounds may take."""
    made: list[str] = field(default_factory=list)
    """Namespaces, deleted at the end."""
    patience: float = 120.0
    """Seconds within which an operator must be ready."""

    def turns(self) -> Iterator[int]:
        """Numbers of rounds: as many as were asked for, or as there is time for."""
        began, longest = time.monotonic(), 0.0
        for turn in range(self.rounds):
            at = time.monotonic()
            if turn and at - began + 1.5 * longest > self.seconds * 0.8:
                print(f"hack/bench: {turn} rounds of {self.rounds}: no time for more", file=sys.stderr)
                return
            yield turn
            longest = max(longest, time.monotonic() - at)

    def size(self, usual: int) -> int:
        """How many beads."""
        return self.beads or usual

    def namespace(self, name: str) -> str:
        """A fresh one; nobody works in it but who is told its name."""
        full = f"bench-{name}-{secrets.token_hex(3)}"
        self.cluster.kubectl("create", "namespace", full)
        self.made.append(full)
        return full

    @contextmanager
    def running(self, namespace: str, port: int = 0, **settings: str) -> Iterator[Running]:
        """An operator on a namespace, with a database of its own."""
        folder = self.folder / secrets.token_hex(4)
        folder.mkdir()
        operator = OperatorProcess(
            self.cluster.kubeconfig,
            namespace,
            folder,
            settings=settings,
            port=port or free_port(),
            patience=self.patience,
        )
        try:
            operator.start()
            yield Running(operator, make_worker(self.cluster, namespace))
        finally:
            operator.stop()

    @asynccontextmanager
    async def kube(self) -> AsyncIterator[Kube]:
        """A client of the bench's own."""
        made = await Kube.connect(str(self.cluster.kubeconfig))
        try:
            yield made
        finally:
            await made.close()

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl, without holding up what else goes on."""
        return await asyncio.to_thread(self.cluster.kubectl, *arguments, stdin=stdin)

    async def create(self, namespace: str, names: list[str], **spec: object) -> None:
        """Make beads, without a wait for what becomes of them."""
        text = listed(bead(name, **spec) for name in names)
        await self.kubectl("create", "-n", namespace, "-f-", stdin=text)

    async def fill(self, namespace: str, items: list[dict[str, Any]]) -> None:
        """Make many objects, side by side."""
        queue = list(reversed(items))

        async def client(kube: Kube) -> None:
            while queue:
                await kube.create(BEADS, namespace, queue.pop())

        async with self.kube() as kube:
            await asyncio.gather(*(client(kube) for _ in range(16)))

    async def ready(self, namespace: str, names: list[str]) -> None:
        """Wait until they can be claimed."""
        args = ("wait", "-n", namespace, "--for=condition=Ready", "--timeout=120s")
        await self.kubectl(*args, *(f"bead/{name}" for name in names))


def moment(entry: dict[str, Any]) -> float:
    """When the API server answered a request of its audit log; seconds."""
    return datetime.fromisoformat(entry["stageTimestamp"]).timestamp()


def milliseconds(since: float) -> float:
    """Of the monotonic performance counter."""
    return (time.perf_counter() - since) * 1e3
