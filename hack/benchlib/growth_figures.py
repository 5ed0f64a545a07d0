"""What `hack/bench growth` measures at one size: each figure as the median of a few samples."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import httpx2
import psutil

from benchlib import growth_history, latency, urgent
from benchlib.bench import Bench, Running, milliseconds
from benchlib.dashboard_scene import signed_in
from benchlib.growth_world import STOCK, Etcd, Live, live, name
from benchlib.ranking import clocked
from ringmaster_operator import garbage
from ringmaster_operator.board.board import Board
from ringmaster_operator.kube import BEADS, WORKERS, Kube, KubeError
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import Claimed
from support.boards import edited
from support.manifests import worker
from support.operators import free_port
from support.sessions import Session, make_worker

CLAIMERS = 16
MOST = 200
"""Sessions of one Worker at most."""
IMAGE = "registry.invalid/agent:1"
LOOKS = {
    "overview": "overview",
    "a page of 500 beads by priority": "beads?sort=priority&limit=500",
    "costs by day": "costs?by=day&limit=500",
    "200 events": "events?limit=200",
}
Figures = dict[tuple[str, str], float]
"""By what was measured and its unit."""


@dataclass(frozen=True)
class Size:
    """How much there is, and how often it is measured."""

    beads: int
    pods: int
    finished: int
    turns: int = 3
    singly: int = 20
    claims: int = 64
    others: int = 500
    """Beads that an urgent one comes behind."""


async def measured(bench: Bench, size: Size, seed: int) -> Figures:
    """All figures, with an operator of its own on a namespace of its own."""
    namespace = bench.namespace("growth")
    there = live(namespace, size.beads, seed)
    url = f"sqlite:///{bench.folder}/{namespace}.db"
    built = bench.cluster.kubeconfig.parent / "ca.key"
    if built.exists():
        await growth_history.fill(url, namespace, size.finished, there.beads, seed)
        await asyncio.to_thread(Etcd(built.parent).store_beads, there.bodies)
    else:  # not one that hack/cluster built: the operator writes the statuses
        await growth_history.fill(url, namespace, size.finished, [], seed)
        await bench.fill(namespace, there.bodies)
    await _served(bench, namespace, size.beads)
    port = free_port()
    settings = {
        "RINGMASTER_DATABASE_URL": url,
        "RINGMASTER_PODS": "true" if size.pods else "false",
        "RINGMASTER_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    async with bench.kube() as kube:
        with bench.running(namespace, port=port, **settings) as running:
            _say(f"{size.beads:,} beads: an operator runs")
            token = make_worker(bench.cluster, namespace, STOCK, capabilities=[{"name": STOCK}])
            await running.settled(size.beads, 600)
            await _pods(kube, namespace, size.pods)
            _say(f"{size.pods:,} pods run: figures are taken")
            found = await _started(running, token, size)
            found |= await _claimed(bench, kube, running, token, namespace, size)
            found |= await _looks(running, namespace, size.turns)
    return found | _board(there, random.Random(seed), size.turns)


async def _served(bench: Bench, namespace: str, count: int) -> None:
    """Until the API server has taken in what was put past it."""
    async with bench.kube() as kube, asyncio.timeout(bench.patience):
        there = 0
        while there < count:
            await asyncio.sleep(1)
            with suppress(KubeError):  # its cache lags behind the database
                there = len([1 async for _ in kube.list(BEADS, namespace, metadata_only=True)])


def _say(words: str) -> None:
    print(f"hack/bench growth: {words}", file=sys.stderr, flush=True)


async def _pods(kube: Kube, namespace: str, count: int) -> None:
    """Workers with so many sessions in pods, until all run."""
    rest = count
    while rest > 0:
        body = worker(f"pods-{rest}", runtime="Pod", replicas=min(rest, MOST), pod={"image": IMAGE})
        await kube.create(WORKERS, namespace, body)
        rest -= MOST
    async with asyncio.timeout(900):
        while True:
            ready = [
                item.get("status", {}).get("readyReplicas", 0) async for item in kube.list(WORKERS, namespace)
            ]
            if sum(ready) >= count:
                return
            await asyncio.sleep(1)


async def _started(running: Running, token: str, size: Size) -> Figures:
    """The operator started again and again."""
    walls, used, memory = [], [], []
    for turn in range(size.turns):
        await asyncio.to_thread(running.operator.stop)
        began = time.perf_counter()
        await asyncio.to_thread(running.operator.start, wait=False)
        await asyncio.to_thread(running.operator.wait_ready)
        session = _session(running, token, 1000 + turn)
        won = await session.pull(wait=60)
        walls.append(time.perf_counter() - began)
        used.append(_cpu(running))
        if won is None:
            raise RuntimeError("nothing could be claimed")
        await session.release(won, "measured")
        await session.close()
        await _quiet(running)
        memory.append(_process(running).memory_info().rss / 2**20)
    return {
        ("operator start → first claim", "s"): statistics.median(walls),
        ("the same, its processor time", "s"): statistics.median(used),
        ("memory of the operator", "MiB"): statistics.median(memory),
    }


async def _quiet(running: Running) -> None:
    """Until it has taken in what its watches list."""
    before = -1.0
    while _cpu(running) - before > 0.1:
        before = _cpu(running)
        await asyncio.sleep(2)


async def _claimed(
    bench: Bench, kube: Kube, running: Running, token: str, namespace: str, size: Size
) -> Figures:
    singly = await latency.one_by_one(
        kube, running, namespace, [f"fresh-{at:03d}" for at in range(size.singly)]
    )
    sessions = [_session(running, token, number) for number in range(CLAIMERS)]
    gaps, used, reports = [], [], []
    for _ in range(size.turns):
        before, began = _cpu(running), time.perf_counter()
        won = await asyncio.gather(*(_some(session, size.claims // CLAIMERS) for session in sessions))
        claims = sum(map(len, won))
        gaps.append(milliseconds(began) / claims)
        for session, taken in zip(sessions, won, strict=True):
            reports += [await _timed(partial(session.report, one)) for one in taken]
        used.append((_cpu(running) - before) / claims * 1e3)
    waited = [
        (await urgent.burst(bench, kube, running, namespace, f"u{turn}", size.others))[0]
        for turn in range(size.turns)
    ]
    for session in sessions:
        await session.close()
    return {
        ("bead created → claimed, p50", "ms"): statistics.median(singly),
        (f"{CLAIMERS} claimers: from claim to claim", "ms"): statistics.median(gaps),
        ("a report, p50", "ms"): statistics.median(reports),
        ("a claim and its report, processor time of the operator", "ms"): statistics.median(used),
        (f"an urgent bead behind {size.others} others: created → claimed", "ms"): statistics.median(waited),
    }


async def _some(session: Session, count: int) -> list[Claimed]:
    found: list[Claimed] = []
    for _ in range(count):
        if (won := await session.pull()) is None:
            raise RuntimeError("there are too few beads to claim")
        found.append(won)
    return found


async def _looks(running: Running, namespace: str, turns: int) -> Figures:
    """What people ask for."""
    found: Figures = {}
    headers = {"Cookie": await asyncio.to_thread(signed_in, running.operator)}
    base = f"{running.operator.url}/api/v1/namespaces/{namespace}"
    async with httpx2.AsyncClient(timeout=120, headers=headers) as client:
        for what, path in LOOKS.items():

            async def look(path: str = path) -> None:
                (await client.get(f"{base}/{path}")).raise_for_status()

            await look()
            found[what, "ms"] = statistics.median([await _timed(look) for _ in range(turns + 2)])
    return found


def _board(there: Live, chance: random.Random, turns: int) -> Figures:
    """The board's own arithmetic in this process, garbage handled as the operator does: processor time."""
    garbage.starting()
    now = datetime.now(UTC)
    filled, edges = [], []
    for _ in range(turns):
        board = Board()

        def fill(board: Board = board) -> None:
            for bead in there.beads:
                board.put(bead)
            board.refresh(now)

        filled.append(clocked(fill))
        for _ in range(20):
            bead = chance.choice(there.beads)
            edges.append(clocked(_one_edge, board, bead, chance.randrange(len(there.beads)), now))
    return {
        ("ranking from nothing, processor time", "ms"): statistics.median(filled) * 1e3,
        ("one dependency changed, processor time", "ms"): statistics.median(edges) * 1e3,
    }


def _one_edge(board: Board, bead: Bead, other: int, now: datetime) -> None:
    """It waits for one that was made before it, or no longer for the last."""
    known = board.get(bead.key)
    assert known is not None
    needs = list(known.spec.depends_on)
    earlier = other % int(bead.metadata.name[1:]) if int(bead.metadata.name[1:]) else None
    if needs:
        needs.pop()
    elif earlier is not None:
        needs.append(name(earlier))
    board.put(edited(known, depends_on=needs))
    board.refresh(now)


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    await act()
    return milliseconds(began)


def _session(running: Running, token: str, number: int) -> Session:
    return Session(running.operator.url, token, worker=STOCK, name=f"{STOCK}-{number}")


def _process(running: Running) -> psutil.Process:
    assert running.operator.process is not None
    return psutil.Process(running.operator.process.pid)


def _cpu(running: Running) -> float:
    """Seconds of processor that it took so far."""
    times = _process(running).cpu_times()
    return float(times.user + times.system)
