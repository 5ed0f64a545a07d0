"""The paths that an operator walks most, one at a time: claims, reports, people who look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import psutil

from benchlib.bench import Bench, Running
from ringmaster_operator.kube import BEADS, Kube
from ringmaster_operator.resources.protocol import Claimed
from support.sessions import Session

CLIENTS = 16
VIEWERS = 20
LOOKS = 10
"""Of each viewer."""


@dataclass
class Paths:
    """A fleet, beads that are ready for it, and people who look."""

    bench: Bench
    running: Running
    kube: Kube
    namespace: str
    person: str
    """The token of somebody who may see everything."""
    names: list[str] = field(default_factory=list)
    _sessions: list[Session] = field(default_factory=list)
    _held: list[tuple[Session, Claimed]] = field(default_factory=list)
    _turn: int = 0

    def cpu(self) -> float:
        """Seconds of processor that the operator took so far."""
        process = self.running.operator.process
        assert process is not None
        times = psutil.Process(process.pid).cpu_times()
        return float(times.user + times.system)

    async def prepare(self, count: int) -> None:
        """Beads that can be claimed."""
        self._turn += 1
        self.names = [f"t{self._turn}-b{number:05d}" for number in range(count)]
        await self.bench.create(self.namespace, self.names)
        await self.running.settled(self._turn * count)
        if not self._sessions:
            self._sessions = [self.running.session(number) for number in range(CLIENTS)]

    async def claims(self) -> int:
        """Sixteen sessions claim all of them; how many."""

        async def claimer(session: Session) -> None:
            while (claimed := await session.pull()) is not None:
                self._held.append((session, claimed))

        await asyncio.gather(*map(claimer, self._sessions))
        if len(self._held) != len(self.names):
            raise RuntimeError(f"{len(self.names)} beads, {len(self._held)} claims")
        return len(self._held)

    async def looks(self) -> int:
        """People fetch the Overview and the board while beads change; how many answers."""
        base, headers = (
            f"{self.running.operator.url}/api/v1/namespaces/{self.namespace}",
            {"Authorization": f"Bearer {self.person}"},
        )
        async with httpx2.AsyncClient(timeout=60, headers=headers) as client:

            async def viewer(number: int) -> None:
                for look in range(LOOKS):
                    name = self.names[(number * LOOKS + look) % len(self.names)]
                    patch = {"spec": {"title": f"{name}, seen {look} times"}}
                    await self.kube.patch(BEADS, self.namespace, name, patch)
                    for path in ("overview", "beads?sort=priority&limit=100"):
                        (await client.get(f"{base}/{path}")).raise_for_status()

            await asyncio.gather(*map(viewer, range(VIEWERS)))
        return VIEWERS * LOOKS * 2

    async def reports(self) -> int:
        """The sessions report all that they hold; how many."""
        count = len(self._held)

        async def reporter(session: Session) -> None:
            for holder, claimed in self._held:
                if holder is session:
                    status, body = await session.report(claimed)
                    if status != 200:
                        raise RuntimeError(f"a report was refused: {body}")

        await asyncio.gather(*map(reporter, self._sessions))
        self._held.clear()
        return count

    async def close(self) -> None:
        for session in self._sessions:
            await session.close()


@asynccontextmanager
async def walked(bench: Bench) -> AsyncIterator[Paths]:
    """An operator with nothing to do yet."""
    namespace = bench.namespace("paths")
    await bench.kubectl("create", "serviceaccount", "viewer", "-n", namespace)
    role = ("--clusterrole=cluster-admin", f"--serviceaccount={namespace}:viewer")
    await bench.kubectl("create", "rolebinding", "viewer", "-n", namespace, *role)
    person = (await bench.kubectl("create", "token", "viewer", "-n", namespace)).strip()
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            paths = Paths(bench, running, kube, namespace, person)
            try:
                yield paths
            finally:
                await paths.close()
