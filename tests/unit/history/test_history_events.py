"""Events of a namespace, found again on both databases, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ringmaster_operator.history import History, NewEvent, StoredEvent

from .conftest import NOON


async def tell(history: History, name: str, message: str, minutes: int, **other: Any) -> StoredEvent:
    told = {"namespace": "n", "kind": "Bead", "type": "Normal", "reason": "Told", "uid": name, **other}
    now = NOON + timedelta(minutes=minutes)
    event = NewEvent(name=name, message=message, at=now, **told)
    return (await history.record_events(events=[event]))[0]


def messages(found: Iterable[StoredEvent]) -> list[str]:
    return [item.message for item in found]


async def test_what_is_told_comes_back_and_again_is_the_same_event(history: History) -> None:
    first = await tell(history, "a", "claimed", 0)
    other = await tell(history, "b", "claimed", 1)
    again = await tell(history, "a", "claimed", 2)
    assert (again.id, again.count, again.at) == (first.id, 2, NOON + timedelta(minutes=2))
    assert (first.count, first.kind, first.name, first.namespace) == (1, "Bead", "a", "n")
    found = await history.events_in(namespace="n", limit=9)
    assert found == [again, other]


async def test_events_are_found_by_all_that_is_given(history: History) -> None:
    await tell(history, "a", "100%_sure", 0)
    await tell(history, "a", "lost", 1, type="Warning", reason="Lost")
    await tell(history, "w", "Came UP", 2, kind="Worker", reason="Ready")
    await tell(history, "a", "elsewhere", 3, namespace="m")

    async def found(**wanted: Any) -> list[str]:
        return messages(await history.events_in(namespace="n", limit=9, **wanted))

    assert await found() == ["Came UP", "lost", "100%_sure"]
    assert await found(types=["Warning"]) == ["lost"]
    assert await found(reasons=["Lost", "Ready"]) == ["Came UP", "lost"]
    assert await found(kind="Worker") == ["Came UP"]
    assert await found(kind="Bead", name="a") == ["lost", "100%_sure"]
    assert await found(text="came up") == ["Came UP"]
    assert await found(text="%_") == ["100%_sure"]  # no pattern
    assert await found(text="_ure") == []
    assert await found(since=NOON + timedelta(minutes=1)) == ["Came UP", "lost"]
    assert await found(until=NOON + timedelta(minutes=1)) == ["100%_sure"]


@pytest.mark.parametrize("seed", [7, 11])
async def test_pages_have_every_event_once(history: History, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(40):
        await tell(history, f"b{number % 3}", f"m{number}", chance.randrange(5))  # many of the same moment
    everything = await history.events_in(namespace="n", limit=99)
    assert [(item.at, item.id) for item in everything] == sorted(
        ((item.at, item.id) for item in everything), reverse=True
    )
    walked: list[StoredEvent] = []
    before: tuple[datetime, int] | None = None
    while page := await history.events_in(namespace="n", before=before, limit=chance.randrange(1, 9)):
        walked += page
        before = (page[-1].at, page[-1].id)
    assert walked == everything
    assert len(walked) == 40
