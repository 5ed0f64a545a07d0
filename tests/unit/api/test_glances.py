"""Overviews on the stream, over a real server: who gets them, how often they are made, what ends them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from ringmaster_operator.api import glances as own
from ringmaster_operator.api import problems, watching
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.glances import Glances
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.claims.overview import Made
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kind
from ringmaster_operator.resources.budget_api import Sums
from ringmaster_operator.resources.cost_api import MonthForecast
from ringmaster_operator.resources.overview_api import BackupState, Overview, Spending
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.server import Front
from support.watch import Event, events

QUICK = watching.Bounds(recheck=0.1, grace=0.5, heartbeat=0.2, slow=0.5)
START = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Gate:
    """Who may do what: words as `ada list beads n`, with * for any one."""

    def __init__(self) -> None:
        self.rights = {"ada * * *"}

    async def allowed(self, authorization: str | None, *, verb: str, kind: Kind, namespace: str) -> Person:
        name = str(authorization)
        wanted = (name, verb, kind.plural, namespace)
        for right in self.rights:
            if all(one in ("*", other) for one, other in zip(right.split(), wanted, strict=True)):
                return Person(name, {})
        raise Refused(ProblemCode.FORBIDDEN, "not you")


class Place:
    """A server of how namespaces stand: so many beads are ready."""

    def __init__(self, url: str, changes: Changes, gate: Gate) -> None:
        self.url = url
        self.changes = changes
        self.gate = gate
        self.client = httpx2.AsyncClient(timeout=20)
        self.ready: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.broken = False

    async def of(self, namespace: str) -> Made:
        self.made[namespace] += 1
        if self.broken:
            raise OSError("no database")
        nothing = Sums(usd=0, tokens=0)
        overview = Overview(
            at=START + timedelta(seconds=self.made.total()),
            version="1",
            phases={},
            needs=[],
            needed={},
            running=[],
            ready=self.ready[namespace],
            sessions=[],
            done=[],
            spend=Spending(
                today=nothing, running=nothing, month=MonthForecast(month="2026-11", spent=0, method="")
            ),
            backup=BackupState(),
        )
        return Made(0, overview)

    def turn(self, namespace: str, ready: int) -> None:
        """Something changes there."""
        self.ready[namespace] = ready
        self.changes.take("Bead", (namespace, "a"), None, None)

    def watch(
        self, namespace: str = "n", who: str = "ada", *, kinds: str = "beads overview", last: str = ""
    ) -> AsyncIterator[Event]:
        headers = {"Authorization": who} | ({"Last-Event-ID": last} if last else {})
        where = f"{self.url}/api/v1/namespaces/{namespace}/watch"
        return events(self.client, where, params={"kinds": kinds.split()}, headers=headers)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    changes, gate, app = Changes(Clock()), Gate(), FastAPI()
    problems.install(app)
    front = Front("127.0.0.1", 0, app)
    made = Place(front.url, changes, gate)
    glances = Glances(made.of, Clock(), changes.turns)
    app.include_router(watching.routes(changes, glances, cast(People, gate), Clock(), QUICK))
    front.start()
    try:
        yield made
    finally:
        await made.client.aclose()
        changes.close()
        await front.close()


async def ready(stream: AsyncIterator[Event], name: str = "overview") -> Any:
    """What the next event of that name says, of an overview how many are ready."""
    async with asyncio.timeout(10):
        async for event in stream:
            if event.name == name:
                return event.data["ready"] if name == "overview" else event
    raise AssertionError(f"the stream ended before {name}")


async def test_it_comes_at_first_and_when_it_changed_and_is_made_once_for_all(place: Place) -> None:
    place.ready["n"] = 3
    async with aclosing(cast(Any, place.watch())) as one, aclosing(cast(Any, place.watch())) as other:
        assert (await ready(one), await ready(other)) == (3, 3)
        for number in range(4, 8):
            before = place.made["n"]
            place.turn("n", number)
            assert (await ready(one), await ready(other)) == (number, number)
            assert place.made["n"] - before <= 2  # by the change, and by its own being shown
        place.turn("n", 7)
        place.turn("n", 7)
        place.turn("elsewhere", 9)
        place.turn("n", 8)
        assert (await ready(one), await ready(other)) == (8, 8)
    assert "elsewhere" not in place.made


async def test_what_no_change_tells_of_is_looked_for_as_long_as_somebody_watches(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "EVERY_SECONDS", 0.05)
    async with aclosing(cast(Any, place.watch())) as stream:
        assert await ready(stream) == 0
        place.ready["n"] = 5
        assert await ready(stream) == 5
    async with asyncio.timeout(10):
        while place.changes.watchers:
            await asyncio.sleep(0.01)
    made = place.made["n"]
    await asyncio.sleep(0.3)
    assert place.made["n"] == made


async def test_who_comes_again_gets_it_afresh_and_misses_no_change(place: Place) -> None:
    stream = place.watch()
    place_then = (await ready(stream, "ready")).id
    assert await ready(stream) == 0
    await cast(Any, stream).aclose()
    place.turn("n", 1)
    place.turn("n", 2)
    async with aclosing(cast(Any, place.watch(last=place_then))) as again:
        seen: list[Any] = []
        async with asyncio.timeout(10):
            while len(seen) < 3:  # in either order: only changes wait for their moment
                event = await anext(again)
                if event.name in ("bead", "overview"):
                    seen.append(event.data["name"] if event.name == "bead" else event.data["ready"])
        assert sorted(seen, key=str) == [2, "a", "a"]


async def test_a_failure_is_got_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "AGAIN_SECONDS", 0.05)
    place.broken = True
    async with aclosing(cast(Any, place.watch())) as stream:
        await ready(stream, "ready")
        place.turn("n", 4)
        await ready(stream, "bead")
        place.broken = False
        assert await ready(stream) == 4


@pytest.mark.parametrize("lacks", ["list beads", "list workers", "watch beads", "watch workers"])
async def test_it_takes_all_the_rights_that_its_call_and_a_watch_take(place: Place, lacks: str) -> None:
    rights = {f"bob {verb} {kind} n" for verb in ("list", "watch") for kind in ("beads", "workers")}
    place.gate.rights |= rights - {f"bob {lacks} n"}
    where = f"{place.url}/api/v1/namespaces/n/watch"
    query = {"kinds": "overview", "seconds": "1"}
    answer = await place.client.get(where, params=query, headers={"Authorization": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    place.gate.rights |= rights
    async with aclosing(cast(Any, place.watch(who="bob", kinds="overview"))) as stream:
        assert await ready(stream) == 0


async def test_nobody_is_sent_what_they_may_not_see_or_may_see_no_more(place: Place) -> None:
    """Two people with different rights: each gets their own namespace's, and what is taken away ends it."""
    place.gate.rights |= {"bob * * m"}
    place.ready.update(n=1, m=2)
    mine, theirs, plain = place.watch(), place.watch("m", "bob"), place.watch(kinds="beads")
    assert (await ready(mine), await ready(theirs)) == (1, 2)
    await ready(plain, "ready")
    place.turn("n", 3)
    place.turn("m", 4)
    assert (await ready(mine), await ready(theirs)) == (3, 4)
    place.gate.rights -= {"bob * * m"}
    assert (await ready(theirs, "end")).data["code"] == "forbidden"
    assert [event async for event in theirs] == []
    place.turn("m", 5)
    place.turn("n", 6)
    assert await ready(mine) == 6
    async with asyncio.timeout(10):
        told = (event.name async for event in plain if event.name)  # and not what only shows that it goes on
        assert [await anext(told) for _ in range(2)] == ["bead", "bead"]  # who asks for less gets it
    for stream in (mine, plain):
        await cast(Any, stream).aclose()
