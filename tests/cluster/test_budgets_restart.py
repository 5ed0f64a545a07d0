"""A restart forgets no money: what was spent is in the history, what runs is in the claims."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.projects import settings
from support.reading import rows
from support.sessions import Session, make_worker, usage

pytestmark = pytest.mark.cluster


async def test_a_restart_remembers_what_was_spent_and_what_runs(
    cluster: Any, namespace: str, tmp_path: Path
) -> None:
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    operator.start()
    settings(cluster, namespace, operator, "[budget]\nusdPerDay = 2.5\n")
    token = make_worker(cluster, namespace)
    one, two = (Session(operator.url, token, name=f"fleet-{number}") for number in range(2))
    beads = listed(bead(f"b{number}") for number in range(4))
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=beads)
    done, running = await one.pull(wait=30), await two.pull(wait=30)
    assert done is not None
    assert running is not None
    await one.report(done, usage=usage(usd=1.2))
    kept = "select count(*) from bead where namespace = ?"  # it tells what kind of work it was
    while rows(operator, kept, namespace) != [(4,)]:
        await asyncio.sleep(0.05)
    operator.kill()
    operator.start()
    assert "the project has spent $1.20 of $2.50 today, and $1.20 is set aside" in str((await one.ask())[1])
    await two.report(running, usage=usage(usd=0.1))
    assert await one.pull(wait=30) is not None
    await one.close()
    await two.close()
    operator.stop()
