"""Reports: committed before acknowledged, applied once, refused when they come too late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ringmaster_operator.resources.protocol import Claimed
from support.manifests import bead
from support.operators import OperatorProcess
from support.reading import create, rows, status_of
from support.sessions import Session, make_worker, report, usage

pytestmark = pytest.mark.cluster


@pytest.fixture
def own_operator(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    process.start()
    yield process
    process.stop()
    print(process.tail(100))


async def test_a_repeated_report_changes_nothing(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    create(cluster, namespace, bead("a"))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    body = report(claimed, usage=usage(usd=0.25))
    answers = [await session.call("POST", f"/claims/{claimed.claim_id}/reports", body) for _ in range(5)]
    assert {json.dumps(answer) for answer in answers} == {json.dumps(answers[0])}
    assert answers[0] == (200, {"next": "done", "reason": answers[0][1]["reason"], "iteration": 1})
    status = status_of(cluster, namespace, "a")
    assert (status["phase"], status["attempts"], status["cost"]["usd"]) == ("Succeeded", 1, 0.25)
    assert rows(operator, "select count(*) from usage where namespace = ?", namespace) == [(1,)]


async def test_the_id_of_another_claims_report_is_no_repetition(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    create(cluster, namespace, bead("a"), bead("b"))
    claims = [await session.pull(wait=30), await session.pull(wait=30)]
    first, second = (claimed for claimed in claims if claimed is not None)
    one, other = str(uuid4()), str(uuid4())
    assert (await session.report(first, report_id=one))[0] == 200
    status, body = await session.report(second, report_id=one)
    assert (status, body["code"]) == (422, "invalid")
    assert "belongs to another claim" in body["detail"]
    assert (await session.report(second, report_id=other))[0] == 200
    status, body = await session.report(first, report_id=other)  # of a claim that has ended by now
    assert (status, body["code"]) == (409, "claim_ended")
    assert status_of(cluster, namespace, second.bead.name)["phase"] == "Succeeded"


async def test_a_late_report_with_an_old_fence_is_refused_and_recorded(
    cluster: Any, namespace: str, operator: OperatorProcess, sessions: Callable[..., Session]
) -> None:
    create(cluster, namespace, bead("a"))
    slow, quick = sessions("fleet-0"), sessions("fleet-1")
    first = await slow.pull(wait=30)
    assert first is not None
    second = await quick.pull(wait=50)  # the lease runs out meanwhile
    assert second is not None
    assert (second.bead.name, second.fence, second.attempt) == ("a", 2, 1)

    assert (await slow.heartbeat(first))[0] == 409
    assert (await slow.release(first))[0] == 200, "it has been given back, which is all that was asked"
    assert (await slow.report(first))[0] == 409
    status, body = await slow.report(first)
    assert (status, body["code"]) == (409, "claim_ended")
    forged = report(second, fence=first.fence)
    status, body = await quick.call("POST", f"/claims/{second.claim_id}/reports", forged)
    assert (status, body["code"]) == (409, "fenced")
    refused = rows(operator, "select count(*) from report where refused and namespace = ?", namespace)
    assert refused == [(3,)]

    assert (await quick.report(second))[0] == 200
    status_ = status_of(cluster, namespace, "a")
    assert (status_["phase"], status_["attempts"], status_["outcome"]["summary"]) == (
        "Succeeded",
        1,
        "a: success",
    )


SAID = ("phase", "attempts", "fence", "outcome", "cost")


async def test_a_bead_that_is_held_under_the_claim_of_another_one_goes_back(
    cluster: Any, namespace: str, own_operator: OperatorProcess
) -> None:
    """As somebody may write it into a status while the operator is away."""
    session = Session(own_operator.url, make_worker(cluster, namespace))
    create(cluster, namespace, bead("a"))
    first = await session.pull(wait=30)
    assert first is not None
    assert (await session.report(first, usage=usage(usd=0.25)))[0] == 200
    while rows(own_operator, "select count(*) from report where applied") != [(1,)]:
        await asyncio.sleep(0.05)
    done = status_of(cluster, namespace, "a")
    own_operator.kill()
    create(cluster, namespace, bead("b"))
    held = {"phase": "Running", "fence": 1, "attempts": 1, "iteration": 1, "claim": claim_of(first)}
    patch = ("--subresource=status", "--type=merge", f"-p={json.dumps({'status': held})}")
    cluster.kubectl("patch", "-n", namespace, "bead/b", *patch)
    own_operator.start()

    body = report(first, usage=usage(usd=0.5))
    for _ in range(2):
        status, said = await session.call("POST", f"/claims/{first.claim_id}/reports", body)
        assert (status, said["code"]) == (409, "claim_ended"), said
    kept = rows(own_operator, "select bead, refusal from report where refused")
    assert [(name, "fresh id" in why) for name, why in kept] == [("b", True)]
    assert rows(own_operator, "select bead, usd from spending order by id") == [("a", 0.25), ("b", 0.5)]
    second = await session.pull(wait=30)
    assert second is not None
    assert (second.bead.name, second.fence, second.attempt) == ("b", 2, 1)
    assert (await session.report(second))[0] == 200
    assert status_of(cluster, namespace, "b")["phase"] == "Succeeded"
    left = status_of(cluster, namespace, "a")
    assert [left[name] for name in SAID] == [done[name] for name in SAID]
    await session.close()


def claim_of(claimed: Claimed) -> dict[str, Any]:
    """As a bead's status has it."""
    names = {"worker": "fleet", "session": "fleet-0", "since": "2026-11-24T12:00:00Z"}
    return {"id": claimed.claim_id, "fence": claimed.fence, **names}


async def test_failed_attempts_back_off_and_end_at_the_limit(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a", limits={"maxAttempts": 3}))
    seen = []
    for _ in range(3):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        seen.append((claimed.attempt, claimed.fence, len(claimed.bead.history)))
        await session.report(claimed, "failed", reason="AgentError")
    assert await session.pull(wait=2) is None
    assert seen == [(1, 1, 0), (2, 2, 1), (3, 3, 2)]
    status = status_of(cluster, namespace, "a")
    assert (status["phase"], status["attempts"], status["outcome"]["reason"]) == ("Failed", 3, "AgentError")
    cluster.kubectl("wait", "-n", namespace, "bead/a", "--for=condition=Failed", "--timeout=60s")

    cluster.kubectl("patch", "-n", namespace, "bead/a", "--type=merge", '-p={"spec":{"retry":"again"}}')
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert (claimed.attempt, claimed.fence) == (1, 4)
    await session.report(claimed)
    status = status_of(cluster, namespace, "a")
    assert (status["phase"], status["lastRetry"]) == ("Succeeded", "again")


async def test_unfinished_work_goes_round_with_the_same_claim(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a", limits={"maxIterations": 3}))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    for iteration in (1, 2):
        status, body = await session.report(
            claimed, "incomplete", iteration=iteration, reason="VerificationFailed", usage=usage(position="m")
        )
        assert (status, body["next"], body["iteration"]) == (200, "iterate", iteration + 1)
    now = status_of(cluster, namespace, "a")
    assert (now["phase"], now["iteration"], now["attempts"]) == ("Running", 3, 1)
    status, work = await session.call("GET", f"/claims/{claimed.claim_id}/work", fence=claimed.fence)
    assert (status, work["claimed"]["iteration"], len(work["claimed"]["bead"]["history"])) == (200, 3, 2)
    status, body = await session.report(claimed, "incomplete", iteration=3, reason="VerificationFailed")
    assert (status, body["next"]) == (200, "done")
    ended = status_of(cluster, namespace, "a")
    assert (ended["phase"], ended["outcome"]["reason"], ended["escalationLevel"]) == (
        "Failed",
        "Iterations",
        0,
    )


async def test_infrastructure_never_counts_against_the_agent(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a", limits={"maxAttempts": 1}))
    for _ in range(3):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        assert claimed.attempt == 1
        await session.report(claimed, "failed", reason="Provider")
    claimed = await session.pull(wait=30)
    assert claimed is not None
    status, _ = await session.release(claimed, "the host is going down")
    assert status == 200
    assert (await session.release(claimed, "again"))[0] == 200
    claimed = await session.pull(wait=30)
    assert claimed is not None
    assert claimed.attempt == 1
    await session.report(claimed)
    assert status_of(cluster, namespace, "a")["phase"] == "Succeeded"


async def test_a_budget_stops_a_bead(cluster: Any, namespace: str, session: Session) -> None:
    create(cluster, namespace, bead("a", limits={"costUSD": 0.5, "maxIterations": 10}))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    _, body = await session.report(claimed, "incomplete", usage=usage(usd=0.3))
    assert body["next"] == "iterate"
    _, body = await session.report(claimed, "incomplete", iteration=2, usage=usage(usd=0.3, position="m2"))
    assert body["next"] == "done"
    status = status_of(cluster, namespace, "a")
    assert (status["phase"], status["outcome"]["reason"]) == ("Failed", "Budget")
    assert status["cost"]["usd"] == pytest.approx(0.6)


async def test_an_agents_question_becomes_a_decision_and_its_answer_resumes_the_bead(
    cluster: Any, namespace: str, session: Session
) -> None:
    create(cluster, namespace, bead("a"), bead("after", dependsOn=["a"]))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    question = {
        "question": "Which format?",
        "options": [{"name": "json"}, {"name": "toml", "consequence": "people can read it"}],
        "recommendation": "toml",
    }
    _, body = await session.report(claimed, "needs_decision", question=question)
    assert body["next"] == "stop"
    assert status_of(cluster, namespace, "a")["phase"] == "NeedsDecision"
    blocked = (
        "wait",
        "-n",
        namespace,
        "bead/after",
        "--for=jsonpath={.status.phase}=Blocked",
        "--timeout=60s",
    )
    cluster.kubectl(*blocked)
    assert await session.pull(wait=1) is None

    decision = f"a-q{claimed.fence}-1"
    found = cluster.get("bead", decision, "-n", namespace)
    assert found["spec"]["decision"]["question"] == "Which format?"
    with pytest.raises(AssertionError, match="must be one of the options"):
        answer(cluster, namespace, decision, "yaml")
    answer(cluster, namespace, decision, "toml")
    again = await session.pull(wait=30)
    assert again is not None
    assert (again.bead.name, again.attempt, again.iteration) == ("a", 1, 1)
    assert [(item.question, item.answer) for item in again.bead.decisions] == [("Which format?", "toml")]
    await session.report(again)
    last = await session.pull(wait=30)
    assert last is not None
    assert last.bead.name == "after"


def answer(cluster: Any, namespace: str, name: str, text: str) -> None:
    patch = json.dumps({"spec": {"decision": {"answer": text}}})
    cluster.kubectl("patch", "-n", namespace, f"bead/{name}", "--type=merge", f"-p={patch}")
