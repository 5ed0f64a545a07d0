"""The same operator with its history in PostgreSQL: a URL is all that changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.history import History
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.postgres import Postgres
from support.sessions import Session, make_worker, usage

pytestmark = [pytest.mark.cluster, pytest.mark.postgres]


@pytest.fixture
def on_postgres(own_cluster: Any, postgres_server: Postgres, tmp_path: Path) -> Iterator[OperatorProcess]:
    own_cluster.kubectl("create", "namespace", "pg")
    settings = {"RINGMASTER_DATABASE_URL": postgres_server.fresh()}
    process = OperatorProcess(own_cluster.kubeconfig, "pg", tmp_path, settings=settings)
    process.start()
    yield process
    process.stop()
    print(process.tail())


async def test_beads_are_worked_and_survive_a_crash_with_postgresql(
    own_cluster: Any, on_postgres: OperatorProcess
) -> None:
    session = Session(on_postgres.url, make_worker(own_cluster, "pg"))
    try:
        own_cluster.kubectl(
            "create", "-n", "pg", "-f-", stdin=listed([bead("a"), bead("b", dependsOn=["a"])])
        )
        first = await session.pull(wait=30)
        assert first is not None
        on_postgres.kill()
        on_postgres.start()
        assert (await session.report(first, usage=usage(usd=0.5)))[0] == 200
        second = await session.pull(wait=30)
        assert second is not None
        assert second.bead.name == "b"
        await session.report(second)
    finally:
        await session.close()
    on_postgres.stop()
    history = await History.open(on_postgres.database)
    attempts = [summary.attempt for summary in await history.attempts_in(namespace="pg")]
    await history.close()
    assert [(attempt.bead, attempt.kind) for attempt in attempts] == [("a", "success"), ("b", "success")]
