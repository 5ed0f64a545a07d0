"""An operator on the session's cluster, in a namespace of the test's own."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest

from support.operators import OperatorProcess
from support.people import Person, accounts
from support.postgres import postgres_server
from support.programs import OPEN as programs_open
from support.sessions import OPEN as sessions_open
from support.sessions import Session, make_worker, seeded

__all__ = ["postgres_server"]

#: Quick where the defaults are meant for people's days, so that a test sees a whole life in seconds.
QUICK = {"RINGMASTER_BACKOFF_SECONDS": "0.2", "RINGMASTER_LEASE_SECONDS": "15"}


@pytest.fixture(autouse=True)
async def nothing_is_left_open() -> AsyncIterator[None]:
    """What a failed test left open would make the next one fail too."""
    yield
    for session in list(sessions_open):
        await session.close()
    for program in list(programs_open):
        await asyncio.to_thread(program.end)


@pytest.fixture(scope="module")
def shared_operator(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator for all namespaces, as long as a module runs: other modules bring operators of their own.

    Tests that kill theirs take own_cluster.
    """
    process = OperatorProcess(cluster.kubeconfig, "", tmp_path_factory.mktemp("op"), settings=dict(QUICK))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def operator(shared_operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """The running operator; what it logged is shown when the test fails."""
    began = shared_operator.log.stat().st_size
    yield shared_operator
    print(shared_operator.log.read_bytes()[began:].decode(errors="replace"))


@pytest.fixture
async def sessions(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> AsyncIterator[Callable[..., Session]]:
    """Makes sessions of the Worker `fleet`."""
    token = make_worker(cluster, namespace)
    made: list[Session] = []

    def make(name: str = "fleet-0") -> Session:
        made.append(Session(operator.url, token, name=name))
        return made[-1]

    yield make
    for session in made:
        await session.close()


@pytest.fixture
async def session(sessions: Callable[..., Session]) -> Session:
    return sessions()


@pytest.fixture
def rng() -> random.Random:
    """Random, and replayable: the seed is printed."""
    return seeded(int(os.environ.get("RINGMASTER_SEED", random.SystemRandom().randrange(1 << 32))))


@pytest.fixture
def people(cluster: Any, namespace: str, operator: OperatorProcess) -> Iterator[Callable[[str], Person]]:
    """Who calls the API for people: reader, editor or nobody."""
    tokens = accounts(cluster, namespace)
    with httpx2.Client(timeout=60) as client:
        yield lambda name: Person(operator.url, tokens[name], namespace, client)
