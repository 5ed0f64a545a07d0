"""Sixteen claimers, beads enough: claims a second as a share of raw status patches a second."""

from __future__ import annotations

import asyncio
import time

from benchlib import raw
from benchlib.bench import Bench
from benchlib.figures import Figure
from ringmaster_operator.resources.protocol import Claimed
from support.sessions import Session

CLIENTS = 16


async def measure(bench: Bench) -> list[Figure]:
    """In turns: so many raw patches, so many claims."""
    namespace, base = bench.namespace("claims"), bench.namespace("claims-raw")
    shares, rates, bases = [], [], []
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            sessions = [running.session(number) for number in range(CLIENTS)]
            for turn in bench.turns():
                names = [f"r{turn}-b{number:04d}" for number in range(bench.size(100))]
                await bench.create(base, names)
                bases.append(await raw.patch_rate(kube, base, names, CLIENTS))
                await bench.create(namespace, names)
                await bench.ready(namespace, names)
                rates.append(await _claim_all(sessions, len(names)))
                shares.append(rates[-1] / bases[-1])
            for session in sessions:
                await session.close()
    return [
        Figure("claims", f"claims with {CLIENTS} claimers", rates, "/s"),
        Figure("claims", "raw status patches", bases, "/s"),
        Figure("claims", "claims as a share of the raw patches", shares, at_least=0.7),
    ]


async def _claim_all(sessions: list[Session], count: int) -> float:
    """Claims a second until nothing is left; the reports that free the beads come after the clock stops."""
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
    await asyncio.gather(*(_report(session, won) for session in sessions))
    return count / took


async def _report(session: Session, won: list[tuple[Session, Claimed]]) -> None:
    for claimer, claimed in won:
        if claimer is session:
            await session.report(claimed)
