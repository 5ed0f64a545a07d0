"""Tests on a node: in this folder `cluster`, and all fixtures that use it, mean one that really runs pods."""

from __future__ import annotations

import pytest

from support import images
from support.clusters import Cluster


def pytest_collection_finish(session: pytest.Session) -> None:
    """Images take minutes the first time: before the tests, whose time is limited."""
    needed = any(item.get_closest_marker("node") for item in session.items)
    if needed and not session.config.option.collectonly:
        images.build()


@pytest.fixture(scope="session")
def cluster(node_cluster: Cluster) -> Cluster:
    """The session's cluster that runs pods."""
    return node_cluster


@pytest.fixture(scope="session")
def image_cluster(node_cluster: Cluster) -> Cluster:
    """The same cluster, with the images of this checkout on its node; built where it changed."""
    node_cluster.load(*images.build())
    return node_cluster
