"""Lists of nothing: an API server sends null for the items of an empty list of names."""

from __future__ import annotations

from typing import Any

import pytest

from ringmaster_operator.kube import BEADS, WORKERS, Kube
from support.manifests import bead, listed

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("metadata_only", [False, True])
async def test_a_list_of_nothing_is_empty(cluster: Any, namespace: str, metadata_only: bool) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("only")]))
    kube = await Kube.connect(str(cluster.kubeconfig))
    try:
        found = [
            [
                item["metadata"]["name"]
                async for item in kube.list(kind, namespace, metadata_only=metadata_only)
            ]
            for kind in (BEADS, WORKERS)
        ]
    finally:
        await kube.close()
    assert found == [["only"], []]
