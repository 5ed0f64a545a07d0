"""The order of beads on a real API server: as written, as worked, and as the people's commands explain it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from ringmaster_cli.exits import CliError
from ringmaster_operator.insight.app import commands
from support.manifests import bead, listed, worker
from support.operators import OperatorProcess
from support.quiet import settled
from support.sessions import Session

pytestmark = pytest.mark.cluster

Run = Callable[..., str]
DONE = {"criteria": ["it works"]}
BACKLOG = [
    bead("deep", priority="P3", acceptance=DONE),
    bead("mid", dependsOn=["deep"], estimateMinutes=120, acceptance=DONE),
    bead("top", priority="P0", dependsOn=["mid"], acceptance=DONE),
    bead("other", priority="P1", acceptance=DONE),
    bead("last", priority="P1", dependsOn=["other"], acceptance=DONE),
]
SETTINGS = """
repositoryConcurrency = 1
[fairness]
label = "team"
"""


@pytest.fixture
def run(cluster: Any, namespace: str) -> Run:
    """The commands, without the start of a process each; kubectl has waited until the kinds are served."""
    cluster.kubectl("get", "beads,workers", "-n", namespace)

    def call(*words: str, code: int = 0) -> str:
        env = {"KUBECONFIG": str(cluster.kubeconfig)}
        done = CliRunner().invoke(commands, [*words, "-n", namespace], env=env)
        fault = done.exception
        ended = int(fault.exit) if isinstance(fault, CliError) else done.exit_code
        assert ended == code, (done.output, fault)
        return done.stdout

    return call


def apply(cluster: Any, namespace: str, *objects: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(objects))


def rounds(operator: OperatorProcess) -> float:
    """How often the operator has scored beads."""
    with urllib.request.urlopen(f"{operator.url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return float(text.split("ringmaster_score_seconds_count ")[1].split()[0])


async def ready(cluster: Any, namespace: str, *names: str) -> None:
    words = ("wait", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
    await asyncio.to_thread(cluster.kubectl, *words, *(f"bead/{name}" for name in names))


def settings(text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ringmaster-project"},
        "data": {"project.toml": text},
    }


def test_the_commands_need_no_operator(cluster: Any, namespace: str, run: Run) -> None:
    assert "nothing may be claimed" in run("rank")
    apply(cluster, namespace, *BACKLOG, worker("fleet"), settings(SETTINGS))
    rows = json.loads(run("rank", "-o", "json"))
    assert [(row["name"], row["priority"], row["workers"]) for row in rows] == [
        ("deep", "P0", ["fleet"]),
        ("other", "P1", ["fleet"]),
    ]
    assert "P0, lent by top through mid" in run("rank", "-o", "wide")
    told = run("explain", "deep")
    assert "1 of 2 that may be claimed" in told
    assert "4 h of work in the longest chain" in told
    assert "waits for deep" in run("explain", "mid")
    assert "mid   DependencyPending" in run("blocked")
    assert "Track 1: 3 beads, 1 ready, 0 running" in run("tracks")
    assert "└─ ○ mid P0 Do mid" in run("graph")
    assert run("graph", "mid", "-o", "mermaid").startswith("flowchart LR")
    assert run("graph", "-o", "dot").startswith("digraph")
    ahead = run("what-if", "--close", "deep", "--priority", "other=P0", "-o", "json")
    assert [row["name"] for row in json.loads(ahead)] == ["other", "mid", "deep"]
    assert "nothing to complain about" in run("lint")
    words = [sys.executable, "-m", "ringmaster_cli", "rank", "-o", "name", "-n", namespace]
    env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["bead.ringmaster.dev/deep", "bead.ringmaster.dev/other"]


def test_lint_tells_what_is_wrong_by_its_exit_code_too(cluster: Any, namespace: str, run: Run) -> None:
    apply(cluster, namespace, bead("a", dependsOn=["nowhere"]), bead("b", capabilities=["cobol"]))
    apply(cluster, namespace, worker("fleet"), settings("concurrency = 0"))
    faults = json.loads(run("lint", "-o", "json", code=9))
    rules = {fault["rule"] for fault in faults}
    assert rules == {"unreadable", "unknown-name", "capability", "no-acceptance"}
    assert "no Worker declares cobol" in run("lint", code=9)


def test_a_bead_that_is_not_there_is_one_line(run: Run) -> None:
    run("explain", "nobody", code=2)
    run("what-if", code=2)


async def test_the_order_explained_is_the_order_worked(
    cluster: Any, namespace: str, operator: OperatorProcess, sessions: Callable[..., Session], run: Run
) -> None:
    session, before = sessions(), rounds(operator)
    await asyncio.to_thread(apply, cluster, namespace, *BACKLOG)
    await ready(cluster, namespace, "deep", "other")
    lent = (
        "wait",
        "bead/deep",
        "-n",
        namespace,
        "--for=jsonpath={.status.inheritedFrom}=top",
        "--timeout=60s",
    )
    await asyncio.to_thread(cluster.kubectl, *lent)  # the first status may be older than the last bead
    status = (await asyncio.to_thread(cluster.get, "bead", "deep", "-n", namespace))["status"]
    assert (status["inheritedFrom"], status["inheritedPath"]) == ("top", ["mid", "top"])
    assert "waitingSince" in status
    assert [row["name"] for row in json.loads(await asyncio.to_thread(run, "rank", "-o", "json"))] == [
        "deep",
        "other",
    ]
    async with asyncio.timeout(60):
        while rounds(operator) == before:
            await asyncio.sleep(0.2)
    worked: list[str] = []
    for name in ("deep", "mid", "top", "other", "last"):
        await ready(cluster, namespace, name)
        claimed = await session.pull(wait=30)
        assert claimed is not None, worked
        worked.append(claimed.bead.name)
        status, answer = await session.report(claimed)
        assert status == 200, answer
    assert worked == ["deep", "mid", "top", "other", "last"]
    done = (await asyncio.to_thread(cluster.get, "bead", "mid", "-n", namespace))["status"]
    assert done["score"] > 0
    assert "waitingSince" not in done


async def test_scores_follow_the_graph_and_are_never_written_alone(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    held = [bead(f"b{number}", dependsOn=[f"b{number - 1}"] if number else []) for number in range(20)]
    await asyncio.to_thread(apply, cluster, namespace, *held)
    await ready(cluster, namespace, "b0")
    words = ("wait", "bd/b0", "-n", namespace, "--for=condition=Assignable=False", "--timeout=60s")
    await asyncio.to_thread(cluster.kubectl, *words)  # said some seconds later, in a write of its own
    told = ("wait", "-n", namespace, "beads", "--all", "--for=jsonpath={.status.phase}", "--timeout=60s")
    await asyncio.to_thread(cluster.kubectl, *told)
    await asyncio.to_thread(settled, cluster, namespace)
    before = cluster.audit_size()
    await asyncio.to_thread(apply, cluster, namespace, bead("b20", dependsOn=["b19"]))
    await asyncio.to_thread(cluster.kubectl, *told)
    await asyncio.sleep(3)
    written = [
        entry["objectRef"]["name"]
        for entry in cluster.audit(since=before)
        if entry["verb"] == "patch"
        and entry["objectRef"].get("subresource") == "status"
        and entry["objectRef"].get("namespace") == namespace
    ]
    assert written == ["b20"]
