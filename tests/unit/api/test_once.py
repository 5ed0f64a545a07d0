"""Idempotency keys over a real history: acted upon once, answered as often as it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import httpx2
import pytest
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse

from ringmaster_operator.api import problems
from ringmaster_operator.api.once import Once
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.history.user_records import ApiToken, Known, User
from ringmaster_operator.resources.protocol import ProblemCode

PATH = "/api/v1/namespaces/n/things"
NOON = datetime(2026, 1, 1, tzinfo=UTC)


class Gate:
    """Everyone is who their token says."""

    async def person(self, authorization: str | None) -> Person:
        if authorization is None:
            raise Refused(ProblemCode.UNAUTHENTICATED, "who?")
        name, _, token = authorization.removeprefix("Bearer ").partition("#")
        return Person(name, {}, known(name, int(token)) if token else None)


def known(name: str, id: int) -> Known:
    """A user who came with a token of that number."""
    user = User(
        id=1,
        name=name,
        display_name="",
        groups=(),
        has_password=True,
        created_at=NOON,
        created_by="",
        disabled_at=None,
    )
    token = ApiToken(
        id=id,
        account_id=1,
        name="",
        prefix="rmt_",
        role=None,
        namespaces=None,
        created_at=NOON,
        expires_at=NOON,
        last_used_at=None,
        revoked_at=None,
    )
    return Known(user=user, grants=(), token=token)


@dataclass
class Place:
    """An app that counts what it does."""

    history: History
    done: list[Any] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    now: datetime = NOON
    running: FastAPI | None = None

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_middleware(
            Once, people=cast(People, Gate()), history=self.history, clock=Clock(now=lambda: self.now)
        )
        app.add_middleware(problems.BodyLimit)
        problems.install(app)

        @app.post(PATH, status_code=201)
        @app.post("/api/v1/auth/things", status_code=201)
        async def act(body: dict[str, Any], authorization: Annotated[str, Header()] = "") -> JSONResponse:
            if "wait" in body:
                self.entered.set()
                await self.hold.wait()
            if "wrong" in body:
                raise Refused(ProblemCode.CONFLICT, "not now")
            self.done.append((authorization, body))
            headers = {"ETag": f'"{len(self.done)}"'}
            return JSONResponse({"number": len(self.done)}, status_code=201, headers=headers)

        return app

    async def post(
        self, body: Any, key: str | None = "k", who: str | None = "ada", path: str = PATH, **query: str
    ) -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        headers |= {"Authorization": f"Bearer {who}"} if who else {}
        transport = httpx2.ASGITransport(cast(Any, self.running))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post(path, json=body, headers=headers, params=query or None)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    history = await History.open(f"sqlite:///{tmp_path}/h.db")
    made = Place(history)
    made.running = made.app()
    yield made
    await made.history.close()


async def test_a_token_reads_nothing_of_what_another_did(place: Place) -> None:
    for number, who in enumerate(("ada", "ada#1", "ada#2"), 1):
        for _ in range(2):
            assert (await place.post({"a": 1}, who=who)).json() == {"number": number}
    assert len(place.done) == 3


async def test_the_same_call_is_acted_upon_once(place: Place) -> None:
    first, again = await place.post({"a": 1}), await place.post({"a": 1})
    assert (first.status_code, first.json(), first.headers["ETag"]) == (201, {"number": 1}, '"1"')
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, '"1"')
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert len(place.done) == 1
    assert (await place.post({"a": 1}, key=None)).json() == {"number": 2}
    assert (await place.post({"a": 1}, key="other")).json() == {"number": 3}


async def test_a_key_is_for_one_call_of_one_person(place: Place) -> None:
    await place.post({"a": 1})
    for other in (place.post({"a": 2}), place.post({"a": 1}, dry="yes")):
        answer = await other
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert len(place.done) == 1
    assert (await place.post({"a": 2}, who="bob")).json() == {"number": 2}


async def test_who_is_not_known_gets_no_kept_answer(place: Place) -> None:
    await place.post({"a": 1})
    answer = await place.post({"a": 1}, who=None)
    assert answer.json() == {"number": 2}  # the route itself decides, as if there were no key
    assert "Idempotency-Replayed" not in answer.headers


async def test_a_second_call_while_the_first_runs_is_a_conflict(place: Place) -> None:
    first = asyncio.create_task(place.post({"wait": 1}))
    await place.entered.wait()
    second = await place.post({"wait": 1})
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    place.hold.set()
    assert (await first).json() == {"number": 1}
    assert (await place.post({"wait": 1})).json() == {"number": 1}


async def test_what_was_refused_may_be_tried_again(place: Place) -> None:
    for _ in range(2):
        assert (await place.post({"wrong": 1})).status_code == 409
    assert (await place.post({"a": 1})).json() == {"number": 1}


async def test_answers_outlive_the_operator_and_end_after_a_day(place: Place, tmp_path: Path) -> None:
    await place.post({"a": 1})
    await place.history.close()
    place.history = await History.open(f"sqlite:///{tmp_path}/h.db")
    place.running = place.app()
    place.now += timedelta(hours=23)
    assert (await place.post({"a": 1})).json() == {"number": 1}
    place.now += timedelta(hours=2)
    assert (await place.post({"a": 1})).json() == {"number": 2}
    assert (await place.post({"a": 1})).json() == {"number": 2}


async def test_a_database_that_is_away_acts_on_nothing(place: Place) -> None:
    await place.history.close()
    answer = await place.post({"a": 1})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert place.done == []


async def test_answers_with_secrets_are_not_kept(place: Place) -> None:
    for number in (1, 2):
        answer = await place.post({"a": 1}, path="/api/v1/auth/things")
        assert answer.json() == {"number": number}


@pytest.mark.parametrize("key", ["x" * 129, "a b", "tab\there"])
async def test_odd_keys_are_refused(place: Place, key: str) -> None:
    answer = await place.post({"a": 1}, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert place.done == []


async def test_too_large_is_too_large(place: Place) -> None:
    answer = await place.post({"a": "x" * (1 << 20)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
