"""Beads that get stuck, on the real API server: stronger model, other profile, smaller beads, a person."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from ringmaster_operator.resources.protocol import Claimed
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker

pytestmark = pytest.mark.cluster

PLAN = {
    "beads": [
        {"name": "api", "title": "The API"},
        {"name": "page", "title": "The page", "dependsOn": ["api"]},
    ]
}


class Place:
    """One namespace, seen through kubectl."""

    def __init__(self, cluster: Any, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def create(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl("create", "--namespace", self.namespace, "--filename=-", stdin=listed(items))

    def ladder(self, *steps: dict[str, Any], worker: str = "fleet") -> None:
        patch = json.dumps({"spec": {"escalation": list(steps)}})
        self.cluster.kubectl("patch", "worker", worker, "-n", self.namespace, "--type=merge", "-p", patch)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("bead", name, "--namespace", self.namespace)["status"]
        return found

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        return next(item for item in self.status(name)["conditions"] if item["type"] == kind)

    def answer(self, name: str, answer: str) -> None:
        patch = json.dumps({"spec": {"decision": {"answer": answer}}})
        self.cluster.kubectl("patch", "bead", name, "-n", self.namespace, "--type=merge", "-p", patch)

    async def phase(self, name: str, phase: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (status := self.status(name)).get("phase") != phase:
                await asyncio.sleep(0.1)
        return status


@pytest.fixture
def place(cluster: Any, namespace: str) -> Place:
    return Place(cluster, namespace)


async def pulled(session: Session) -> Claimed:
    claimed = await session.pull(wait=30)
    assert claimed is not None
    return claimed


async def test_a_bead_out_of_iterations_gets_more_and_then_a_stronger_model(
    place: Place, session: Session
) -> None:
    place.ladder({"action": "Iterations", "iterations": 1}, {"action": "Model", "model": "strong"})
    place.create(bead("hard", limits={"maxIterations": 1}))
    claimed = await pulled(session)
    assert claimed.agent.model is None
    _, more = await session.report(claimed, "incomplete")
    assert (more["next"], more["iteration"]) == ("iterate", 2)
    assert "1 more iterations" in more["reason"]
    _, end = await session.report(claimed, "incomplete", iteration=2)
    assert (end["next"], "model strong" in end["reason"]) == ("stop", True)
    again = await pulled(session)
    assert (again.agent.model, again.attempt, again.iteration) == ("strong", 1, 1)
    status = place.status("hard")
    assert (status["escalationLevel"], status["escalation"]["step"]) == (2, 2)
    assert place.condition("hard", "Escalated")["reason"] == "Model"
    await session.report(again)
    assert (await place.phase("hard", "Succeeded"))["escalation"]["model"] == "strong"


async def test_a_refused_bead_goes_to_a_worker_of_another_profile(
    place: Place, session: Session, cluster: Any, operator: OperatorProcess
) -> None:
    place.ladder({"action": "Profile", "profile": "codex", "model": "big"})
    place.create(bead("refused"))
    await session.report(await pulled(session), "failed", reason="Refused")
    assert await session.pull(wait=0.5) is None, "this Worker has another profile"
    async with asyncio.timeout(60):
        while not any(item["type"] == "Assignable" for item in place.status("refused")["conditions"]):
            await asyncio.sleep(0.1)
    assert "escalated to profile codex" in place.condition("refused", "Assignable")["message"]
    token = make_worker(cluster, place.namespace, "others", agent={"profile": "codex"})
    other = Session(operator.url, token, worker="others", name="others-0")
    try:
        claimed = await pulled(other)
        assert (claimed.bead.name, claimed.agent.model) == ("refused", "big")
        await other.report(claimed)
    finally:
        await other.close()
    await place.phase("refused", "Succeeded")


def events(operator: OperatorProcess, namespace: str, reason: str) -> dict[str, str]:
    """What the history says of beads, by name."""
    with closing(sqlite3.connect(f"file:{operator.folder}/ringmaster.db?mode=ro", uri=True)) as database:
        query = "select name, message from event where namespace = ? and reason = ?"
        return dict(database.execute(query, (namespace, reason)).fetchall())


async def test_a_stalled_bead_is_split_into_smaller_ones(
    place: Place, session: Session, operator: OperatorProcess
) -> None:
    place.ladder({"action": "Decompose"})
    place.create(bead("big", priority="P1"))
    await session.report(await pulled(session), "failed", reason="Stalled")
    planning = await pulled(session)
    assert (planning.bead.name, planning.bead.plan) == ("big", True)
    await session.report(planning, proposal=PLAN)
    done = []
    for _ in range(3):
        claimed = await pulled(session)
        done.append((claimed.bead.name, claimed.bead.plan, str(claimed.bead.priority)))
        await session.report(claimed)
    assert done == [("big-api", False, "P1"), ("big-page", False, "P1"), ("big", False, "P1")]
    await place.phase("big", "Succeeded")
    wanted = {"big-api": "released: big-page", "big-page": "released: big"}
    async with asyncio.timeout(60):  # what is told is kept behind the work
        while await asyncio.to_thread(events, operator, place.namespace, "Released") != wanted:
            await asyncio.sleep(0.1)


async def test_a_bead_that_is_too_large_is_split_when_a_person_says_so(
    place: Place, session: Session
) -> None:
    place.create(bead("huge"))
    await session.report(await pulled(session), "failed", reason="TooLarge")
    planning = await pulled(session)
    await session.report(planning, proposal=PLAN)
    status = await place.phase("huge", "NeedsDecision")
    decision = status["escalation"]["decision"]
    shown = place.cluster.get("bead", decision, "--namespace", place.namespace)["spec"]
    assert '"dependsOn"' in shown["description"]
    assert await session.pull(wait=0.5) is None
    place.answer(decision, "create")
    assert (await pulled(session)).bead.name == "huge-api"


@pytest.mark.parametrize(
    ("answer", "phase"), [("retry", "Running"), ("done", "Succeeded"), ("cancel", "Cancelled")]
)
async def test_a_person_decides_how_a_bead_goes_on(
    place: Place, sessions: Callable[..., Session], answer: str, phase: str
) -> None:
    session = sessions()
    place.ladder({"action": "Person"})
    place.create(bead("stuck", limits={"maxAttempts": 1}))
    await session.report(await pulled(session), "failed", reason="AgentError")
    status = await place.phase("stuck", "NeedsDecision")
    place.answer(status["escalation"]["decision"], answer)
    if answer == "retry":
        assert (await pulled(session)).attempt == 1
    await place.phase("stuck", phase)


async def test_more_budget_is_a_persons_to_give(place: Place, session: Session) -> None:
    place.ladder({"action": "Model", "model": "never"}, {"action": "Person"})
    place.create(bead("dear", limits={"costUSD": 1}))
    spent = {"requests": [{"position": "m1", "model": "m", "computedUsd": 1.5}]}
    _, said = await session.report(await pulled(session), "incomplete", usage=spent)
    assert said["next"] == "stop"
    status = await place.phase("dear", "NeedsDecision")
    assert status["escalation"]["action"] == "Person"
    place.answer(status["escalation"]["decision"], "more budget")
    claimed = await pulled(session)
    assert (claimed.bead.cost_usd, claimed.agent.model) == (2.0, None)
