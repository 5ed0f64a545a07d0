"""Decisions and steering on the real API server: asked, answered, due by a deadline, told, acknowledged."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, at_work

pytestmark = pytest.mark.cluster

QUESTION = {
    "question": "Which queue?",
    "options": [{"name": "postgres", "consequence": "nothing new to run"}, {"name": "redis"}],
    "recommendation": "postgres",
}


def create(cluster: Any, namespace: str, *objects: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(objects))


def get(cluster: Any, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("bead", name, "-n", namespace)
    return found


async def until(cluster: Any, namespace: str, name: str, phase: str) -> dict[str, Any]:
    for _ in range(300):
        found = await asyncio.to_thread(get, cluster, namespace, name)
        if found.get("status", {}).get("phase") == phase:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} is not {phase}: {found.get('status')}")


@pytest.fixture
def ringmaster(cluster: Any, namespace: str) -> Callable[..., str]:
    """The program as a person runs it."""

    def run(*arguments: str, code: int = 0) -> str:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
        done = subprocess.run(
            [sys.executable, "-m", "ringmaster_cli", *arguments, "-n", namespace],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


async def test_a_deadline_passes_and_the_work_goes_on_with_the_default(
    cluster: Any, namespace: str, session: Session, ringmaster: Callable[..., str]
) -> None:
    create(cluster, namespace, bead("mail"), bead("other", priority="P4"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert claimed.bead.name == "mail"
    question = {**QUESTION, "deadlineSeconds": 8, "default": "redis"}
    status, body = await session.report(claimed, "needs_decision", question=question)
    assert (status, body["next"]) == (200, "stop"), body
    asked = await until(cluster, namespace, "mail-q1-1", "NeedsDecision")
    assert asked["spec"]["decision"]["default"] == "redis"
    assert "on the answer is: redis" in asked["status"]["conditions"][0]["message"]
    other = await session.pull(wait=30)
    assert other is not None
    assert other.bead.name == "other"
    async with at_work(session, other):
        decided = await until(cluster, namespace, "mail-q1-1", "Succeeded")
        again = await session.pull(wait=30)
    made = decided["status"]["decision"]
    assert (made["answer"], made["by"], "answer" in decided["spec"]["decision"]) == (
        "redis",
        "deadline",
        False,
    )
    assert again is not None
    assert (again.bead.name, again.attempt, again.iteration) == ("mail", 1, 1)
    assert [(item.question, item.answer) for item in again.bead.decisions] == [("Which queue?", "redis")]
    refusal = await asyncio.to_thread(ringmaster, "decide", "mail-q1-1", "postgres", code=4)
    assert "decided already: redis (deadline)" in refusal


async def test_a_person_decides_by_the_command_and_is_named(
    cluster: Any, namespace: str, session: Session, ringmaster: Callable[..., str]
) -> None:
    create(cluster, namespace, bead("mail"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await session.report(claimed, "needs_decision", question=QUESTION)
    for name in ("mail", "mail-q1-1"):
        await until(cluster, namespace, name, "NeedsDecision")
    shown = await asyncio.to_thread(ringmaster, "decisions")
    assert "1. postgres: nothing new to run" in shown
    assert "asked by mail" in shown
    assert "must be one of: postgres, redis" in await asyncio.to_thread(
        ringmaster, "decide", "mail", "mysql", code=2
    )
    await asyncio.to_thread(ringmaster, "decide", "mail", "POSTGRES")
    decided = await until(cluster, namespace, "mail-q1-1", "Succeeded")
    made = decided["status"]["decision"]
    assert (made["answer"], made["by"]) == ("postgres", decided["spec"]["decision"]["answeredBy"])
    assert "nothing waits" in await asyncio.to_thread(ringmaster, "decisions")
    await asyncio.to_thread(ringmaster, "reopen", "mail-q1-1")
    await until(cluster, namespace, "mail-q1-1", "NeedsDecision")


async def test_an_agent_asks_while_it_works_and_hears_the_answer(
    cluster: Any, namespace: str, session: Session, ringmaster: Callable[..., str]
) -> None:
    create(cluster, namespace, bead("mail"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    ask = {"fence": claimed.fence, "iteration": claimed.iteration, "question": QUESTION}
    for _ in range(2):
        status, body = await session.call("POST", f"/claims/{claimed.claim_id}/question", ask)
        assert (status, body) == (200, {"decision": "mail-q1-1"})
    _, body = await session.heartbeat(claimed)
    assert "answered" not in body
    async with at_work(session, claimed):
        await asyncio.to_thread(ringmaster, "decide", "mail-q1-1", "redis")
    for _ in range(200):
        _, body = await session.heartbeat(claimed)
        if "answered" in body:
            break
        await asyncio.sleep(0.1)
    assert body["answered"] == {"decision": "mail-q1-1", "answer": "redis"}
    status, body = await session.report(claimed)
    assert (status, body["next"]) == (200, "done")


async def test_steering_is_told_and_acknowledged(
    cluster: Any, namespace: str, session: Session, ringmaster: Callable[..., str]
) -> None:
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    async with at_work(session, claimed):
        said = await asyncio.to_thread(ringmaster, "steer", "a", "Use tabs.")
    assert "fleet-0 works on it" in said
    for _ in range(200):
        _, body = await session.heartbeat(claimed)
        if body.get("steering"):
            break
        await asyncio.sleep(0.1)
    [note] = body["steering"]
    assert note["text"] == "Use tabs."
    _, body = await session.heartbeat(claimed, steered=[note["id"]])
    assert body.get("steering", []) == []
    assert get(cluster, namespace, "a")["status"]["steeringDelivered"] == [note["id"]]
    async with at_work(session, claimed):
        await asyncio.to_thread(ringmaster, "steer", "a", "And short lines.")
    for _ in range(200):
        _, body = await session.heartbeat(claimed)
        if body.get("steering"):
            break
        await asyncio.sleep(0.1)
    status, body = await session.report(claimed, "incomplete")
    assert (status, body["next"]) == (200, "iterate"), body
    _, work = await session.call("GET", f"/claims/{claimed.claim_id}/work", fence=claimed.fence)
    notes = work["claimed"]["bead"]["steering"]
    assert [item["text"] for item in notes] == ["Use tabs.", "And short lines."]
    ids = [item["id"] for item in notes]
    status, _ = await session.report(claimed, iteration=2, steered=ids)
    assert status == 200
    found = get(cluster, namespace, "a")
    assert (found["status"]["phase"], found["status"]["steeringDelivered"]) == ("Succeeded", ids)


async def test_hold_resume_cancel_retry_and_reopen(
    cluster: Any, namespace: str, session: Session, ringmaster: Callable[..., str]
) -> None:
    create(cluster, namespace, bead("a"))
    await asyncio.to_thread(ringmaster, "hold", "a")
    await until(cluster, namespace, "a", "Held")
    await asyncio.to_thread(ringmaster, "resume", "a")
    claimed = await session.pull(wait=30)
    assert claimed is not None
    async with at_work(session, claimed):
        refusal = await asyncio.to_thread(ringmaster, "retry", "a", code=4)
    assert "a is Running and has not ended" in refusal
    await session.report(
        claimed, "failed", reason="Configuration", branch="ringmaster/a", commit="c0ffee", fence=1
    )
    await asyncio.to_thread(ringmaster, "cancel", "a")
    await until(cluster, namespace, "a", "Cancelled")
    assert "ringmaster/a stays" in await asyncio.to_thread(ringmaster, "retry", "a", "--from-scratch")
    fresh = await session.pull(wait=30)
    assert fresh is not None
    assert (fresh.resumed_branch, fresh.bead.fresh_from, fresh.bead.history, fresh.attempt) == (
        None,
        1,
        [],
        1,
    )
    await session.report(fresh)
    await until(cluster, namespace, "a", "Succeeded")
    assert "to work on it again: ringmaster reopen a" in await asyncio.to_thread(
        ringmaster, "hold", "a", code=4
    )
    await asyncio.to_thread(ringmaster, "reopen", "a")
    assert await session.pull(wait=30) is not None


async def test_people_see_what_is_spent_set_aside_and_left(
    cluster: Any,
    namespace: str,
    operator: OperatorProcess,
    session: Session,
    ringmaster: Callable[..., str],
) -> None:
    url = ("--url", operator.url)
    cluster.kubectl("create", "serviceaccount", "-n", namespace, "eve")
    cluster.kubectl(
        "create", "rolebinding", "-n", namespace, "eve", "--clusterrole=cluster-admin",
        f"--serviceaccount={namespace}:eve",
    )  # fmt: skip
    who = ("--as-account", "eve")
    assert "no budget is set" in await asyncio.to_thread(ringmaster, "budget", *url, *who)
    cluster.kubectl(
        "patch", "-n", namespace, "worker/fleet", "--type=merge",
        '-p={"spec":{"budget":{"usdPerDay":5,"tokensPerMonth":1000000}}}',
    )  # fmt: skip
    for _ in range(60):
        if "no budget is set" not in await asyncio.to_thread(ringmaster, "budget", *url, *who):
            break
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    async with at_work(session, claimed):
        shown = await asyncio.to_thread(ringmaster, "budget", *url, *who)
    rows = [line.split() for line in shown.splitlines()]
    assert rows[1] == ["Worker", "fleet", "Day", "$5.00", "$0.00", "$1.00", "$4.00"]
    assert rows[2][:4] == ["Worker", "fleet", "Month", "1,000,000"]
