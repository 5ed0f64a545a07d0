"""Two operators on PostgreSQL: one works; whatever becomes of it the other goes on, no bead is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ringmaster_operator.history import History
from ringmaster_operator.leader import LOST
from support.honest import Log, worker_loop
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.postgres import Postgres
from support.replicas import Proxy, Service, freeze, kubeconfig_of, rerouted, server_of, thaw
from support.sessions import Session, make_worker

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("RINGMASTER_LONG"))
KILLS = 10 if LONG else 2
BEADS = 100
SESSIONS = 2
TAKEOVER_SECONDS = 15.0
"""On a machine that has a processor for everybody: see bound()."""
NAMES = ("leader-a", "leader-b")


def bound(seconds: float = TAKEOVER_SECONDS) -> float:
    """Seconds that a takeover may last: as many times more as there are programs to a processor."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass
class Pair:
    """Two replicas with users of their own, and the Service before them."""

    cluster: Any
    namespace: str
    replicas: dict[str, OperatorProcess]
    service: Service
    url: str = ""

    def name(self, replica: OperatorProcess) -> str:
        return next(name for name, one in self.replicas.items() if one is replica)

    def other(self, replica: OperatorProcess) -> OperatorProcess:
        return next(one for one in self.replicas.values() if one is not replica)

    def stands_by(self, replica: OperatorProcess) -> bool:
        """Whether it has looked at the Lease: from then on it counts the seconds."""
        return "standby:" in replica.tail(1)

    async def takeover(self, leader: OperatorProcess, began: float) -> float:
        """Seconds until another than `leader` is ready."""
        async with asyncio.timeout(240):
            while self.service.ready in (None, leader):
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def backlog(self) -> list[str]:
        names = [f"b{number:03d}" for number in range(BEADS)]
        text = listed(bead(name) for name in names)
        await asyncio.to_thread(
            self.cluster.kubectl, "create", "--namespace", self.namespace, "--filename=-", stdin=text
        )
        return names


@pytest.fixture(scope="module")
def users(own_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("users")
    return {name: kubeconfig_of(own_cluster, folder, name) for name in NAMES}


@pytest.fixture
def pair(
    own_cluster: Any, users: dict[str, Path], postgres_server: Postgres, tmp_path: Path
) -> Iterator[Pair]:
    namespace = tmp_path.name[:40].strip("_").replace("_", "-").lower()
    own_cluster.kubectl("create", "namespace", namespace)
    settings = {"RINGMASTER_DATABASE_URL": postgres_server.fresh(), "RINGMASTER_LEADER_ELECTION": "true"}
    replicas: dict[str, OperatorProcess] = {}
    for name, kubeconfig in users.items():
        (tmp_path / name).mkdir()
        replicas[name] = OperatorProcess(kubeconfig, namespace, tmp_path / name, settings=dict(settings))
    yield Pair(own_cluster, namespace, replicas, Service(list(replicas.values())))
    for name, replica in replicas.items():
        thaw(replica)
        replica.stop()
        if replica.log.exists():
            print(f"--- {name}\n{replica.tail(60)}")


@asynccontextmanager
async def served(pair: Pair) -> AsyncIterator[Service]:
    """Both replicas run, and the Service sends to the one that is ready."""
    service = pair.service
    async with Proxy(service.target).serving() as proxy:
        pair.url = f"http://127.0.0.1:{proxy.port}"
        for replica in pair.replicas.values():
            if replica.process is None:
                await asyncio.to_thread(replica.start, wait=False)
        watch = asyncio.create_task(service.watch(proxy.cut))
        try:
            async with asyncio.timeout(180):
                leader = await service.leader()
                while pair.other(leader).process is not None and not pair.stands_by(pair.other(leader)):
                    await asyncio.sleep(0.1)
            yield service
        finally:
            watch.cancel()
    assert service.together == [], "two replicas said at the same time that they are ready"


@asynccontextmanager
async def fleet(pair: Pair) -> AsyncIterator[Log]:
    """Sessions that work until every bead is done; what they saw is checked then."""
    log, done = Log(), asyncio.Event()
    token = await asyncio.to_thread(make_worker, pair.cluster, pair.namespace)
    sessions = [Session(pair.url, token, name=f"fleet-{number}") for number in range(SESSIONS)]
    names = await pair.backlog()
    loops = [
        asyncio.create_task(worker_loop(session, log, random.Random(number), done))
        for number, session in enumerate(sessions)
    ]
    try:
        yield log
        async with asyncio.timeout(300):
            while len(log.acknowledged) < BEADS or log.working:
                await asyncio.sleep(0.1)
    finally:
        done.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*loops)
        for session in sessions:
            await session.close()
    assert log.overlaps == []
    assert log.refused == []
    assert Counter(name for name, _ in log.acknowledged) == Counter(names), "every bead exactly once"
    end = time.monotonic() + 60
    while (found := statuses(pair)) != {("Succeeded", 1)}:  # acknowledged first, applied then
        assert time.monotonic() < end, found
        await asyncio.sleep(0.2)
    history = await History.open(pair.replicas[NAMES[0]].database)
    attempts = await history.attempts_in(namespace=pair.namespace)
    await history.close()
    assert Counter((one.attempt.bead, one.attempt.kind) for one in attempts) == Counter(
        (name, "success") for name in names
    )


def statuses(pair: Pair) -> set[tuple[str, int]]:
    """Phase and attempts of all beads."""
    beads = pair.cluster.get("beads", "--namespace", pair.namespace)["items"]
    return {(item["status"]["phase"], item["status"]["attempts"]) for item in beads}


async def test_the_leader_is_killed_again_and_again(pair: Pair, rng: random.Random) -> None:
    took: list[float] = []
    async with served(pair) as service, fleet(pair):
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.3, 1.2))
            leader = await service.leader()
            leader.kill()
            began = time.monotonic()
            await asyncio.to_thread(leader.start, wait=False)  # as a Deployment would
            took.append(await pair.takeover(leader, began))
    print(f"takeovers: {[round(seconds, 1) for seconds in took]}")
    assert max(took) < bound()


@pytest.mark.long
async def test_a_frozen_leader_writes_nothing_when_it_wakes_up(pair: Pair) -> None:
    async with served(pair) as service, fleet(pair):
        await asyncio.sleep(1)
        leader = await service.leader()
        assert leader.process is not None
        freeze(leader)
        took = await pair.takeover(leader, time.monotonic())
        assert took < bound()
        await asyncio.sleep(1)
        before = pair.cluster.audit_size()
        thaw(leader)
        assert await asyncio.to_thread(leader.process.wait, 90) == LOST
        await asyncio.sleep(1)
        user = f"system:serviceaccount:default:{pair.name(leader)}"
        late = [
            (entry["verb"], entry["requestURI"], entry.get("responseStatus"))
            for entry in pair.cluster.audit(since=before)
            if entry["user"]["username"] == user
            and entry["verb"] not in ("get", "list", "watch")
            and entry.get("responseStatus", {}).get("code", 0) < 400
        ]
        assert late == [], "it leads no more"
        assert "Lease is lost" in leader.tail()


@pytest.mark.long
async def test_a_leader_that_is_cut_off_from_the_api_server_ends_itself(pair: Pair) -> None:
    cut_off = pair.replicas[NAMES[0]]
    server = server_of(cut_off.kubeconfig)
    async with Proxy(lambda: server).serving() as way:
        cut_off.kubeconfig = rerouted(cut_off.kubeconfig, cut_off.folder, way.port)
        await asyncio.to_thread(cut_off.start)
        async with served(pair) as service, fleet(pair):
            assert await service.leader() is cut_off
            assert cut_off.process is not None
            await asyncio.sleep(1)
            way.blocked = True
            way.cut()
            began = time.monotonic()
            assert await asyncio.to_thread(cut_off.process.wait, 30) == LOST
            assert time.monotonic() - began < 10, "before the Lease runs out"
            assert await pair.takeover(cut_off, began) < bound()


async def test_a_standby_serves_probes_alone_and_takes_over_at_once_from_one_that_stops(pair: Pair) -> None:
    async with served(pair) as service, httpx2.AsyncClient(timeout=60) as client:
        leader = await service.leader()
        standby = pair.other(leader)
        assert (await client.get(f"{standby.url}/healthz")).status_code == 200
        ready = await client.get(f"{standby.url}/readyz")
        assert (ready.status_code, "is the leader" in ready.text) == (503, True)
        claim = await client.post(f"{standby.url}/api/v1/claims", json={})
        assert (claim.status_code, claim.json()["code"]) == (503, "unavailable")
        began = time.monotonic()
        assert await asyncio.to_thread(leader.stop) == 0
        assert await pair.takeover(leader, began) < bound(8.0), "its Lease was released"
        assert await asyncio.to_thread(standby.stop) == 0
    lease = pair.cluster.get("lease", "ringmaster", "--namespace", pair.namespace)
    assert lease["spec"].get("holderIdentity", "") == ""


async def test_sqlite_and_an_election_exclude_each_other(pair: Pair) -> None:
    replica = pair.replicas[NAMES[0]]
    replica.settings["RINGMASTER_DATABASE_URL"] = f"sqlite:///{replica.folder}/h.db"
    await asyncio.to_thread(replica.start, wait=False)
    assert replica.process is not None
    assert await asyncio.to_thread(replica.process.wait, 90) == 2
    assert "RINGMASTER_LEADER_ELECTION needs PostgreSQL" in replica.tail()
