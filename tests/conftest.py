"""What the tests share: a Kubernetes, through pytest-kind's own fixture, whoever provides the cluster.

`pytest` alone is enough: hack/kind-shim stands for kind and starts what hack/cluster finds best on this
machine. With KUBECONFIG or --kubeconfig that cluster is used, in namespaces of the tests' own, and left as
it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support import s3
from support.clusters import (
    HACK_CLUSTER,
    KUBECTL,
    REPOSITORY,
    Cluster,
    OwnCluster,
    add_definitions,
    drop_namespace,
    end_orphans,
    fresh_namespace,
    hack_cluster,
    named,
)

# A slow machine is no reason to fail; RINGMASTER_EXAMPLES=10000 is the full form of every property test.
settings.register_profile(
    "ringmaster",
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("RINGMASTER_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ringmaster")

KIND_SHIM = REPOSITORY / "hack" / "kind-shim"
GIVEN = "given"  # the name that hack/kind-shim always finds
#: The kubeconfig and the cluster's name that the user gave, "" where not.
CHOICE = pytest.StashKey[tuple[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make plain `pytest` do: pytest-kind would download its programs where these options are not set."""
    option = config.option
    chosen = "" if option.cluster_name == "pytest-kind" else option.cluster_name
    config.stash[CHOICE] = (option.kubeconfig or os.environ.get("KUBECONFIG", ""), chosen)
    option.kind_bin = option.kind_bin or str(KIND_SHIM)
    option.kind_kubectl_bin = option.kind_kubectl_bin or str(KUBECTL)


def _session_cluster_name(config: pytest.Config) -> str:
    """With xdist each worker has a cluster of its own: a module's operator watches all namespaces."""
    return config.stash[CHOICE][1] or f"test-{os.getpid()}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """The first build of a cluster's programs takes minutes: before the tests, whose time is limited."""
    for marker, level in (("cluster", "control-plane"), ("node", "node")):
        needed = any(item.get_closest_marker(marker) for item in session.items)
        if needed and not session.config.option.collectonly:
            hack_cluster("prepare", "--level", level)
    if not session.config.option.collectonly and any(item.get_closest_marker("s3") for item in session.items):
        s3.program()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The session's cluster, with Ringmaster's resource definitions in it. Other tests use it too."""
    given, _ = request.config.stash[CHOICE]
    with tempfile.TemporaryDirectory(prefix="ringmaster-kubeconfig-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        with HACK_CLUSTER.open() as turn:  # one session or worker at a time finds out whether it is there
            fcntl.flock(turn, fcntl.LOCK_EX)
            _choose_cluster(request.config, given, kubeconfig)
            kind = request.getfixturevalue("kind_cluster")
        for unused in (kind.path, kind.path.parent):  # pytest-kind makes them for downloads, not done here
            with contextlib.suppress(OSError):
                unused.rmdir()
        ready = named(Cluster, *(["--kubeconfig", given] if given else ["--name", kind.name]))
        added = add_definitions(ready)
        yield ready
        if ready.audit_log is None:  # not made by hack/cluster: leave it as it was
            for definition in added:
                ready.kubectl("delete", "crd", definition)


def _choose_cluster(config: pytest.Config, given: str, kubeconfig: Path) -> None:
    """Set pytest-kind's options, which its fixture reads next; it reads or writes `kubeconfig`."""
    option = config.option
    if given:
        if not Path(given).is_file():
            raise pytest.UsageError(f"there is no kubeconfig {given}: correct KUBECONFIG, or unset it")
        kubeconfig.write_bytes(Path(given).read_bytes())  # a copy, because pytest-kind touches its file
        option.cluster_name, option.keep_cluster = GIVEN, True
    else:
        end_orphans()
        option.cluster_name = _session_cluster_name(config)
        exists = option.cluster_name in hack_cluster("list").split()
        if exists:
            source = hack_cluster("kubeconfig", "--name", option.cluster_name).strip()
            kubeconfig.write_bytes(Path(source).read_bytes())
        option.keep_cluster = option.keep_cluster or exists  # what was not started here is not ours to end
    option.kubeconfig = str(kubeconfig)


@pytest.fixture(scope="session")
def node_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The session's cluster that runs pods: given, named with --cluster-name, or made for this session."""
    given, chosen = request.config.stash[CHOICE]
    if given:
        ready = named(Cluster, "--kubeconfig", given)
        added = add_definitions(ready)
        yield ready
        for definition in added if ready.audit_log is None else []:
            ready.kubectl("delete", "crd", definition)
        return
    end_orphans()
    name = chosen or f"node-{os.getpid()}"
    exists = name in hack_cluster("list").split()
    with contextlib.nullcontext() if exists else _ended(name):
        hack_cluster("up", "--level", "node", "--name", name)
        ready = named(Cluster, "--name", name)
        add_definitions(ready)
        yield ready


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[OwnCluster]:
    """A cluster of this module's own, for tests that kill parts of it. It takes some seconds and 0.5 GB."""
    yield from _own("control-plane")


@pytest.fixture(scope="module")
def own_node_cluster() -> Iterator[OwnCluster]:
    """A cluster of this module's own that runs pods, for tests that break it. It takes 15 s and 1 GB."""
    yield from _own("node")


def _own(level: str) -> Iterator[OwnCluster]:
    name = f"own-{os.getpid()}-{secrets.token_hex(3)}"
    with _ended(name):
        hack_cluster("up", "--level", level, "--name", name)
        ready = named(OwnCluster, "--name", name)
        add_definitions(ready)
        yield ready


@contextmanager
def _ended(name: str) -> Iterator[None]:
    try:
        yield
    finally:
        hack_cluster("down", "--name", name)


@pytest.fixture
def make_namespace(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Makes fresh namespaces; each is deleted after the test, and what holds it back is let go."""
    made: list[str] = []

    def make() -> str:
        made.append(fresh_namespace(cluster))
        return made[-1]

    yield make
    for name in made:
        drop_namespace(cluster, name)


@pytest.fixture
def namespace(make_namespace: Callable[[], str]) -> str:
    """The name of a fresh namespace, deleted after the test."""
    return make_namespace()
