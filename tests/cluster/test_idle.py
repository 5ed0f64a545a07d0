"""An idle fleet costs nothing: no write to the API server, next to no CPU."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from support import quiet
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session

pytestmark = [pytest.mark.cluster, pytest.mark.long]

BEADS = 1000
SECONDS = 300 if os.environ.get("RINGMASTER_LONG") else 20


@pytest.mark.timeout(SECONDS + 300)
async def test_1000_beads_and_four_waiting_sessions_cause_no_write(
    cluster: Any, namespace: str, operator: OperatorProcess, sessions: Callable[..., Session]
) -> None:
    held = (bead(f"b{number:04d}", desired="Hold", priority="P3") for number in range(BEADS))
    await asyncio.to_thread(cluster.kubectl, "create", "-n", namespace, "-f-", stdin=listed(held))
    await settled(operator)

    waiting = [asyncio.create_task(wait_for_ever(sessions(f"fleet-{number}"))) for number in range(4)]
    async with asyncio.timeout(60):
        while await asyncio.to_thread(operator.metric, "ringmaster_waiting_sessions") < len(waiting):
            await asyncio.sleep(0.2)
    await asyncio.to_thread(quiet.settled, cluster, namespace)
    assert operator.process is not None
    process = psutil.Process(operator.process.pid)
    before = cluster.audit_size()
    cpu = sum(process.cpu_times()[:2])
    began = time.monotonic()
    await asyncio.sleep(SECONDS)
    used = (sum(process.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    writes = quiet.writes(cluster, namespace, since=before)
    print(f"idle for {SECONDS} s: {len(writes)} writes, {used:.2%} CPU")
    assert writes == []
    assert used < 0.01


async def settled(operator: OperatorProcess) -> None:
    """Until every bead is known and the queue is empty."""
    async with asyncio.timeout(120):
        while await asyncio.to_thread(operator.metric, "ringmaster_beads") < BEADS:
            await asyncio.sleep(0.5)
        while await asyncio.to_thread(operator.metric, "workqueue_depth") > 0:
            await asyncio.sleep(0.5)


async def wait_for_ever(session: Session) -> None:
    while True:
        assert await session.pull(wait=60) is None
