"""Outcomes decide who gets the next bead, people overrule them, and what nobody can take says so."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.reconcilers.assignable import MOST_WRITES, SETTLE_SECONDS
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker

pytestmark = pytest.mark.cluster
SKILLED = [{"name": "rust", "confidence": 0.8}]


@pytest.fixture
async def pools(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> AsyncIterator[Callable[..., Session]]:
    """pools(name): a session of a Worker of its own."""
    made: list[Session] = []

    def make(name: str, **spec: Any) -> Session:
        token = make_worker(cluster, namespace, name, **{"capabilities": SKILLED, **spec})
        made.append(Session(operator.url, token, worker=name, name=f"{name}-0"))
        return made[-1]

    yield make
    for session in made:
        await session.close()


def create(cluster: Any, namespace: str, *items: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))


def learned(cluster: Any, namespace: str, worker: str) -> dict[str, Any]:
    """Status of its one capability."""
    found = cluster.get("worker", worker, "-n", namespace)["status"].get("capabilities", [{}])
    [status] = found or [{}]
    return dict(status)


async def until(look: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(look):
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.2)


async def work(session: Session, kind: str, count: int, **more: Any) -> None:
    for _ in range(count):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        status, body = await session.report(claimed, kind, **more)
        assert status == 200, body


def backlog(prefix: str, count: int, **spec: Any) -> list[dict[str, Any]]:
    return [
        bead(
            f"{prefix}{number}",
            priority="P0",
            capabilities=["rust"],
            limits={"maxAttempts": 1},
            **spec,
        )
        for number in range(count)
    ]


def change(cluster: Any, namespace: str, worker: str, **fields: Any) -> None:
    spec = {"spec": {"capabilities": [{**SKILLED[0], **fields}]}}
    cluster.kubectl("patch", "-n", namespace, f"worker/{worker}", "--type=merge", f"-p={json.dumps(spec)}")


async def test_outcomes_move_the_confidence_and_the_bead_to_the_better_worker(
    cluster: Any, namespace: str, pools: Callable[..., Session]
) -> None:
    bad, good = pools("bad"), pools("good")
    create(cluster, namespace, *backlog("lost", 2))
    await work(bad, "failed", 2)
    await until(lambda: learned(cluster, namespace, "bad").get("failures") == 2)
    assert learned(cluster, namespace, "bad")["confidence"] == round(0.8 * 8 / 10, 2)
    create(cluster, namespace, *backlog("won", 2))
    assert await bad.pull(wait=1) is None
    await work(good, "success", 1)
    await until(lambda: learned(cluster, namespace, "good").get("successes") == 1)
    assert learned(cluster, namespace, "good")["confidence"] == round((0.8 * 8 + 1) / 9, 2)

    change(cluster, namespace, "bad", override=0.9)
    assert await bad.pull(wait=30) is not None
    await until(lambda: learned(cluster, namespace, "bad").get("override") == 0.9)
    assert learned(cluster, namespace, "bad")["failures"] == 2


async def test_what_was_learned_survives_a_crash_of_the_operator(
    cluster: Any, make_namespace: Callable[[], str], tmp_path: Path
) -> None:
    namespace = make_namespace()
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    operator.start()
    session = Session(operator.url, make_worker(cluster, namespace, capabilities=SKILLED))
    try:
        create(cluster, namespace, *backlog("lost", 2))
        await work(session, "failed", 2)
        operator.kill()
        operator.start()
        create(cluster, namespace, *backlog("next", 1))
        assert await session.pull(wait=2) is None
        await until(lambda: learned(cluster, namespace, "fleet").get("failures") == 2)
    finally:
        await session.close()
        operator.stop()


async def test_a_reset_forgets_once_and_what_is_not_about_the_agent_teaches_nothing(
    cluster: Any, namespace: str, pools: Callable[..., Session]
) -> None:
    session = pools("only")
    create(cluster, namespace, *backlog("lost", 2))
    await work(session, "failed", 2)
    change(cluster, namespace, "only", reset="1")
    await until(lambda: learned(cluster, namespace, "only").get("lastReset") == "1")
    assert learned(cluster, namespace, "only")["confidence"] == 0.8
    create(cluster, namespace, *backlog("next", 2))
    await work(session, "failed", 1, reason="Infrastructure")
    await work(session, "success", 2)
    await until(lambda: learned(cluster, namespace, "only").get("successes") == 2)
    assert learned(cluster, namespace, "only")["failures"] == 0
    assert learned(cluster, namespace, "only")["lastReset"] == "1"


async def test_a_bead_that_nobody_can_take_says_so_until_somebody_can(
    cluster: Any, namespace: str, pools: Callable[..., Session]
) -> None:
    pools("near", capabilities=[{"name": "rust", "confidence": 0.4}])
    create(cluster, namespace, *backlog("stuck", 1))

    def told() -> dict[str, Any]:
        conditions = cluster.get("bead", "stuck0", "-n", namespace).get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == "Assignable"), {})

    await until(lambda: told() != {})
    assert (told()["status"], told()["reason"]) == ("False", "ConfidenceTooLow")
    assert "Worker near can do rust with a confidence of 0.40 (as declared)" in told()["message"]
    able = pools("able")
    await until(lambda: told() == {})
    cluster.kubectl("delete", "-n", namespace, "worker/able")
    await until(lambda: told() != {})
    cluster.kubectl(
        "patch", "-n", namespace, "bead/stuck0", "--type=merge", '-p={"spec":{"minConfidence":0.3}}'
    )
    await until(lambda: told() == {})
    await able.close()


def test_many_beads_are_told_once_each_at_a_bounded_rate_and_then_nothing_is_written(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    names = [f"b{number:03d}" for number in range(2 * MOST_WRITES + 10)]
    since = cluster.audit_size()
    create(cluster, namespace, *(bead(name, capabilities=["cobol"]) for name in names))
    told = "jsonpath={.status.conditions[?(@.type=='Assignable')].reason}=NoWorker"
    cluster.kubectl("wait", "-n", namespace, "beads", "--all", f"--for={told}", "--timeout=120s")
    writes = [entry for entry in cluster.audit(since=since) if tells(entry, namespace)]
    assert Counter(entry["objectRef"]["name"] for entry in writes) == Counter(names)
    times = sorted(datetime.fromisoformat(entry["requestReceivedTimestamp"]) for entry in writes)
    rounds = [later - earlier for earlier, later in zip(times, times[MOST_WRITES:], strict=False)]
    assert min(rounds) > timedelta(seconds=SETTLE_SECONDS / 2)
    since = cluster.audit_size()
    time.sleep(2 * SETTLE_SECONDS)
    later = [entry["objectRef"] for entry in cluster.audit(since=since) if entry["verb"] == "patch"]
    assert [target for target in later if target.get("namespace") == namespace] == []


def tells(entry: dict[str, Any], namespace: str) -> bool:
    """Whether a request of the audit log wrote the condition; one that met a newer version wrote nothing."""
    target = entry.get("objectRef", {})
    if entry.get("responseStatus", {}).get("code") != 200:
        return False
    if target.get("namespace") != namespace or target.get("subresource") != "status":
        return False
    conditions = (entry.get("requestObject") or {}).get("status", {}).get("conditions", [])
    return any(item["type"] == "Assignable" for item in conditions)
