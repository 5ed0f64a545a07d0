"""No look into the database for lessons where nothing was ever taught, and none missed where it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event

from ringmaster_operator.history import History, Learned, Teaching
from ringmaster_operator.recall import Situation
from ringmaster_operator.resources.lesson import LessonOrigin
from support.postgres import Postgres

from .conftest import NOON, Work

TEXT = "Run alembic upgrade before the scheduler tests"


def teaching(**more: Any) -> Teaching:
    values: dict[str, Any] = {
        "namespace": "team",
        "text": TEXT,
        "where": Situation(),
        "origin": LessonOrigin.PERSON,
        "person": "ada",
        "author": "ada",
    }
    return Teaching(**(values | more))


async def found(history: History) -> int:
    matches = await history.matching_lessons(namespace="team", text=TEXT, here=Situation(), now=NOON)
    return len(matches)


async def by_report(history: History) -> None:
    one = Work(history=history)
    learned = Learned(teaching=teaching(origin=LessonOrigin.AGENT, bead_uid=one.uid, bead=one.bead))
    await one.report(one.request(), learned=learned)


WAYS: dict[str, Callable[[History], Awaitable[Any]]] = {
    "teach": lambda history: history.teach(teaching=teaching(), now=NOON),
    "import": lambda history: history.teach_all(teachings=[teaching()], now=NOON),
    "person": lambda history: history.add_lesson(teaching=teaching(), now=NOON),
    "report": by_report,
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_taught_is_found_at_once(history: History, way: str) -> None:
    assert await found(history) == 0
    await WAYS[way](history)
    assert await found(history) == 1


async def test_a_namespace_without_lessons_costs_no_statement(history: History) -> None:
    await history.teach(teaching=teaching(namespace="other"), now=NOON)
    assert await found(history) == 0
    said: list[str] = []
    event.listen(history._backend.reader, "before_cursor_execute", lambda *told: said.append(told[2]))
    for _ in range(3):
        assert await found(history) == 0
    assert history._backend.sole or said
    assert not history._backend.sole or not said


async def test_lessons_from_before_are_found_and_retired_ones_again(database_url: str) -> None:
    history = await History.open(database_url)
    told = await history.teach(teaching=teaching(), now=NOON)
    assert told is not None
    await history.retire_lesson(namespace="team", lesson=told[0], person="ada", now=NOON)
    await history.close()
    history = await History.open(database_url)
    assert await found(history) == 0
    await history.endorse_lesson(namespace="team", lesson=told[0], person="ada", now=NOON)
    assert await found(history) == 1
    await history.close()
    history = await History.open(database_url)
    assert await found(history) == 1
    await history.close()


@pytest.mark.postgres
async def test_a_writer_among_others_always_looks(postgres_server: Postgres) -> None:
    url = postgres_server.fresh()
    one, other = await History.open(url), await History.open(url)
    assert await found(one) == 0
    await other.teach(teaching=teaching(), now=NOON)
    assert await found(one) == 1
    await one.close()
    await other.close()
