"""Tests on a node: in this folder `cluster`, and all fixtures that use it, mean one that really runs pods."""

from __future__ import annotations

import pytest

from support.clusters import Cluster


@pytest.fixture(scope="session")
def cluster(node_cluster: Cluster) -> Cluster:
    """The session's cluster that runs pods."""
    return node_cluster
