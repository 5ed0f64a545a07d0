"""Which claim ids are surely new: the history is asked only about the others."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ringmaster_operator.claims import seen as module
from ringmaster_operator.claims.seen import Seen
from ringmaster_operator.history import History

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_nothing_is_certain_before_the_history_was_read() -> None:
    seen = Seen()
    assert seen.may_hold("anything")
    seen.whole = True
    assert not seen.may_hold("anything")


def test_what_was_added_is_never_taken_for_new_and_strangers_hardly_ever_for_old() -> None:
    seen = Seen()
    seen.whole = True
    there = [str(uuid.uuid4()) for _ in range(100_000)]
    for claim_id in there:
        seen.add(claim_id)
    assert all(map(seen.may_hold, there))
    assert sum(seen.may_hold(str(uuid.uuid4())) for _ in range(20_000)) <= 20


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    opened = await History.open(f"sqlite:///{tmp_path}/h.db")
    yield opened
    await opened.close()


async def filled(history: History, claims: int) -> list[str]:
    """The ids of so many claims."""
    there = [str(uuid.uuid4()) for _ in range(claims)]
    for number, claim_id in enumerate(there):
        await history.start_attempt(
            bead_uid=f"u{number}",
            namespace="n",
            bead=f"b{number}",
            fence=1,
            claim_id=claim_id,
            worker="w",
            session="w-0",
            profile="p",
            model=None,
            attempt=1,
            iteration=1,
            now=NOON,
        )
    return there


async def test_all_claims_of_the_history_are_known_after_a_start(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    there, seen = await filled(history, 10), Seen()
    await seen.load(history)
    assert seen.whole
    assert all(map(seen.may_hold, there))
    assert not seen.may_hold("stranger")


async def test_a_history_with_other_writers_is_asked_about_each_claim(history: History) -> None:
    await filled(history, 10)
    history.sole = False
    seen = Seen()
    await seen.load(history)
    assert seen.may_hold("stranger")


async def test_a_history_too_long_to_be_read_is_asked_about_each_claim(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 9)
    await filled(history, 10)
    seen = Seen()
    await seen.load(history)
    assert seen.may_hold("stranger")
