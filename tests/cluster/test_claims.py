"""Claims race on a real API server: each bead to exactly one session, whatever the sessions do."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ringmaster_operator.resources.protocol import Claimed
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, fresh_id, make_worker, token_of

pytestmark = pytest.mark.cluster

CLAIMERS = 16
BEADS = 200
ROUNDS = 5 if os.environ.get("RINGMASTER_LONG") else 2


async def work_until_dry(session: Session, left: set[str]) -> list[Claimed]:
    """Until all are done and there is nothing more to be had."""
    won: list[Claimed] = []
    while (claimed := await session.pull(wait=0.5)) is not None or left:
        if claimed is None:
            continue
        won.append(claimed)
        left.discard(claimed.bead.name)
        status, body = await session.report(claimed)
        assert status == 200, body
    return won


@pytest.mark.long
@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_sixteen_racing_claimers_claim_each_of_200_beads_exactly_once(
    cluster: Any, namespace: str, sessions: Callable[..., Session], round_: int
) -> None:
    names = [f"b{number:03d}" for number in range(BEADS)]
    before = cluster.audit_size()
    cluster.kubectl(
        "create", "--namespace", namespace, "--filename=-", stdin=listed(bead(name) for name in names)
    )
    racers = [sessions(f"fleet-{number}") for number in range(CLAIMERS)]
    left = set(names)
    parts = await asyncio.gather(*(work_until_dry(racer, left) for racer in racers))
    won = [claimed for part in parts for claimed in part]

    assert Counter(claimed.bead.name for claimed in won) == Counter(names)
    assert {claimed.fence for claimed in won} == {1}
    beads = cluster.get("beads", "--namespace", namespace)["items"]
    assert {item["status"]["phase"] for item in beads} == {"Succeeded"}
    assert_audit_agrees(cluster.audit(since=before), namespace, names)


def assert_audit_agrees(audit: list[dict[str, Any]], namespace: str, names: list[str]) -> None:
    """The API server's own record: one accepted patch a bead that sets a claim, at most 3 writes a bead."""
    claims: Counter[str] = Counter()
    writes: Counter[str] = Counter()
    for entry in audit:
        target = entry.get("objectRef", {})
        accepted = entry.get("responseStatus", {}).get("code") == 200
        if target.get("namespace") != namespace or target.get("resource") != "beads" or not accepted:
            continue
        if entry["verb"] != "patch" or target.get("subresource") != "status":
            continue
        writes[target["name"]] += 1
        if entry["requestObject"]["status"].get("claim"):
            claims[target["name"]] += 1
    assert claims == Counter(names)
    assert max(writes.values()) <= 3


async def test_repeating_a_claim_repeats_its_answer(cluster: Any, namespace: str, session: Session) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("one"), bead("two")]))
    claim_id = fresh_id()
    first = await session.pull(claim_id=claim_id, wait=30)
    second = await session.pull(claim_id=claim_id)
    assert first is not None
    assert second is not None
    assert (first.bead.name, first.fence) == (second.bead.name, second.fence)

    together = fresh_id()
    answers = await asyncio.gather(*(session.pull(claim_id=together, wait=20) for _ in range(8)))
    assert {answer.bead.name for answer in answers if answer} == {"one", "two"} - {first.bead.name}


async def test_two_sessions_of_the_same_name_never_both_win(
    cluster: Any, namespace: str, sessions: Callable[..., Session]
) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("only")]))
    cluster.kubectl("wait", "-n", namespace, "bead/only", "--for=condition=Ready", "--timeout=60s")
    twins = [sessions("fleet-0") for _ in range(8)]
    answers = await asyncio.gather(*(twin.pull(wait=4) for twin in twins))
    assert len([answer for answer in answers if answer]) == 1


async def test_a_waiting_session_gets_the_bead_when_it_appears(
    cluster: Any, namespace: str, session: Session
) -> None:
    waiting = asyncio.create_task(session.pull(wait=30))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await asyncio.to_thread(cluster.kubectl, "create", "-n", namespace, "-f-", stdin=listed([bead("late")]))
    claimed = await waiting
    assert claimed is not None
    assert claimed.bead.name == "late"


async def test_the_most_urgent_is_given_first_and_a_blocker_inherits(
    cluster: Any, namespace: str, session: Session
) -> None:
    backlog = [
        bead("p1", priority="P1"),
        bead("blocker", priority="P3"),
        bead("urgent", priority="P0", dependsOn=["blocker"]),
        bead("p2"),
    ]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(backlog))
    cluster.kubectl(
        "wait", "-n", namespace, "beads", "--all", "--for=jsonpath={.status.phase}", "--timeout=90s"
    )
    order: list[tuple[str, str | None]] = []
    for _ in backlog:
        claimed = await session.pull(wait=30)
        assert claimed is not None, order
        order.append((claimed.bead.name, claimed.bead.inherited_from))
        await session.report(claimed)
    assert order == [("blocker", "urgent"), ("urgent", None), ("p1", None), ("p2", None)]


async def test_tokens_that_are_not_the_workers_own_are_refused(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session, rng: random.Random
) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("a")]))
    other = Session(operator.url, make_worker(cluster, namespace, "other"), worker="other", name="other-0")
    wrong = Session(operator.url, token_of(cluster, namespace, "fleet", audience="else"))
    made_up = Session(operator.url, "".join(rng.choices("abcdef", k=300)))
    empty = Session(operator.url, "x")
    forger = Session(operator.url, other.token)
    plain = cluster.kubectl("create", "token", "default", "-n", namespace, "--audience=ringmaster").strip()
    try:
        for token in (wrong.token, made_up.token, empty.token, plain):
            empty.token = token
            status, body = await empty.ask()
            assert (status, body["code"]) == (401, "unauthenticated")
        status, body = await forger.ask()
        assert (status, body["code"]) == (403, "forbidden")
        claimed = await session.pull(wait=30)
        assert claimed is not None
        status, body = await other.report(claimed)
        assert (status, body["code"]) == (403, "forbidden")
        status, body = await other.heartbeat(claimed)
        assert status == 403
    finally:
        for caller in (other, wrong, made_up, empty, forger):
            await caller.close()


async def test_bodies_that_make_no_sense_get_a_problem_with_the_fault(session: Session) -> None:
    status, body = await session.ask(claim_id="short")
    assert (status, body["code"]) == (422, "invalid")
    assert "claimId" in body["detail"]
    status, body = await session.ask(unknown=1)
    assert status == 422
    status, body = await session.call("POST", "/claims", {"claimId": "x" * (1 << 20)})
    assert (status, body["code"]) == (413, "too_large")
    status, body = await session.call("POST", f"/claims/{fresh_id()}/heartbeat", {"fence": 1})
    assert (status, body["code"]) == (404, "not_found")
    status, body = await session.call("GET", "/nowhere")
    assert (status, body["code"]) == (404, "not_found")
