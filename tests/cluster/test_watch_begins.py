"""A watch begins without a second list of all that the operator has listed already."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess

pytestmark = pytest.mark.cluster


async def test_beads_are_listed_in_full_once_and_followed_from_there(
    cluster: Any, namespace: str, tmp_path: Path
) -> None:
    async def kubectl(*arguments: str, stdin: str | None = None) -> None:
        await asyncio.to_thread(lambda: cluster.kubectl(*arguments, "-n", namespace, stdin=stdin))

    await kubectl("create", "-f-", stdin=listed([bead("early"), bead("gone")]))
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    since = cluster.audit_size()
    try:
        await asyncio.to_thread(operator.start)
        await kubectl("wait", "beads", "--all", "--for=condition=Ready", "--timeout=90s")
        await kubectl("create", "-f-", stdin=listed([bead("late")]))
        await kubectl("wait", "bead/late", "--for=condition=Ready", "--timeout=90s")
        await kubectl("delete", "bead/gone")
        async with asyncio.timeout(90):
            while await asyncio.to_thread(operator.metric, "ringmaster_beads") != 2:
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(operator.stop)
        print(operator.tail())
    lists = [entry for entry in cluster.audit(since=since) if of_beads(entry, namespace)]
    kopfs = [entry for entry in lists if entry["userAgent"].startswith("kopf/")]
    assert kopfs
    assert all(query(entry)["fieldSelector"] == ["metadata.name=-"] for entry in kopfs)


def of_beads(entry: dict[str, Any], namespace: str) -> bool:
    what = entry.get("objectRef", {})
    return (entry["verb"], what.get("resource"), what.get("namespace")) == ("list", "beads", namespace)


def query(entry: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(urlsplit(entry["requestURI"]).query)
