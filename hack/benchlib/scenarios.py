"""What is measured. Each scenario gives its own figure, the baseline's, and the ratio."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchlib import raw
from ringmaster_operator.kube import BEADS, Kube
from ringmaster_operator.resources.protocol import Claimed
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session

CLIENTS = 16
ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    scenario: str
    name: str
    value: str


@dataclass(frozen=True)
class Bench:
    """What a scenario works with: an operator on `namespace`; nobody watches `namespace`-raw."""

    cluster: Any
    operator: OperatorProcess
    token: str
    namespace: str
    beads: int

    def session(self, number: int = 0) -> Session:
        return Session(self.operator.url, self.token, name=f"fleet-{number}")

    def create(self, namespace: str, names: list[str]) -> None:
        text = listed(bead(name) for name in names)
        self.cluster.kubectl("create", "-n", namespace, "-f-", stdin=text)


async def claims(bench: Bench) -> list[Figure]:
    """Sixteen claimers, beads enough: claims a second as a share of raw status patches a second."""
    kube = await Kube.connect(str(bench.cluster.kubeconfig))
    shares, rates, bases = [], [], []
    sessions = [bench.session(number) for number in range(CLIENTS)]
    for turn in range(ROUNDS):
        names = [f"r{turn}-b{number:04d}" for number in range(bench.beads)]
        bench.create(f"{bench.namespace}-raw", names)
        base = await raw.patch_rate(kube, f"{bench.namespace}-raw", names, CLIENTS)
        bench.create(bench.namespace, names)
        await _ready(bench, names)
        rate = await _claim_all(sessions, len(names))
        rates.append(rate)
        bases.append(base)
        shares.append(rate / base)
    for session in sessions:
        await session.close()
    await kube.close()
    return [
        Figure("claims", f"claims/s with {CLIENTS} claimers", spread(rates, "{:.0f}")),
        Figure("claims", "raw status patches/s", spread(bases, "{:.0f}")),
        Figure("claims", "share of the raw rate", spread(shares, "{:.2f}")),
    ]


async def latency(bench: Bench) -> list[Figure]:
    """From creating a bead to its claim in a waiting session's hands, against one raw status patch."""
    kube = await Kube.connect(str(bench.cluster.kubeconfig))
    session = bench.session()
    taken = []
    for number in range(bench.beads // 4):
        waiting = asyncio.create_task(session.pull(wait=30))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await kube.create(BEADS, bench.namespace, bead(f"b{number:04d}"))
        claimed = await waiting
        taken.append(time.perf_counter() - began)
        if claimed is None:
            raise RuntimeError("a waiting session was not given the bead")
        await session.report(claimed)
    names = [f"b{number:04d}" for number in range(len(taken))]
    bench.create(f"{bench.namespace}-raw", names)
    base = await raw.patch_seconds(kube, f"{bench.namespace}-raw", names, 1)
    await session.close()
    await kube.close()
    middle, late = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    patch = statistics.median(base)
    return [
        Figure("latency", "bead created → claimed, p50 / p99", f"{middle * 1e3:.1f} / {late * 1e3:.1f} ms"),
        Figure("latency", "one raw status patch, p50", f"{patch * 1e3:.1f} ms"),
        Figure("latency", "p50 as a multiple of the raw patch", f"{middle / patch:.1f}"),
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
    for session, claimed in won:
        await session.report(claimed)
    return count / took


async def _ready(bench: Bench, names: list[str]) -> None:
    args = ("wait", "-n", bench.namespace, "--for=condition=Ready", "--timeout=120s")
    await asyncio.to_thread(bench.cluster.kubectl, *args, *(f"bead/{name}" for name in names))


def spread(values: list[float], form: str) -> str:
    """Median (minimum to maximum)."""
    shown = [form.format(value) for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


SCENARIOS: dict[str, Callable[[Bench], Awaitable[list[Figure]]]] = {"claims": claims, "latency": latency}
