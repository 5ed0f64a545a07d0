"""Events reach the history also where it could not be written when they happened, with their times."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from pysqlite3 import dbapi2 as sqlite3  # type: ignore[import-untyped]

from ringmaster_operator.clock import Clock
from ringmaster_operator.events import TOGETHER, Events, Note
from ringmaster_operator.history import History, NewEvent, StoredEvent
from ringmaster_operator.history import sqlite as backend
from ringmaster_operator.kube import Body, Kind, Kube
from ringmaster_operator.resources.base import Metadata

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
}


class Ticks:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return NOON + timedelta(seconds=self.looks - 1)


async def test_what_cannot_be_recorded_waits_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "BUSY_MILLISECONDS", 20)
    (tmp_path / "kubeconfig").write_text(json.dumps(NOWHERE))
    kube = await Kube.connect(str(tmp_path / "kubeconfig"))
    history = await History.open(f"sqlite:///{tmp_path}/h.db")
    recorded: list[StoredEvent] = []
    events = Events(kube, history, Clock(now=Ticks().now), recorded.append, retry_seconds=0.02)
    running = asyncio.create_task(events.run())
    meta = Metadata(name="b", namespace="n", uid="u")
    reasons = ["Claimed", "Iterated", "Finished"]
    try:
        with contextlib.closing(sqlite3.connect(tmp_path / "h.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for reason in reasons:
                events.tell("Bead", meta, Note(reason, "so"))
            async with asyncio.timeout(10):
                while len(events._late) < len(reasons):
                    await asyncio.sleep(0.01)
            assert recorded == []
            other.execute("ROLLBACK")
        async with asyncio.timeout(10):
            while len(recorded) < len(reasons):
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await history.close()
        await kube.close()
    assert [event.reason for event in recorded] == reasons
    assert [event.at for event in recorded] == [NOON + timedelta(seconds=number) for number in range(3)]


async def test_what_is_told_together_is_one_write_and_is_there_when_it_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await History.open(f"sqlite:///{tmp_path}/h.db")
    writes: list[int] = []
    record = history.record_events

    async def counted(*, events: list[NewEvent]) -> list[StoredEvent]:
        writes.append(len(events))
        return await record(events=events)

    monkeypatch.setattr(history, "record_events", counted)
    recorded: list[StoredEvent] = []
    events = Events(cast(Kube, None), history, Clock(), recorded.append)
    running = asyncio.create_task(events.run())
    try:
        for number in range(5):
            events.tell("Bead", Metadata(name=f"b{number}", namespace="n", uid=f"u{number}"), Note("X", "so"))
            await asyncio.sleep(0)
        await events.settled()
        assert [event.name for event in recorded] == [f"b{number}" for number in range(5)]
        assert writes == [5]
    finally:
        running.cancel()
        await history.close()


class Slow:
    """An API server that takes what it is sent one by one."""

    def __init__(self) -> None:
        self.posted: list[str] = []
        self.takes = asyncio.Semaphore(0)

    async def create(self, _: Kind, __: str, body: Body) -> Body:
        await self.takes.acquire()
        self.posted.append(body["involvedObject"]["name"])
        return body


async def test_a_slow_api_server_holds_the_history_up_for_some_events_only(tmp_path: Path) -> None:
    history = await History.open(f"sqlite:///{tmp_path}/h.db")
    slow, recorded = Slow(), list[StoredEvent]()
    events = Events(cast(Kube, slow), history, Clock(), recorded.append)
    running = asyncio.create_task(events.run())
    meta = [Metadata(name=f"b{number}", namespace="n", uid=f"u{number}") for number in range(TOGETHER + 2)]
    try:
        for item in meta[:-1]:
            events.tell("Bead", item, Note("X", "so", warning=True))
        await events.settled()
        events.tell("Bead", meta[-1], Note("X", "so", warning=True))
        for _ in range(TOGETHER):
            slow.takes.release()
        async with asyncio.timeout(10):
            while len(recorded) < len(meta):
                await asyncio.sleep(0.01)
        assert len(slow.posted) == TOGETHER
        slow.takes.release()
        slow.takes.release()
        async with asyncio.timeout(10):
            while len(slow.posted) < len(meta):
                await asyncio.sleep(0.01)
        assert slow.posted == [item.name for item in meta]
    finally:
        running.cancel()
        await history.close()
