"""Beads as last seen reach the history also where it could not be written when they changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2 as sqlite3  # type: ignore[import-untyped]

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.history import sqlite as backend
from ringmaster_operator.last_seen import LastSeen
from ringmaster_operator.resources.bead import Bead


def bead(uid: str, phase: str | None) -> Bead:
    body: dict[str, Any] = {
        "metadata": {"name": f"b-{uid}", "namespace": "n", "uid": uid},
        "spec": {"title": "Do it"},
        "status": {"phase": phase} if phase else {},
    }
    return Bead.read(body)


@pytest.fixture
async def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[History]:
    monkeypatch.setattr(backend, "BUSY_MILLISECONDS", 20)
    opened = await History.open(f"sqlite:///{tmp_path}/h.db")
    yield opened
    await opened.close()


async def test_what_cannot_be_written_waits_until_it_can(history: History, tmp_path: Path) -> None:
    seen = LastSeen(history, Clock(), retry_seconds=0.02)
    running = asyncio.create_task(seen.run())
    with contextlib.closing(sqlite3.connect(tmp_path / "h.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        seen.note(bead("u1", "Running"))
        seen.note(bead("u2", "Succeeded"))
        assert not await seen.flush(), "it says that some still wait"
        seen.note(bead("u1", "Succeeded"))
        other.execute("ROLLBACK")
    async with asyncio.timeout(10):
        while await history.phases_of_beads(namespace="n") != {"u1": "Succeeded", "u2": "Succeeded"}:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_at_the_start_only_what_is_news_is_written(history: History) -> None:
    then, now = LastSeen(history, Clock()), LastSeen(history, Clock())
    for uid in ("same", "moved", "went"):
        then.note(bead(uid, "Running"))
    await then.flush()
    there = [bead("same", "Running"), bead("moved", "Succeeded"), bead("young", "Ready")]
    for each in there:
        now.note(each)
    await now.missed(there, namespace="n")
    assert set(now._waiting) == {"moved", "young"}
    await now.flush()
    assert await history.phases_of_beads(namespace="") == {
        "same": "Running",
        "moved": "Succeeded",
        "young": "Ready",
    }
