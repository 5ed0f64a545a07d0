"""What happened while no operator ran: a module of its own, for no other operator may serve the namespace."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead
from support.operators import OperatorProcess
from support.reading import create, rows

pytestmark = pytest.mark.cluster


async def test_a_bead_deleted_while_no_operator_runs_is_marked_at_the_next_start(
    cluster: Any, namespace: str, tmp_path: Path
) -> None:
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    query = "select name, deleted_at is not null from bead order by name"
    try:
        operator.start()
        create(cluster, namespace, bead("kept"), bead("gone"))
        for name in ("kept", "gone"):
            cluster.kubectl("wait", "-n", namespace, f"bead/{name}", "--for=condition=Ready", "--timeout=60s")
        operator.stop()
        assert rows(operator, query) == [("gone", 0), ("kept", 0)]
        cluster.kubectl("delete", "-n", namespace, "bead/gone")
        operator.start()
        end = time.monotonic() + 60
        while rows(operator, query) == [("gone", 0), ("kept", 0)] and time.monotonic() < end:
            await asyncio.sleep(0.1)
    finally:
        operator.stop()
    assert rows(operator, query) == [("gone", 1), ("kept", 0)]
