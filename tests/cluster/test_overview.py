"""The overview over real HTTP, while a bead is worked on and a question waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.overview_api import Overview
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import Person, accounts
from support.sessions import Session, usage

pytestmark = pytest.mark.cluster
OPTIONS = [{"name": "red"}, {"name": "blue"}]


async def test_it_shows_what_needs_a_person_runs_and_is_done(
    cluster: Any, namespace: str, operator: OperatorProcess, session: Session
) -> None:
    tokens = accounts(cluster, namespace)
    with httpx2.Client(timeout=60) as client:
        reader, nobody = (
            Person(operator.url, tokens[name], namespace, client) for name in ("reader", "nobody")
        )
        refused = nobody("GET", "/overview")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        asked = {"question": "Which colour?", "options": OPTIONS}
        beads = [
            bead("first", priority="P0"),
            bead("second", priority="P1", limits={"maxIterations": 7}),
            bead("colour", type="decision", decision=asked),
            bead("paint", dependsOn=["colour"]),
            bead("lost", dependsOn=["nowhere"]),
        ]
        cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(beads))
        done = await session.pull(wait=30, bead="first")
        assert done is not None
        await session.report(done, usage=usage(usd=1.5, tokens=1000))
        runs = await session.pull(wait=30, bead="second")
        assert runs is not None
        seen = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
        progress = {"turns": 3, "tokens": 500, "usd": 0.25, "note": "reads", "openToolCalls": 1}
        beat = {**progress, "lastProgressAt": seen.isoformat()}
        async with asyncio.timeout(120):
            await session.heartbeat(runs, progress=beat)
            while not (found := look(reader)).done[-1].succeeded:  # it is counted every 15 seconds
                await asyncio.sleep(0.5)
                await session.heartbeat(runs, progress=beat)

    assert [(str(need.kind), need.name) for need in found.needs] == [
        ("decision", "colour"),
        ("stuck", "lost"),
    ]
    colour, lost = found.needs
    assert (colour.why, colour.options, colour.blocks) == ("Which colour?", ["red", "blue"], 1)
    assert "nowhere" in lost.why
    assert found.needed == {"decision": 1, "stuck": 1}
    assert found.phases == {"Succeeded": 1, "Running": 1, "NeedsDecision": 1, "Blocked": 2}
    [run] = found.running
    assert (run.name, run.worker, run.session, run.iteration, run.max_iterations) == (
        "second",
        "fleet",
        "fleet-0",
        1,
        7,
    )
    assert (run.note, run.turns, run.tokens, run.usd, run.progress_at) == ("reads", 3, 500, 0.25, seen)
    assert (len(found.done), found.done[-1].succeeded, found.done[-1].failed) == (14, 1, 0)
    assert (found.spend.today.usd, found.spend.today.tokens) == (1.5, 1100)
    assert (found.spend.running.usd, found.spend.month.spent) == (0.25, 1.5)
    assert (found.backup.schedules, found.backup.last) == (0, None)


async def test_it_is_never_older_than_a_change_that_was_seen(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    names = [f"held-{number}" for number in range(5)]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead(name) for name in names]))
    with httpx2.Client(timeout=60) as client:
        editor = Person(operator.url, accounts(cluster, namespace)["editor"], namespace, client)
        until(lambda: look(editor).phases == {"Ready": 5})
        for number, name in enumerate(names, start=1):
            look(editor)
            editor.ok("POST", f"/beads/{name}/hold")
            while editor.ok("GET", f"/beads/{name}")["status"]["phase"] != "Held":
                pass
            assert look(editor).phases.get(Phase.HELD) == number


def look(person: Person) -> Overview:
    return Overview.read(person.ok("GET", "/overview"))


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.5)
