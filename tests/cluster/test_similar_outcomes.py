"""Beads go to the Worker whose agent did better at beads like them, in a running operator, and say why."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from typing import Any

import pytest

from ringmaster_operator.resources.protocol import Claimed
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker
from support.station import PROGRAM
from support.tenants import Tenants

pytestmark = pytest.mark.cluster

TITLE = "Mend the grammar of the parser"
REPOSITORY = {"url": "https://git.example/team/app.git"}
SETTINGS = "[confidence]\nexploreShare = 0\n[routing]\nsimilar = {similar}\n"


def settings(cluster: Any, namespace: str, *, similar: bool) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ringmaster-project"},
        "data": {"project.toml": SETTINGS.format(similar=str(similar).lower())},
    }
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=json.dumps(body))


def add(cluster: Any, namespace: str, *names: str) -> None:
    items = [
        bead(name, title=f"{TITLE} {name}", repository=REPOSITORY, limits={"maxAttempts": 1})
        for name in names
    ]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))


async def work(session: Session, name: str, kind: str) -> None:
    """Work one bead, whoever would be better at it."""
    claimed = await session.pull(wait=30, bead=name)
    assert claimed is not None, name
    more = {"reason": "VerificationFailed"} if kind == "failed" else {}
    status, body = await session.report(claimed, kind, **more)
    assert status == 200, body


def explain(cluster: Any, namespace: str, name: str) -> str:
    env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    done = subprocess.run(
        [*PROGRAM, "explain", name, "-n", namespace],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


async def test_a_bead_waits_a_moment_for_who_does_better_and_says_why(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    settings(cluster, namespace, similar=True)
    able, poor = (
        Session(
            operator.url,
            make_worker(cluster, namespace, name, agent={"profile": profile}),
            worker=name,
            name=f"{name}-0",
        )
        for name, profile in (("able", "claude-code"), ("poor", "codex"))
    )
    person = Tenants(cluster, operator, (namespace, namespace)).identity(namespace)
    place = f"/api/v1/namespaces/{namespace}/beads"
    tasks: list[asyncio.Task[Any]] = []
    try:
        for number in range(6):
            add(cluster, namespace, f"a{number}", f"p{number}")
            await work(able, f"a{number}", "success")
            await work(poor, f"p{number}", "failed")
        waits = asyncio.create_task(able.pull(wait=60))
        asks = asyncio.create_task(poor.ask(wait=60))
        tasks += [waits, asks]
        await until_both_wait(operator)
        add(cluster, namespace, "next")
        claimed = await waits
        assert claimed is not None
        assert claimed.bead.name == "next"
        tasks.append(asyncio.create_task(beating(able, claimed)))
        claim = cluster.get("bead", "next", "-n", namespace)["status"]["claim"]
        assert claim["worker"] == "able"
        assert "claude-code succeeded in 6 of 6 attempts, codex succeeded in 0 of 6" in claim["reason"]
        assert "same repository" in claim["reason"]
        assert claim["reason"] in await asyncio.to_thread(explain, cluster, namespace, "next")
        told = person.call("GET", f"{place}/next/explanation").json()
        assert told["chosenBecause"] == claim["reason"]
        await asyncio.to_thread(add, cluster, namespace, "busy")
        status, body = await asks
        assert (status, body.get("claimed", {}).get("bead", {}).get("name")) == (200, "busy"), (
            "able has no time"
        )
        add(cluster, namespace, "looked-at")
        told = await until_explained(person, f"{place}/looked-at/explanation")
        by = {item["worker"]: item for item in told["workers"]}
        assert by["poor"]["leavesTo"] == "able"
        assert (by["able"]["similar"]["tried"], by["able"]["similar"]["succeeded"]) == (6, 6)
        settings(cluster, namespace, similar=False)
        await until_nothing_is_similar(person, f"{place}/looked-at/explanation")
    finally:
        await cancelled(tasks)
        await able.close()
        await poor.close()


async def beating(session: Session, claimed: Claimed) -> None:
    """Keep the claim, until cancelled."""
    while True:
        await session.heartbeat(claimed)
        await asyncio.sleep(1)


async def cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until_both_wait(operator: OperatorProcess) -> None:
    async with asyncio.timeout(60):
        while await asyncio.to_thread(operator.metric, "ringmaster_waiting_sessions") < 2:
            await asyncio.sleep(0.1)


async def until_nothing_is_similar(person: Any, path: str) -> None:
    for _ in range(100):
        told = person.call("GET", path).json()
        if not any("similar" in item for item in told["workers"]):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(told)


async def until_explained(person: Any, path: str) -> dict[str, Any]:
    for _ in range(200):
        answer = person.call("GET", path)
        if answer.status_code == 200 and all(item["may"] for item in answer.json()["workers"]):
            found: dict[str, Any] = answer.json()
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(answer.text)
