"""Sixteen claimers, beads enough: claims a second as a share of raw status patches a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from benchlib import raw
from benchlib.bench import Bench
from benchlib.figures import Figure
from benchlib.spent import Spent
from ringmaster_operator.kube import BEADS, Body, Kube
from ringmaster_operator.resources.protocol import Claimed
from ringmaster_operator.statuses import difference
from support.sessions import Session

CLIENTS = 16
RAW, SAME, CLAIM = "a raw patch", "a claim's patch alone", "a claim"


@dataclass
class Rates:
    """A second, of each round."""

    bases: list[float] = field(default_factory=list)
    sames: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> list[Figure]:
    """In turns: so many raw patches, so many claims, so many patches as the claims were."""
    namespace, base = bench.namespace("claims"), bench.namespace("claims-raw")
    rates = Rates()
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            sessions = [running.session(number) for number in range(CLIENTS)]
            spent = Spent(bench, running)
            for turn in bench.turns():
                names = [f"r{turn}-b{number:04d}" for number in range(bench.size(100))]
                await bench.create(base, names)
                spent.begin()
                rates.bases.append(await raw.patch_rate(kube, base, names, CLIENTS))
                spent.end(RAW, len(names))
                await bench.create(namespace, names)
                await bench.ready(namespace, names)
                before = (await kube.get(BEADS, namespace, names[0]))["status"]
                spent.begin()
                rate, won = await _claim_all(sessions, len(names))
                spent.end(CLAIM, len(names))
                rates.claims.append(rate)
                after = (await kube.get(BEADS, namespace, names[0]))["status"]
                await asyncio.gather(*(_report(session, won) for session in sessions))
                same = bench.namespace("claims-same")
                await bench.create(same, names)
                rates.sames.append(await _alike(kube, same, names, before, after, spent))
            for session in sessions:
                await session.close()
    return _figures(rates, spent)


def _figures(rates: Rates, spent: Spent) -> list[Figure]:
    shares = [claims / bare for claims, bare in zip(rates.claims, rates.bases, strict=True)]
    alike = [claims / bare for claims, bare in zip(rates.claims, rates.sames, strict=True)]
    return [
        Figure("claims", f"claims with {CLIENTS} claimers", rates.claims, "/s"),
        Figure("claims", "raw status patches", rates.bases, "/s"),
        Figure("claims", "claims as a share of the raw patches", shares, at_least=0.7),
        Figure("claims", "the claims' patches by a bare client, watched", rates.sames, "/s"),
        Figure("claims", "claims as a share of those", alike),
        *spent.figures("claims"),
    ]


async def _claim_all(sessions: list[Session], count: int) -> tuple[float, list[tuple[Session, Claimed]]]:
    """Claims a second until nothing is left, and what was claimed: to be reported when the clock stands."""
    won: list[tuple[Session, Claimed]] = []

    async def claimer(session: Session) -> None:
        while (claimed := await session.pull()) is not None:
            won.append((session, claimed))

    began = time.perf_counter()
    await asyncio.gather(*map(claimer, sessions))
    took = time.perf_counter() - began
    names = {claimed.bead.name for _, claimed in won}
    if len(names) != count or len(won) != count:
        raise RuntimeError(f"{count} beads, {len(won)} claims of {len(names)} beads")
    return count / took, won


async def _report(session: Session, won: list[tuple[Session, Claimed]]) -> None:
    for claimer, claimed in won:
        if claimer is session:
            await session.report(claimed)


async def _alike(
    kube: Kube, namespace: str, names: list[str], before: Body, after: Body, spent: Spent
) -> float:
    """A second: patches from one status to the other, on the version that is known, with one watcher."""
    patch, queue = difference(before, after), list(names)
    versions: dict[str, str] = {}

    async def client(status: Body) -> None:
        while queue:
            name = queue.pop()
            body = await kube.patch_status(BEADS, namespace, name, status, version=versions.get(name))
            versions[name] = body["metadata"]["resourceVersion"]

    async def watcher() -> None:
        query = {"watch": "1", "resourceVersion": max(versions.values(), key=int)}
        async for _ in kube.stream(BEADS.path(namespace), query, silent=60):
            pass

    await asyncio.gather(*(client(before) for _ in range(CLIENTS)))
    watching = asyncio.create_task(watcher())
    await asyncio.sleep(0.5)
    queue.extend(names)
    spent.begin()
    began = time.perf_counter()
    await asyncio.gather(*(client(patch) for _ in range(CLIENTS)))
    took = time.perf_counter() - began
    spent.end(SAME, len(names))
    watching.cancel()
    return len(names) / took
