"""Beads that are deleted, held or cancelled while they run, and reports of a bad day."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead
from support.operators import OperatorProcess
from support.reading import create, rows, status_of
from support.sessions import Session, report, usage

pytestmark = pytest.mark.cluster


async def test_a_bead_that_is_deleted_while_it_runs_keeps_its_history(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    cluster.kubectl("delete", "-n", namespace, "bead/a")
    create(cluster, namespace, bead("a"))
    for _ in range(300):
        _, body = await session.heartbeat(claimed)
        if body.get("order") == "cancel":
            break
        await asyncio.sleep(0.1)
    assert body["order"] == "cancel"
    status, body = await session.report(claimed, "cancelled")
    assert (status, body["next"]) == (200, "stop")
    fresh = await session.pull(wait=30)
    assert fresh is not None
    assert (fresh.fence, fresh.bead.uid != claimed.bead.uid) == (1, True)
    for _ in range(300):  # a claim is answered while its row is being written
        found = rows(operator, "select count(*) from attempt where namespace = ?", namespace)
        if found == [(2,)]:
            break
        await asyncio.sleep(0.1)
    assert found == [(2,)]


async def test_holding_and_cancelling_a_running_bead(cluster: Any, namespace: str, session: Session) -> None:
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await order_becomes(cluster, namespace, session, claimed, "Hold", "finish")
    _, body = await session.report(claimed, "incomplete")
    assert body["next"] == "stop"
    assert status_of(cluster, namespace, "a")["phase"] == "Held"
    assert await session.pull(wait=1) is None
    patch(cluster, namespace, "Run")
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert (claimed.attempt, claimed.iteration) == (1, 2)
    await order_becomes(cluster, namespace, session, claimed, "Cancel", "cancel")
    await session.report(claimed, "cancelled", iteration=2)
    assert status_of(cluster, namespace, "a")["phase"] == "Cancelled"


def patch(cluster: Any, namespace: str, desired: str) -> None:
    cluster.kubectl(
        "patch", "-n", namespace, "bead/a", "--type=merge", f'-p={{"spec":{{"desired":"{desired}"}}}}'
    )


async def order_becomes(
    cluster: Any, namespace: str, session: Session, claimed: Any, desired: str, order: str
) -> None:
    patch(cluster, namespace, desired)
    for _ in range(300):
        _, body = await session.heartbeat(claimed)
        if body["order"] == order:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the order is still {body['order']}")


async def test_unknown_prices_are_counted_not_taken_for_nothing(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await session.report(claimed, usage=usage(usd=None))
    cost = status_of(cluster, namespace, "a")["cost"]
    assert (cost["unpricedRequests"], cost["usd"], cost["inputTokens"]) == (1, 0, 1000)


async def test_reports_are_taken_while_the_api_server_is_away_and_applied_later(
    own_cluster: Any, tmp_path: Path
) -> None:
    from support.sessions import make_worker

    own_cluster.kubectl("create", "namespace", "away")
    settings = {"RINGMASTER_TOKEN_CACHE_SECONDS": "0", "RINGMASTER_LEASE_SECONDS": "60"}
    operator = OperatorProcess(own_cluster.kubeconfig, "away", tmp_path, settings=settings)
    operator.start()
    session = Session(operator.url, make_worker(own_cluster, "away"))
    try:
        create(own_cluster, "away", bead("a"), bead("b"))
        claimed = await session.pull(wait=30)
        assert claimed is not None
        own_cluster.kill("apiserver")
        place = f"/claims/{claimed.claim_id}/reports"
        status, body = await session.call(
            "POST", place, report(claimed)
        )  # its place in the status has to wait
        assert (status, body["next"]) == (200, "done")
        status, body = await session.ask(wait=0)
        assert (status, body["code"]) == (503, "unavailable")
        operator.kill()
        own_cluster.restore()
        operator.start()
        own_cluster.kubectl("wait", "-n", "away", "bead/a", "--for=condition=Succeeded", "--timeout=60s")
        for _ in range(300):
            if rows(operator, "select count(*) from report where not applied") == [(0,)]:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the report is not marked as applied")
    finally:
        await session.close()
        operator.stop()
        print(operator.tail())
