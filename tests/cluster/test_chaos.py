"""Crashes at random moments: every bead done once, no acknowledged report lost, no double work.

The seed of a run is printed, RINGMASTER_SEED replays its plan.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.process import Operator
from ringmaster_operator.settings import Settings
from support.connections import closed_since, connections
from support.honest import Log, worker_loop
from support.manifests import bead, listed
from support.operators import OperatorProcess, free_port
from support.sessions import Session, fresh_id, make_worker

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("RINGMASTER_LONG"))
OPERATOR_KILLS = 30 if LONG else 6
SERVER_KILLS = 5 if LONG else 2
BEADS = 60
SESSIONS = 4


def check(cluster: Any, operator: OperatorProcess, log: Log) -> None:
    assert log.overlaps == []
    names = Counter(name for name, _ in log.acknowledged)
    assert names == Counter(f"b{number:02d}" for number in range(BEADS)), "every bead done once"
    assert log.refused == []
    beads = cluster.get("beads", "-n", operator.namespace)["items"]
    assert {item["status"]["phase"] for item in beads} == {"Succeeded"}
    assert {item["status"]["attempts"] for item in beads} == {1}
    assert all(item["status"]["cost"]["usd"] == pytest.approx(0.01) for item in beads)
    with closing(sqlite3.connect(f"file:{operator.folder}/ringmaster.db?mode=ro", uri=True)) as database:
        stored = {row[0] for row in database.execute("select report_id from report where not refused")}
        end = time.monotonic() + 60
        while database.execute("select count(*) from report where not applied").fetchone() != (0,):
            assert time.monotonic() < end, "a report is not marked as applied"
            time.sleep(0.1)
    assert {report_id for _, report_id in log.acknowledged} <= stored, "no acknowledged report is lost"


async def all_done(cluster: Any, namespace: str) -> None:
    while True:
        phases = await asyncio.to_thread(
            cluster.kubectl, "get", "beads", "-n", namespace, "-o", "jsonpath={.items[*].status.phase}"
        )
        if phases.split() == ["Succeeded"] * BEADS:
            return
        await asyncio.sleep(0.3)


async def run_fleet(
    cluster: Any, operator: OperatorProcess, rng: random.Random, disturb: Callable[[], Awaitable[None]]
) -> Log:
    namespace = operator.namespace
    log, done = Log(), asyncio.Event()
    token = make_worker(cluster, namespace)
    fleet = [Session(operator.url, token, name=f"fleet-{number}") for number in range(SESSIONS)]
    names = [f"b{number:02d}" for number in range(BEADS)]
    backlog = [
        bead(
            name, priority=rng.choice(["P0", "P2", "P4"]), dependsOn=rng.sample(names[:index], min(index, 2))
        )
        for index, name in enumerate(names)
    ]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(backlog))
    loops = [asyncio.create_task(worker_loop(session, log, rng, done)) for session in fleet]
    try:
        await disturb()
        async with asyncio.timeout(300):
            await all_done(cluster, namespace)
            while any(not loop.done() for loop in loops) and log.working:
                await asyncio.sleep(0.1)
    finally:
        done.set()
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(*loops, return_exceptions=True)
        for session in fleet:
            await session.close()
    assert [outcome for outcome in outcomes if outcome is not None] == []
    return log


@pytest.fixture
def steady(own_cluster: Any, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator to be killed, whose leases outlast a restart, as the default's do."""
    namespace = f"chaos-{tmp_path.name[-20:].strip('_').replace('_', '-')}"
    own_cluster.kubectl("create", "namespace", namespace)
    operator = OperatorProcess(own_cluster.kubeconfig, namespace, tmp_path)
    operator.start()
    yield operator
    operator.stop()
    print(operator.tail())


async def test_the_operator_is_killed_at_random_moments(
    own_cluster: Any, steady: OperatorProcess, rng: random.Random
) -> None:
    async def disturb() -> None:
        for _ in range(OPERATOR_KILLS):
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            steady.kill()
            # Killed also while it starts: the next one finds what that one left.
            await asyncio.to_thread(steady.start, wait=rng.random() < 0.7)
        await asyncio.to_thread(steady.wait_ready)

    log = await run_fleet(own_cluster, steady, rng, disturb)
    check(own_cluster, steady, log)


async def test_the_api_server_is_killed_at_random_moments(
    own_cluster: Any, steady: OperatorProcess, rng: random.Random
) -> None:
    async def disturb() -> None:
        for _ in range(SERVER_KILLS):
            await asyncio.sleep(rng.uniform(0.2, 1.5))
            await asyncio.to_thread(own_cluster.kill, "apiserver")
            await asyncio.sleep(rng.uniform(0.1, 1.0))
            await asyncio.to_thread(own_cluster.restore)

    log = await run_fleet(own_cluster, steady, rng, disturb)
    check(own_cluster, steady, log)


async def test_a_claim_is_answered_also_where_each_write_comes_too_late(
    own_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(default, str(own_cluster.kubeconfig))
    monkeypatch.setattr("ringmaster_operator.handlers.watch.CLOSING_SECONDS", 3.0)  # this process goes on
    monkeypatch.setattr("ringmaster_operator.claims.desk.CONFLICT_SECONDS", 0.5)
    own_cluster.kubectl("create", "namespace", "storm")
    settings = Settings(namespace="storm", api_port=free_port())
    before = connections()
    history = await History.open(f"sqlite:///{tmp_path}/history.db")
    kube = await Kube.connect(str(own_cluster.kubeconfig))
    operator = Operator(settings=settings, kube=kube, history=history, clock=Clock())
    serving = asyncio.create_task(operator.serve())
    session = Session(
        f"http://127.0.0.1:{settings.api_port}", await asyncio.to_thread(make_worker, own_cluster, "storm")
    )
    try:
        await asyncio.to_thread(
            own_cluster.kubectl, "create", "-n", "storm", "-f-", stdin=listed([bead("a")])
        )
        ready = ("wait", "-n", "storm", "bead/a", "--for=condition=Ready", "--timeout=30s")
        await asyncio.to_thread(own_cluster.kubectl, *ready)
        written, storming = kube.patch_status, asyncio.Event()
        storming.set()

        async def too_late(kind: Any, namespace: str, name: str, *rest: Any, **more: Any) -> Any:
            if storming.is_set():
                touch = {"spec": {"title": fresh_id()}}
                await kube.patch(kind, namespace, name, touch)
            return await written(kind, namespace, name, *rest, **more)

        monkeypatch.setattr(kube, "patch_status", too_late)
        async with asyncio.timeout(30):
            status, answer = await session.ask(wait=0.2)
        assert (status, answer["none"]["verdict"]) == (200, "nothing")
        assert "somebody else changes the beads" in answer["none"]["reason"]
        storming.clear()
        assert await session.pull(wait=20) is not None
    finally:
        await session.close()
        operator.stop()
        await serving
        await kube.close()
        await history.close()
        await closed_since(before)


class JumpingClock:
    """A wall clock that can be set; the monotonic one goes on, as it does on a real machine."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self.offset


@pytest.mark.parametrize("days", [1, -1])
async def test_a_clock_that_jumps_a_day_takes_no_claim_and_loses_no_bead(
    own_cluster: Any, tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # read from KUBECONFIG at import, which is long past
    default = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(default, str(own_cluster.kubeconfig))
    monkeypatch.setattr("ringmaster_operator.handlers.watch.CLOSING_SECONDS", 3.0)  # this process goes on
    namespace = f"clock{days}"
    own_cluster.kubectl("create", "namespace", namespace)
    settings = Settings(namespace=namespace, api_port=free_port(), backoff_seconds=2)
    before = connections()
    clock = JumpingClock()
    history = await History.open(f"sqlite:///{tmp_path}/history.db")
    kube = await Kube.connect(str(own_cluster.kubeconfig))
    operator = Operator(settings=settings, kube=kube, history=history, clock=Clock(now=clock.now))
    serving = asyncio.create_task(operator.serve())
    url = f"http://127.0.0.1:{settings.api_port}"
    session = Session(url, await asyncio.to_thread(make_worker, own_cluster, namespace))
    try:
        texts = listed([bead("held"), bead("failing", priority="P3")])
        await asyncio.to_thread(own_cluster.kubectl, "create", "-n", namespace, "-f-", stdin=texts)
        held = await session.pull(wait=30)
        failing = await session.pull(wait=30)
        assert held is not None
        assert failing is not None
        await session.report(failing, "failed", reason="AgentError")
        clock.offset = timedelta(days=days)
        status, _ = await session.heartbeat(held)
        assert status == 200
        again = await session.pull(wait=30)
        assert again is not None
        assert (again.bead.name, again.attempt) == ("failing", 2)
        for claimed in (held, again):
            status, body = await session.report(claimed)
            assert (status, body["next"]) == (200, "done")
    finally:
        await session.close()
        operator.stop()
        await serving
        await kube.close()
        await history.close()
        await closed_since(before)
