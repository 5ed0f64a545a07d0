"""What a user sees of a bead: kubectl get, describe, wait; bad graphs and odd texts."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session

pytestmark = pytest.mark.cluster


def create(cluster: Any, namespace: str, *items: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))


def wait(cluster: Any, namespace: str, name: str, reason: str) -> dict[str, Any]:
    """Until the Ready condition has this reason; the condition."""
    path = f"jsonpath={{.status.conditions[?(@.type=='Ready')].reason}}={reason}"
    cluster.kubectl("wait", "-n", namespace, f"bead/{name}", f"--for={path}", "--timeout=60s")
    conditions = cluster.get("bead", name, "-n", namespace)["status"]["conditions"]
    return next(item for item in conditions if item["type"] == "Ready")


def event(cluster: Any, namespace: str, reason: str) -> None:
    """Until an Event has this reason: it is written after the status."""
    end = time.monotonic() + 60
    while reason not in cluster.kubectl("get", "events", "-n", namespace):
        assert time.monotonic() < end, f"no Event says {reason}"
        time.sleep(0.2)


async def test_kubectl_tells_what_goes_on(cluster: Any, namespace: str, session: Session) -> None:
    create(
        cluster, namespace, bead("first", priority="P1"), bead("second", dependsOn=["first"], priority="P0")
    )
    await asyncio.to_thread(wait, cluster, namespace, "second", "DependencyPending")  # and so both are known
    claimed = await session.pull(wait=30)
    assert claimed is not None
    table = cluster.kubectl("get", "beads", "-n", namespace)
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert "Running" in rows["first"]
    assert "P0" in rows["first"]
    assert "Blocked" in rows["second"]
    await session.report(claimed)
    cluster.kubectl("wait", "-n", namespace, "bead/first", "--for=condition=Succeeded", "--timeout=60s")
    described = cluster.kubectl("describe", "-n", namespace, "bead/first")
    assert "first: success" in described


def test_a_cycle_is_spelled_out_on_every_member_and_the_rest_goes_on(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    create(
        cluster,
        namespace,
        bead("a", dependsOn=["b"]),
        bead("b", dependsOn=["c"]),
        bead("c", dependsOn=["a"]),
        bead("free"),
    )
    for name in "abc":
        message = wait(cluster, namespace, name, "DependencyCycle")["message"]
        assert all(member in message for member in "abc")
    wait(cluster, namespace, "free", "Ready")
    event(cluster, namespace, "DependencyCycle")
    cluster.kubectl("patch", "-n", namespace, "bead/c", "--type=merge", '-p={"spec":{"dependsOn":[]}}')
    wait(cluster, namespace, "c", "Ready")
    wait(cluster, namespace, "b", "DependencyPending")


def test_an_unknown_dependency_is_named_and_heals_when_it_comes(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    create(cluster, namespace, bead("a", dependsOn=["nobody"]))
    assert "nobody" in wait(cluster, namespace, "a", "DependencyMissing")["message"]
    create(cluster, namespace, bead("nobody", desired="Hold"))
    wait(cluster, namespace, "a", "DependencyPending")


async def test_dependents_of_a_failed_bead_wait_and_run_once_it_is_retried(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a", limits={"maxAttempts": 1}), bead("b", dependsOn=["a"]))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await session.report(claimed, "failed", reason="AgentError")
    assert "a" in wait(cluster, namespace, "b", "DependencyFailed")["message"]
    cluster.kubectl("patch", "-n", namespace, "bead/a", "--type=merge", '-p={"spec":{"retry":"1"}}')
    for name in ("a", "b"):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        assert claimed.bead.name == name
        await session.report(claimed)


async def test_deferred_held_and_exclusive_beads_wait(cluster: Any, namespace: str, session: Session) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    create(cluster, namespace, bead("soon", deferUntil=later), bead("held", desired="Hold"))
    wait(cluster, namespace, "soon", "Deferred")
    wait(cluster, namespace, "held", "Held")
    assert await session.pull(wait=1) is None
    due = datetime.now(UTC) + timedelta(seconds=2)
    change = json.dumps({"spec": {"deferUntil": due.isoformat()}})
    cluster.kubectl("patch", "-n", namespace, "bead/soon", "--type=merge", f"-p={change}")
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert claimed.bead.name == "soon"
    assert datetime.now(UTC) >= due

    create(cluster, namespace, bead("x1", exclusive=["db"]), bead("x2", exclusive=["db"]))
    first = await session.pull(wait=30)
    assert first is not None
    assert await session.pull(wait=1) is None
    assert (
        first.bead.name
        in wait(cluster, namespace, {"x1": "x2", "x2": "x1"}[first.bead.name], "AwaitingExclusive")["message"]
    )
    await session.report(first)
    assert await session.pull(wait=30) is not None


async def test_epics_are_done_when_their_children_are(cluster: Any, namespace: str, session: Session) -> None:
    create(
        cluster, namespace, bead("epic", type="epic"), bead("c1", parent="epic"), bead("c2", parent="epic")
    )
    for _ in range(2):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        assert claimed.bead.parent is not None
        assert claimed.bead.name in ("c1", "c2")
        await session.report(claimed)
    cluster.kubectl("wait", "-n", namespace, "bead/epic", "--for=condition=Succeeded", "--timeout=60s")


async def test_finished_beads_are_deleted_after_their_time(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("brief", ttlSecondsAfterFinished=1))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await session.report(claimed)
    cluster.kubectl("wait", "-n", namespace, "bead/brief", "--for=delete", "--timeout=60s")


async def test_long_names_and_odd_texts_make_the_round(
    cluster: Any, namespace: str, session: Session
) -> None:
    name = "n" * 253
    text = "🚀 שלום\tmore\n" * 4000
    create(cluster, namespace, bead(name, title="Ünïcödé 🚀", description=text[:60000]))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert (claimed.bead.name, claimed.bead.title, claimed.bead.description) == (
        name,
        "Ünïcödé 🚀",
        text[:60000],
    )
    question = {"question": "Yes\x00 or \x1b[31mno\x07?\n" + "long " * 500}
    status, body = await session.report(claimed, "needs_decision", question=question)
    assert (status, body["next"]) == (200, "stop")
    decisions = [
        item
        for item in cluster.get("beads", "-n", namespace)["items"]
        if item["spec"].get("type") == "decision"
    ]
    assert len(decisions) == 1
    assert "\x1b" not in decisions[0]["spec"]["title"]
    odd = "fine\x00\x1b[2J" + "\u202e" + "x" * 10000
    answer = json.dumps({"spec": {"decision": {"answer": "go"}}})
    cluster.kubectl(
        "patch", "-n", namespace, f"bead/{decisions[0]['metadata']['name']}", "--type=merge", f"-p={answer}"
    )
    claimed = await session.pull(wait=30)
    assert claimed is not None
    body = {"kind": "success", "summary": odd}
    status, answered = await session.report(claimed, iteration=claimed.iteration, outcome=body)
    assert status == 200, answered
    assert cluster.get("bead", name, "-n", namespace)["status"]["phase"] == "Succeeded"


async def test_a_project_sets_the_limits_and_a_bad_one_says_so(
    cluster: Any, namespace: str, session: Session
) -> None:
    settings = 'rules = ["Be brief."]\nverify = ["true"]\n[limits]\nmaxIterations = 2\n'
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ringmaster-project"},
        "data": {"project.toml": settings},
    }
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=json.dumps(body))
    body["data"] = {"project.toml": "limits = 3"}
    create(cluster, namespace, bead("a", desired="Hold"))
    wait(cluster, namespace, "a", "Held")
    cluster.kubectl("patch", "-n", namespace, "bead/a", "--type=merge", '-p={"spec":{"desired":"Run"}}')
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert (claimed.bead.max_iterations, claimed.bead.rules) == (2, ["Be brief."])
    assert claimed.bead.acceptance.verify == ["true"]
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=json.dumps(body))
    await asyncio.to_thread(event, cluster, namespace, "InvalidSettings")
