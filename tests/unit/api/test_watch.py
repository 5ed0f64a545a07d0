"""Watching, over a real server and sockets: places are kept, slow readers go, rights are looked at again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from ringmaster_operator.api import changes as rings
from ringmaster_operator.api import problems, watching
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.glances import Glances
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.claims.overview import Made
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import StoredEvent
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.server import Front
from ringmaster_operator.store import Store
from support.watch import Event, events

QUICK = watching.Bounds(recheck=0.2, grace=0.5, heartbeat=0.2, slow=0.5)


class Gate:
    """Lets everyone in until told otherwise."""

    refusal: ProblemCode | None = None

    async def allowed(self, authorization: str | None, **_: Any) -> Person:
        if self.refusal is not None:
            raise Refused(self.refusal, "not you")
        return Person("ada", {})


@dataclass
class Place:
    """A store, and a server that tells of its changes."""

    url: str
    store: Store
    changes: Changes
    gate: Gate
    version: int = 0
    client: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=20))

    def put(self, name: str, namespace: str = "n", **spec: Any) -> None:
        self.version += 1
        meta = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": str(self.version)}
        self.store.observe({"kind": "Bead", "metadata": meta, "spec": {"title": name, **spec}})

    def watch(self, last: str | None = None, **query: Any) -> AsyncIterator[Event]:
        headers = {"Last-Event-ID": last} if last else {}
        where = f"{self.url}/api/v1/namespaces/n/watch"
        return events(self.client, where, params=query or None, headers=headers)


async def unwanted(namespace: str) -> Made:
    raise AssertionError(f"nobody asked how {namespace} stands")


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    store, changes, gate = Store(), Changes(Clock()), Gate()
    store.listen(changes.take)
    app = FastAPI()
    problems.install(app)
    glances = Glances(unwanted, Clock(), changes.turns)
    app.include_router(watching.routes(changes, glances, cast(People, gate), Clock(), QUICK))
    front = Front("127.0.0.1", 0, app)
    front.start()
    made = Place(front.url, store, changes, gate)
    try:
        yield made
    finally:
        await made.client.aclose()
        changes.close()
        await front.close()


async def named(stream: AsyncIterator[Event], name: str) -> Event:
    """The next event of that name; comments are passed over."""
    async with asyncio.timeout(10):
        async for event in stream:
            if event.name == name:
                return event
    raise AssertionError(f"the stream ended before {name}")


async def test_a_watcher_sees_what_happens_and_goes_on_where_it_was(place: Place) -> None:
    stream = place.watch()
    ready = await named(stream, "ready")
    place.put("a", priority="P1")
    place.put("elsewhere", namespace="other")
    added = await named(stream, "bead")
    assert (added.data["type"], added.data["name"], added.data["object"]["priority"]) == ("ADDED", "a", "P1")
    await cast(Any, stream).aclose()
    place.put("a", priority="P0")
    place.store.forget("Bead", ("n", "a"), "a")
    again = place.watch(added.id)
    changed, gone = await named(again, "bead"), await named(again, "bead")
    assert (changed.data["type"], changed.data["object"]["priority"]) == ("MODIFIED", "P0")
    assert gone.data == {"type": "DELETED", "name": "a", "uid": "a"}
    await cast(Any, again).aclose()
    everything = place.watch(ready.id)
    assert [(await named(everything, "bead")).data["type"] for _ in range(3)] == [
        "ADDED",
        "MODIFIED",
        "DELETED",
    ]
    await cast(Any, everything).aclose()


def told(name: str, count: int, namespace: str = "n") -> StoredEvent:
    return StoredEvent(
        id=7,
        namespace=namespace,
        kind="Bead",
        name=name,
        uid=name,
        type="Warning",
        reason="Lost",
        message="it is gone",
        at=datetime(2026, 11, 29, 12, tzinfo=UTC),
        count=count,
    )


async def test_who_asks_for_events_hears_them_and_nobody_else_does(place: Place) -> None:
    both, beads = place.watch(kinds=["beads", "events"]), place.watch()
    await named(both, "ready")
    await named(beads, "ready")
    place.changes.told(told("elsewhere", 1, namespace="other"))
    place.changes.told(told("a", 1))
    place.changes.told(told("a", 2))
    place.put("last")
    first, again = await named(both, "event"), await named(both, "event")
    assert (first.data["type"], first.data["name"], first.data["object"]["count"]) == ("ADDED", "a", 1)
    assert (again.data["type"], again.data["object"]["count"]) == ("MODIFIED", 2)
    assert again.data["object"]["at"] == "2026-11-29T12:00:00Z"
    async with asyncio.timeout(10):
        assert await anext(event.name async for event in beads if event.name) == "bead"  # and no comment
    for stream in (both, beads):
        await cast(Any, stream).aclose()


@pytest.mark.parametrize("last", ["00000000-3", "nonsense", "-", "x-1-2", "9" * 60])
async def test_an_unknown_place_is_a_reset(place: Place, last: str) -> None:
    stream = place.watch(last)
    assert (await named(stream, "reset")).id == f"{place.changes.epoch}-0"
    place.put("a")
    assert (await named(stream, "bead")).data["name"] == "a"
    await cast(Any, stream).aclose()


async def test_a_place_that_is_kept_no_more_is_a_reset(place: Place) -> None:
    stream = place.watch()
    ready = await named(stream, "ready")
    await cast(Any, stream).aclose()
    for _ in range(rings.KEPT + 1):
        place.put("a")
    again = place.watch(ready.id)
    assert (await named(again, "reset")).id == f"{place.changes.epoch}-{rings.KEPT + 1}"
    await cast(Any, again).aclose()


async def test_kinds_are_chosen_and_silence_is_broken_by_comments(place: Place) -> None:
    stream = place.watch(kinds="workers")
    await named(stream, "ready")
    place.put("a")
    assert (await named(stream, "")).data is None
    await cast(Any, stream).aclose()


async def test_rights_are_looked_at_again(place: Place) -> None:
    stream = place.watch()
    await named(stream, "ready")
    place.gate.refusal = ProblemCode.FORBIDDEN
    ended = await named(stream, "end")
    assert ended.data == {"code": "forbidden", "detail": "not you"}
    assert [event async for event in stream] == []
    answer = await place.client.get(f"{place.url}/api/v1/namespaces/n/watch")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_bad_minute_of_the_cluster_ends_no_watch_but_a_bad_hour_does(place: Place) -> None:
    stream = place.watch()
    await named(stream, "ready")
    place.gate.refusal = ProblemCode.UNAVAILABLE
    place.put("a")
    assert (await named(stream, "bead")).data["name"] == "a"
    assert (await named(stream, "end")).data["code"] == "unavailable"


async def test_it_ends_in_time_and_with_the_operator(place: Place) -> None:
    async with asyncio.timeout(10):
        assert [event.name async for event in place.watch(seconds=1) if event.name] == ["ready"]
        stream = place.watch()
        await named(stream, "ready")
        place.changes.close()
        assert [event.name async for event in stream if event.name] == []


async def test_who_does_not_read_is_given_up_and_holds_nothing_back(place: Place) -> None:
    """Its connection takes what the sockets hold; then it is closed, and others see everything meanwhile."""
    host, port = place.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    cast(socket.socket, writer.get_extra_info("socket")).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(b"GET /api/v1/namespaces/n/watch HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    quick = place.watch()
    await named(quick, "ready")
    async with asyncio.timeout(30):
        while place.changes.watchers < 2:
            await asyncio.sleep(0.01)
        labels, number, seen = "x" * 250, 0, 0
        while place.changes.watchers == 2:
            for _ in range(200):
                number += 1
                place.put(f"b{number}", parent="p" * 253, title=labels)
            while seen < number:
                assert (await named(quick, "bead")).data["name"] == f"b{seen + 1}"
                seen += 1
    assert place.changes.watchers == 1
    await cast(Any, quick).aclose()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    del reader


async def test_a_hundred_watchers_see_the_same(place: Place) -> None:
    async def read(count: int) -> list[str]:
        stream, found = place.watch(), []
        await named(stream, "ready")
        for _ in range(count):
            found.append((await named(stream, "bead")).data["name"])
        await cast(Any, stream).aclose()
        return found

    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(timeout=30, limits=limits) as place.client:
        tasks = [asyncio.create_task(read(50)) for _ in range(100)]
        async with asyncio.timeout(30):
            while place.changes.watchers < 100:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        for number in range(50):
            place.put(f"b{number}")
            if number % 7 == 0:
                await asyncio.sleep(0.01)
        found = await asyncio.gather(*tasks)
    assert all(item == [f"b{number}" for number in range(50)] for item in found)


async def test_nothing_is_sent_while_a_session_waits_and_all_of_it_together_then(place: Place) -> None:
    place.changes.turns = Turns(Clock(), behind=3600, call=3600)
    stream = place.watch()
    await named(stream, "ready")
    with place.changes.turns.working():
        place.put("a")
        heard = asyncio.create_task(named(stream, "bead"))
        await asyncio.sleep(2 * rings.PAUSE_SECONDS)
        place.put("b")
        await asyncio.sleep(2 * rings.PAUSE_SECONDS)
        assert not heard.done()
    assert (await heard).data["name"] == "a"
    assert (await named(stream, "bead")).data["name"] == "b"
    await cast(Any, stream).aclose()
