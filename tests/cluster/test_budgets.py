"""Budgets on the real API server: set aside at the claim, settled at the report, told where people look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.projects import settings
from support.sessions import Session, make_worker, usage
from support.station import AGENT, Station

pytestmark = pytest.mark.cluster


def create(cluster: Any, namespace: str, *objects: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(objects))


async def eventually(check: Callable[[], bool], what: str) -> None:
    for _ in range(300):
        if await asyncio.to_thread(check):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(what)


async def refused(session: Session, **more: Any) -> str:
    status, body = await session.ask(**more)
    assert (status, list(body)) == (200, ["none"]), body
    return str(body["none"]["reason"])


async def test_what_runs_holds_its_part_of_the_projects_budget(
    cluster: Any, namespace: str, operator: OperatorProcess, sessions: Callable[..., Session]
) -> None:
    """One dollar is set aside for an iteration until some are known, so that two fit into 2.50."""
    settings(cluster, namespace, operator, "[budget]\nusdPerDay = 2.5\n")
    create(cluster, namespace, *(bead(f"b{number}") for number in range(4)))
    one, two, three = (sessions(f"fleet-{number}") for number in range(3))
    first, second = await one.pull(wait=30), await two.pull(wait=30)
    assert first is not None
    assert second is not None
    assert "$2.00 is set aside for what runs" in await refused(three)
    await one.report(first, usage=usage(usd=0.2))
    third = await three.pull(wait=30)
    assert third is not None
    await three.report(third, usage=usage(usd=2.4))
    assert "the project has spent $2.60 of $2.50 today" in await refused(three)
    status, body = await two.report(second, "incomplete", usage=usage(usd=0.1))
    assert (status, body["next"]) == (200, "stop"), body
    assert "the project has spent $2.70 of $2.50 today" in body["reason"]
    left = cluster.get("bead", second.bead.name, "-n", namespace)["status"]
    assert (left["phase"], left["iteration"], left["cost"]["usd"]) == ("Ready", 2, 0.1)
    assert left.get("attempts", 0) == 0
    await eventually(
        lambda: "BudgetSpent" in cluster.kubectl("get", "events", "-n", namespace), "no event tells of it"
    )


async def test_labels_and_users_have_budgets_of_their_own(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    text = """
        [[budgets]]
        name = "team-a"
        usd = 1.0
        labels = {team = "a"}
        [[budgets]]
        name = "people"
        per = "Month"
        tokens = 1000
        each = "User"
        """
    settings(cluster, namespace, operator, text)
    by = {"ringmaster.dev/requested-by": "alice"}
    create(
        cluster,
        namespace,
        bead("a1", labels={"team": "a"}, priority="P0"),
        bead("a2", labels={"team": "a"}, priority="P0"),
        bead("p1", labels=by, priority="P1"),
        bead("p2", labels=by, priority="P1"),
        bead("rest"),
    )
    done = []
    for _ in range(3):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        done.append(claimed.bead.name)
        await session.report(claimed, usage=usage(usd=1.0, tokens=1000))
    assert done == ["a1", "p1", "rest"]
    assert "budget team-a has spent $1.00 of $1.00 today" in await refused(session)
    assert "budget people of user alice has spent 1100 of 1000 tokens this month" in await refused(
        session, bead="p2"
    )


async def test_a_session_is_stopped_where_the_budget_says_so_and_its_bead_goes_on_later(
    cluster: Any, namespace: str, operator: OperatorProcess, sessions: Callable[..., Session]
) -> None:
    token = make_worker(cluster, namespace, "strict", budget={"usdPerDay": 1.5, "onExceeded": "StopSessions"})
    strict = Session(operator.url, token, worker="strict", name="strict-0")
    create(cluster, namespace, bead("long"))
    claimed = await strict.pull(wait=30)
    assert claimed is not None
    assert claimed.allowance is not None
    assert (claimed.allowance.usd, claimed.allowance.tokens) == (1.0, None)
    status, body = await strict.heartbeat(claimed, progress={"usd": 1.2, "tokens": 5000})
    assert (status, body["order"], body["allowance"]["usd"]) == (200, "continue", 1.45)
    status, body = await strict.heartbeat(claimed, progress={"usd": 1.6, "tokens": 9000})
    assert (status, body["order"]) == (200, "release")
    assert "Worker strict has spent $1.60 of $1.50 today" in body["reason"]
    status, _ = await strict.report(
        claimed, "incomplete", reason="Infrastructure", usage=usage(usd=1.6, tokens=9000)
    )
    assert status == 200
    assert "has spent $1.60 of $1.50 today" in await refused(strict)
    other = await sessions().pull(wait=30)
    assert other is not None
    assert other.allowance is None
    await strict.close()


def test_a_session_is_stopped_by_dollars_of_a_model_that_only_the_project_prices(
    cluster: Any, namespace: str, operator: OperatorProcess, tmp_path: Path
) -> None:
    """The agent works on for 20 seconds, unless its second request (0.80 dollars) is too much."""
    settings(cluster, namespace, operator, '[[prices]]\nmodel = "of-ours*"\ninput = 2.0\noutput = 0.0\n')
    agent = {"profile": "claude-code", "command": [str(AGENT)]}
    budget = {"usdPerDay": 1.5, "onExceeded": "StopSessions"}
    token = make_worker(cluster, namespace, "strict", agent=agent, budget=budget)
    spend = {"tokens": {"input": 400_000, "cached": 0, "output": 500}}
    play = {"model": "of-ours-7b", "steps": [spend, {"say": "one"}, {"say": "two"}, {"hang": 20}]}
    create(cluster, namespace, bead("dear", description=f"```scenario\n{json.dumps(play)}\n```\n"))
    names = {"NAMESPACE": namespace, "WORKER": "strict", "SESSION": "strict-0"}
    extra = {f"RINGMASTER_{name}": value for name, value in names.items()}
    station = Station(desk=operator, folder=tmp_path, origin=tmp_path, extra=extra)
    station.token_file.write_text(token)
    done = station.run("worker", "run", "--once")
    assert "Worker strict has spent $1.60 of $1.50 today" in done.stdout, done.stdout + done.stderr
    given_back = (
        "wait",
        "-n",
        namespace,
        "bead/dear",
        "--for=jsonpath={.status.cost.usd}=1.6",
        "--timeout=60s",
    )
    cluster.kubectl(*given_back)
    left = cluster.get("bead", "dear", "-n", namespace)["status"]
    assert (left["cost"]["usd"], left.get("attempts", 0), left.get("claim")) == (1.6, 0, None)


async def test_a_lost_session_and_its_late_report_are_paid_once(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    settings(cluster, namespace, operator, "[budget]\ntokensPerDay = 1000\n")
    create(cluster, namespace, bead("a"), bead("b", dependsOn=["a"]))
    claimed = await session.pull(wait=30)
    assert claimed is not None
    await session.heartbeat(claimed, progress={"tokens": 400})
    status, _ = await session.call("POST", f"/claims/{claimed.claim_id}/release", {"fence": claimed.fence})
    assert status == 200
    again = await session.pull(wait=30)
    assert again is not None
    status, _ = await session.report(claimed, usage=usage(tokens=500))
    assert status == 409
    await session.report(again, usage=usage(tokens=500))
    assert "the project has spent 1100 of 1000 tokens today" in await refused(session)


async def test_a_flat_rate_counts_tokens_and_no_dollars(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    budget = {"usdPerDay": 0.5, "tokensPerDay": 2000, "flatRate": True}
    token = make_worker(cluster, namespace, "flat", budget=budget)
    flat = Session(operator.url, token, worker="flat", name="flat-0")
    create(cluster, namespace, bead("a"), bead("b"), bead("c"))
    for _ in range(2):
        claimed = await flat.pull(wait=30)
        assert claimed is not None
        await flat.report(claimed, usage=usage(usd=9.0, tokens=1000))
    cost = cluster.get("bead", "a", "-n", namespace)["status"]["cost"]
    assert (cost["usd"], cost["inputTokens"], cost["outputTokens"]) == (0, 1000, 100)
    assert "Worker flat has spent 2200 of 2000 tokens today" in await refused(flat)
    await flat.close()
