"""Whose a secret is, remembered between two calls and never beyond a change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session

from ringmaster_operator.auth import remembered
from support.front import Browser, Front


@pytest.fixture
def reads(api: Front, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is read of the history from here on."""
    found: list[object] = []
    history = api.auth.accounts._history
    real = history.read

    async def read(run: Callable[[Session], Any]) -> Any:
        found.append(run)
        return await real(run)

    monkeypatch.setattr(history, "read", read)
    return found


async def test_a_page_that_asks_again_and_again_reads_once(
    api: Front, admin: Browser, reads: list[object]
) -> None:
    for _ in range(20):
        assert (await admin.get("auth/me")).status_code == 200
    assert len(reads) == 1
    for number in range(3):
        assert (await api.browser().get("auth/me")).status_code == 401, number


async def test_any_change_about_people_makes_it_read_again(
    api: Front, admin: Browser, reads: list[object]
) -> None:
    await admin.get("auth/me")
    before = len(reads)
    body = {"name": "bob", "displayName": "Bob"}
    assert (await admin.post("users", body)).status_code == 201
    await admin.get("auth/me")
    await admin.get("auth/me")
    assert len(reads) == before + 1


async def test_nothing_is_remembered_for_long(api: Front, admin: Browser, reads: list[object]) -> None:
    await admin.get("auth/me")
    before = len(reads)
    for _ in range(2):
        api.time.pass_by(seconds=remembered.SECONDS)
        await admin.get("auth/me")
    assert len(reads) == before + 2


async def test_a_change_counts_from_its_beginning_to_its_commit_even_where_nobody_waits_for_it(
    api: Front,
) -> None:
    history, begun, goes_on = api.auth.accounts._history, threading.Event(), threading.Event()

    def slow(_: Session) -> None:
        begun.set()
        goes_on.wait(10)

    mark = history.freshness.mark
    assert mark is not None
    waiting = asyncio.create_task(history.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert history.freshness.mark is None
    goes_on.set()
    async with asyncio.timeout(10):
        while history.freshness.mark is None:
            await asyncio.sleep(0.01)
    assert history.freshness.mark != mark
