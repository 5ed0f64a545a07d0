"""The API over a real history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringmaster_operator.history import History
from support.front import Browser, Front, front
from support.postgres import Postgres, postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, made once."""
    place = tmp_path_factory.mktemp("empty") / "ringmaster.db"

    async def make() -> None:
        await (await History.open(f"sqlite:///{place}")).close()

    asyncio.run(make())
    return place


@pytest.fixture
async def api(tmp_path: Path, empty: Path) -> AsyncIterator[Front]:
    async with front(tmp_path, template=empty) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Front]:
    """The same over each kind of database."""
    url = ""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.fresh()
    async with front(tmp_path, url=url) as made:
        yield made


@pytest.fixture
async def admin(api: Front) -> Browser:
    """The first administrator, signed in."""
    return await api.admin()
