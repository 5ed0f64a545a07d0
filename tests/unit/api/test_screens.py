"""Screens of real tmux sessions over a real server: shared by viewers, sent as differences."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from ringmaster_operator.api import problems, screens, watching
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.people import Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.runtimes.protocol import Key, SessionSpec, View
from ringmaster_operator.runtimes.tmux.runtime import TmuxRuntime
from ringmaster_operator.server import Front
from ringmaster_operator.store import Store
from support.watch import Event, events

pytestmark = pytest.mark.tmux
TOKEN = "ghp_" + "a1B2" * 9


class CountingRuntime(TmuxRuntime):
    """Says how often it was looked at."""

    looks = 0

    async def view(self, key: Key, *, lines: int = 200) -> View:
        self.looks += 1
        return await super().view(key, lines=lines)


class Gate:
    """Lets everyone see; says who may type."""

    may_type = True
    may_see = True

    async def allowed(self, authorization: str | None, *, verb: str, **_: Any) -> Person:
        if not self.may_see or (verb == "update" and not self.may_type):
            raise Refused(ProblemCode.FORBIDDEN, "not you")
        return Person("ada", {})

    async def may(self, person: Person, *, verb: str, **_: Any) -> bool:
        return self.may_type


class Place:
    """One Worker with one session, behind the API."""

    def __init__(self, runtime: CountingRuntime, url: str, gate: Gate, told: list[Any]) -> None:
        self.runtime, self.url, self.gate, self.told = runtime, url, gate, told
        self.client = httpx2.AsyncClient(timeout=30)
        self.base = f"{url}/api/v1/namespaces/n/workers/w/sessions/w-0"

    async def screen(self, **query: Any) -> Any:
        return (await self.client.get(f"{self.base}/screen", params=query)).json()

    async def keys(self, **body: Any) -> httpx2.Response:
        return await self.client.post(f"{self.base}/keys", json=body)

    def watch(self, **query: Any) -> AsyncIterator[Event]:
        return events(self.client, f"{self.base}/screen/watch", params=query)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="rm-screens-"))
    runtime = CountingRuntime(
        owner="host-a", state_directory=folder, socket_prefix=f"rm-test-{uuid.uuid4().hex[:12]}"
    )
    store, clock, gate = Store(), Clock(), Gate()
    changes, told = Changes(clock), []

    async def note(*facts: Any, **more: Any) -> int:
        told.append((facts[1], more))
        return 1

    meta = {"name": "w", "namespace": "n", "uid": "w", "resourceVersion": "1"}
    session = {"name": "w-0", "state": "Idle"}
    store.observe({"kind": "Worker", "metadata": meta, "spec": WORKER, "status": {"sessions": [session]}})
    made = screens.Screens(
        store=store,
        people=cast(Any, gate),
        audit=cast(Any, type("Log", (), {"note": staticmethod(note)})),
        clock=clock,
        changes=changes,
        bounds=watching.Bounds(recheck=0.2, grace=0.5, heartbeat=0.5, slow=2.0),
        runtime_of=lambda worker: runtime,
    )
    app = FastAPI()
    problems.install(app)
    app.include_router(screens.routes(made))
    front = Front("127.0.0.1", 0, app)
    front.start()
    found = Place(runtime, front.url, gate, told)
    await start(runtime, "echo ready; cat")
    try:
        yield found
    finally:
        changes.close()
        await found.client.aclose()
        await front.close()
        await runtime.stop(("n", "w-0"), grace_seconds=0, keep_screen=False)


WORKER = {"runtime": "Tmux", "agent": {"profile": "claude-code"}}


async def start(runtime: TmuxRuntime, shell: str) -> None:
    await runtime.stop(("n", "w-0"), grace_seconds=0, keep_screen=False)
    command = ("/bin/sh", "-c", shell)
    await runtime.start(SessionSpec(namespace="n", name="w-0", worker="w", command=command, fingerprint="f"))


def text(lines: Any) -> list[str]:
    return ["".join(run["text"] for run in line) for line in lines]


class Viewer:
    """Puts the screen together from what it is sent."""

    def __init__(self, stream: AsyncIterator[Event]) -> None:
        self.stream = stream
        self.lines: list[Any] = []
        self.names: list[str] = []

    async def until(self, want: str) -> list[str]:
        """The lines, once one is as wanted."""
        async for event in self.stream:
            self.names.append(event.name)
            if event.name == "screen":
                self.lines = event.data["lines"]
            elif event.name == "change":
                total = event.data["total"]
                self.lines = (self.lines[event.data["drop"] :] + [[]] * total)[:total]
                for number, runs in event.data["changed"]:
                    self.lines[number] = runs
            if want in text(self.lines):
                return text(self.lines)
        raise AssertionError(f"{want!r} was never seen: {self.names}")

    async def close(self) -> None:
        await self.stream.aclose()  # type: ignore[attr-defined]


async def shown(place: Place, last: str) -> Any:
    """The screen, once this is its last line that is not empty."""
    async with asyncio.timeout(60):
        while True:
            found = await place.screen()
            if [line for line in text(found["lines"]) if line][-1:] == [last]:
                return found
            await asyncio.sleep(0.05)


async def test_a_screen_is_shown_with_its_colours_and_cursor(place: Place) -> None:
    await start(place.runtime, "printf 'one \\033[32mgreen\\033[0m\\n> '; sleep 600")
    found = await shown(place, ">")
    assert (found["worker"], found["runtime"], found["state"], found["live"]) == (
        "w",
        "tmux",
        "running",
        True,
    )
    assert (found["columns"], found["rows"], found["above"]) == (200, 50, 0)
    assert found["lines"][:2] == [[{"text": "one "}, {"text": "green", "color": "green"}], [{"text": ">"}]]
    assert found["cursor"] == {"line": 1, "column": 2}
    assert found["typing"] == {"allowed": True, "why": ""}


async def test_what_scrolled_off_is_there_as_far_as_it_is_asked_for(place: Place) -> None:
    await start(place.runtime, "seq 1 200; sleep 600")
    await shown(place, "200")
    found = await place.screen(lines=80)
    assert (len(found["lines"]), found["above"]) == (80, 30)
    assert text(found["lines"])[:2] == ["122", "123"]


async def test_viewers_share_their_looks_and_see_the_same(place: Place) -> None:
    viewers = [Viewer(place.watch()) for _ in range(5)]
    for viewer in viewers:
        await viewer.until("ready")
        viewer.names.clear()
    await asyncio.sleep(1.0)  # by now nothing moves
    looks, began = place.runtime.looks, asyncio.get_running_loop().time()
    await place.keys(text="typed 世", key="Enter")
    seen = await asyncio.gather(*(viewer.until("typed 世") for viewer in viewers))
    assert all(lines[:2] == ["ready", "typed 世"] for lines in seen)
    assert all(set(viewer.names) <= {"change", ""} for viewer in viewers)
    spent = asyncio.get_running_loop().time() - began
    assert place.runtime.looks - looks <= spent / 0.2 + 2
    for viewer in viewers:
        await viewer.close()


async def test_nothing_is_looked_at_while_nobody_looks(place: Place) -> None:
    viewer = Viewer(place.watch())
    await viewer.until("ready")
    await viewer.close()
    async with asyncio.timeout(10):
        before = -1
        while before != place.runtime.looks:
            before = place.runtime.looks
            await asyncio.sleep(1.5)


async def test_a_fast_one_is_sent_five_times_a_second_at_most(place: Place) -> None:
    stream = place.watch(seconds=3)
    await start(place.runtime, "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done")
    names = [event.name async for event in stream]
    assert 3 <= len(names) <= 3 * 5 + 2
    assert set(names) <= {"screen", "change", ""}


async def test_credentials_are_not_shown(place: Place) -> None:
    await start(place.runtime, f"echo 'export GITHUB_TOKEN={TOKEN}'; echo ready; sleep 600")
    viewer = Viewer(place.watch())
    lines = await viewer.until("ready")
    await viewer.close()
    assert TOKEN not in str(lines)
    assert lines[0] == "export GITHUB_TOKEN=[redacted]"


async def test_typing_is_told_but_not_what(place: Place) -> None:
    assert (await place.keys(text="hunter2", key="Enter")).json() == {"typed": True}
    [(action, facts)] = place.told
    assert action == "session.type"
    assert facts["after"] == {"worker": "w", "characters": 7, "key": "Enter"}
    assert "hunter2" not in str(place.told)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": ""}, 422),
        ({"key": "-X"}, 422),
        ({"key": "NoKey"}, 422),
        ({"text": "x" * 5000}, 422),
    ],
)
async def test_what_is_no_key_is_refused(place: Place, body: dict[str, str], status: int) -> None:
    assert (await place.keys(**body)).status_code == status
    assert place.told == []


async def test_who_may_not_type_is_told_so_and_sees_on(place: Place) -> None:
    place.gate.may_type = False
    found = await place.screen()
    assert found["typing"] == {
        "allowed": False,
        "why": "typing needs the right to update Workers in namespace n",
    }
    assert (await place.keys(text="x")).status_code == 403


async def test_who_may_not_see_any_more_is_cut_off(place: Place) -> None:
    viewer = Viewer(place.watch())
    await viewer.until("ready")
    place.gate.may_see = False
    last = [event async for event in viewer.stream][-1]
    assert (last.name, last.data["code"]) == ("end", "forbidden")


@pytest.mark.parametrize("where", ["workers/none/sessions/w-0", "workers/w/sessions/other-0"])
async def test_what_is_not_there_is_not_found(place: Place, where: str) -> None:
    answer = await place.client.get(f"{place.url}/api/v1/namespaces/n/{where}/screen")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
