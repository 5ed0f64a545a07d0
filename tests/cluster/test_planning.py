"""Beads that are split by an agent's own run, and plans that people ask for, on a real API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import make_worker
from support.station import AGENT, PROGRAM, Station, git, scenario, steps

pytestmark = pytest.mark.cluster

Plan = Callable[..., subprocess.CompletedProcess[str]]


def said(*items: dict[str, Any]) -> str:
    return f"Here is the plan.\n\n```json\n{json.dumps({'beads': list(items)})}\n```\n"


def wrote(name: str) -> str:
    return scenario(steps({"write": {"path": f"{name}.txt", "text": "yes\n"}}, {"done": name}))


def test_a_worker_hands_back_what_is_too_large_and_plans_how_it_is_split(
    cluster: Any, namespace: str, operator: OperatorProcess, tmp_path: Path
) -> None:
    ladder = [{"action": "Decompose"}]
    agent = {"profile": "claude-code", "command": [str(AGENT)]}
    token = make_worker(cluster, namespace, agent=agent, escalation=ladder)
    seed, origin = tmp_path / "seed", tmp_path / "origin.git"
    seed.mkdir()
    git(seed, "init", "--quiet", "--initial-branch=main")
    git(seed, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(seed), str(origin))
    station = Station(
        desk=operator, folder=tmp_path, origin=origin, extra={"RINGMASTER_NAMESPACE": namespace}
    )
    station.token_file.write_text(token)
    plan = said(
        {"name": "one", "title": "One", "description": wrote("one")},
        {"name": "two", "title": "Two", "description": wrote("two"), "dependsOn": ["one"]},
    )
    check = "test -f one.txt && test -f two.txt"
    # Quotes make these words differ from their own place in the scenario, which is part of the prompt.
    text = scenario(
        steps({"done": plan}, match='"name": "short-name"'),
        steps({"write": {"path": "both.txt", "text": "yes\n"}}, match='"result of whole-two"'),
        steps({"large": "two files are too much"}),
    )
    where = {"url": str(origin)}
    made = bead("whole", description=text, acceptance={"verify": [check]}, repository=where)
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([made]))
    with station.start("worker", "run") as process:
        try:
            done = "--for=condition=Succeeded"
            cluster.kubectl("wait", "-n", namespace, "bead/whole", done, "--timeout=90s")
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            print(process.communicate()[0])
    beads = {item["metadata"]["name"]: item for item in cluster.get("beads", "-n", namespace)["items"]}
    assert sorted(beads) == ["whole", "whole-one", "whole-two"]
    assert beads["whole-two"]["spec"]["dependsOn"] == ["whole-one"]
    status = beads["whole"]["status"]
    assert (status["escalationLevel"], status["escalation"]["plan"]) == (1, "Done")
    assert git(origin, "show", "ringmaster/whole:two.txt") == "yes\n"


@pytest.fixture
def plan(cluster: Any, namespace: str, tmp_path: Path) -> Plan:
    """`ringmaster plan` with an agent that says what a test puts into its file."""

    def run(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "answer").write_text(answer)
        env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
        agent = ["--profile", "generic", "--command", f"cat {tmp_path}/answer"] if answer else []
        command = [*PROGRAM, "plan", *arguments, *agent, "--namespace", namespace]
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, input=""
        )

    return run


def test_a_plan_is_shown_then_created_and_creates_nothing_twice(
    cluster: Any, namespace: str, plan: Plan, tmp_path: Path
) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("login", desired="Hold")]))
    answer = said(
        {"name": "shop", "title": "The shop", "type": "epic"},
        {"name": "page", "title": "The page", "parent": "shop", "dependsOn": ["login"]},
    )
    shown = plan("Build a shop", "--save", f"{tmp_path}/plan.json", answer=answer)
    assert shown.returncode == 0, shown.stderr
    assert "+ page  The page  [after login (there); in shop; nothing checks it]" in shown.stderr
    assert "nothing was created" in shown.stderr
    assert len(cluster.get("beads", "-n", namespace)["items"]) == 1
    made = plan("--from", f"{tmp_path}/plan.json", "--yes", "--json")
    assert json.loads(made.stdout) == {"created": ["shop", "page"], "existing": []}
    again = plan("--from", f"{tmp_path}/plan.json", "--yes", "--json")
    assert json.loads(again.stdout) == {"created": [], "existing": ["shop", "page"]}
    page = cluster.get("bead", "page", "-n", namespace)
    assert (page["spec"]["parent"], page["spec"]["dependsOn"]) == ("shop", ["login"])


def test_a_plan_that_cannot_be_created_says_why(plan: Plan, tmp_path: Path) -> None:
    unknown = plan("Build", "--yes", answer=said({"name": "a", "title": "A", "dependsOn": ["gone"]}))
    assert (unknown.returncode, "gone is named" in unknown.stderr) == (9, True)
    ring = plan("Build", "--yes", answer=said({"name": "a", "title": "A", "dependsOn": ["a"]}))
    assert (ring.returncode, "wait for each other: a -> a" in ring.stderr) == (8, True)
    nothing = plan("")
    assert (nothing.returncode, "say what is to be planned" in nothing.stderr) == (2, True)
