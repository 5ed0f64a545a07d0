"""What the tests share: a Kubernetes, through pytest-kind's own fixture, whoever provides the cluster.

`pytest` alone is enough: hack/kind-shim stands for kind and starts what hack/cluster finds best on this
machine. With KUBECONFIG or --kubeconfig that cluster is used, in namespaces of the tests' own, and left as
it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import HealthCheck, settings

# A slow machine is no reason to fail; RINGMASTER_EXAMPLES=10000 is the full form of every property test.
settings.register_profile(
    "ringmaster",
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("RINGMASTER_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ringmaster")

REPOSITORY = Path(__file__).resolve().parent.parent
HACK_CLUSTER = REPOSITORY / "hack" / "cluster"
KIND_SHIM = REPOSITORY / "hack" / "kind-shim"
KUBECTL = REPOSITORY / ".venv" / "bin" / "kubectl"
GIVEN = "given"  # the name that hack/kind-shim always finds


def hack_cluster(*arguments: str) -> str:
    """Run hack/cluster and return what it printed; its progress and errors go to standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [str(HACK_CLUSTER), *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers."""

    name: str
    kubeconfig: Path
    #: One JSON object a line for each request to the API server; None where hack/cluster did not make it.
    audit_log: Path | None

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, with `stdin` as its input, and return its output; a failure shows what it said."""
        command = [str(KUBECTL), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """`kubectl get ARGUMENTS`, as the object that it is."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def audit(self, *, since: int = 0) -> list[dict[str, Any]]:
        """The API server's requests from a byte of the audit log on; `audit_size` gives where it is now."""
        assert self.audit_log is not None, "a given cluster has no audit log that could be read"
        with self.audit_log.open("rb") as log:
            log.seek(since)
            whole_lines, _, _ = log.read().rpartition(b"\n")
        return [json.loads(line) for line in whole_lines.splitlines()]

    def audit_size(self) -> int:
        """How many bytes the audit log has."""
        assert self.audit_log is not None, "a given cluster has no audit log that could be read"
        return self.audit_log.stat().st_size


@dataclass(frozen=True)
class OwnCluster(Cluster):
    """A cluster that only the asking module uses, so it may be broken."""

    def kill(self, part: str) -> None:
        """End `apiserver`, `etcd` or `controller-manager` as a crash would."""
        hack_cluster("kill", part, "--name", self.name)

    def restore(self) -> None:
        """Bring back what was killed, on the same address and data, and wait until it works."""
        hack_cluster("up", "--name", self.name)

    def restart(self, part: str) -> None:
        """Kill a part and bring it back."""
        self.kill(part)
        self.restore()


Kind = TypeVar("Kind", bound=Cluster)


def _cluster(kind: type[Kind], *which: str) -> Kind:
    status = json.loads(hack_cluster("status", "--json", *which))
    return kind(
        name=status["name"],
        kubeconfig=Path(status["kubeconfig"]),
        audit_log=Path(status["auditLog"]) if "auditLog" in status else None,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make plain `pytest` do: pytest-kind would download its programs where these options are not set."""
    option = config.option
    option.kind_bin = option.kind_bin or str(KIND_SHIM)
    option.kind_kubectl_bin = option.kind_kubectl_bin or str(KUBECTL)
    if _is_xdist_controller(config):
        option.testrunuid = str(os.getpid())  # the workers share the cluster that is named after it


def _is_xdist_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput") and bool(getattr(config.option, "tx", None))


def _session_cluster_name(config: pytest.Config) -> str:
    chosen: str = config.option.cluster_name
    if chosen != "pytest-kind":
        return chosen
    return f"test-{getattr(config, 'workerinput', {}).get('testrunuid', os.getpid())}"


def _end_orphans() -> None:
    """End the clusters of test runs that were killed, which could not do it."""
    for name in hack_cluster("list").split():
        run = re.fullmatch(r"(?:test|own)-(\d+)(?:-.*)?", name)
        if run and not Path("/proc", run[1]).exists():
            hack_cluster("down", "--name", name)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The first build of a cluster's programs takes minutes: before the tests, whose time is limited."""
    needed = any(item.get_closest_marker("cluster") for item in session.items)
    if needed and not session.config.option.collectonly:
        hack_cluster("prepare")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With xdist the workers share one cluster, so the process that outlives them all ends it."""
    config = session.config
    if _is_xdist_controller(config) and config.option.cluster_name == "pytest-kind":
        name = _session_cluster_name(config)
        if not config.option.keep_cluster and name in hack_cluster("list").split():
            hack_cluster("down", "--name", name)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The session's cluster, with Ringmaster's resource definitions in it. Other tests use it too."""
    given = request.config.option.kubeconfig or os.environ.get("KUBECONFIG")
    with tempfile.TemporaryDirectory(prefix="ringmaster-kubeconfig-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        with HACK_CLUSTER.open() as turn:  # one session or worker at a time finds out whether it is there
            fcntl.flock(turn, fcntl.LOCK_EX)
            _choose_cluster(request.config, given, kubeconfig)
            kind = request.getfixturevalue("kind_cluster")
        for unused in (kind.path, kind.path.parent):  # pytest-kind makes them for downloads, not done here
            with contextlib.suppress(OSError):
                unused.rmdir()
        ready = _cluster(Cluster, *(["--kubeconfig", given] if given else ["--name", kind.name]))
        added = _add_definitions(ready)
        yield ready
        if ready.audit_log is None:  # not made by hack/cluster: leave it as it was
            for definition in added:
                ready.kubectl("delete", "crd", definition)


def _choose_cluster(config: pytest.Config, given: str | None, kubeconfig: Path) -> None:
    """Set pytest-kind's options, which its fixture reads next; it reads or writes `kubeconfig`."""
    option = config.option
    if given:
        if not Path(given).is_file():
            raise pytest.UsageError(f"there is no kubeconfig {given}: correct KUBECONFIG, or unset it")
        kubeconfig.write_bytes(Path(given).read_bytes())  # a copy, because pytest-kind touches its file
        option.cluster_name, option.keep_cluster = GIVEN, True
    else:
        _end_orphans()
        option.cluster_name = _session_cluster_name(config)
        exists = option.cluster_name in hack_cluster("list").split()
        if exists:
            source = hack_cluster("kubeconfig", "--name", option.cluster_name).strip()
            kubeconfig.write_bytes(Path(source).read_bytes())
        # What this session did not start, and what other workers still use, is not its to end.
        option.keep_cluster = option.keep_cluster or exists or hasattr(config, "workerinput")
    option.kubeconfig = str(kubeconfig)


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[OwnCluster]:
    """A cluster of this module's own, for tests that kill parts of it. It takes some seconds and 0.5 GB."""
    name = f"own-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        hack_cluster("up", "--name", name)
        ready = _cluster(OwnCluster, "--name", name)
        _add_definitions(ready)
        yield ready
    finally:
        hack_cluster("down", "--name", name)


def definitions() -> dict[str, dict[str, Any]]:
    """Ringmaster's custom resource definitions, as they are in crds/, by name."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "crds").glob("*.yaml"))]
    wanted = [document for document in documents if document["kind"] == "CustomResourceDefinition"]
    return {document["metadata"]["name"]: document for document in wanted}


def _add_definitions(cluster: Cluster) -> list[str]:
    """Install the definitions, and return those that are new. A given cluster's old ones stay as they are."""
    wanted = definitions()
    present = cluster.kubectl("get", "crd", "--output=name").split()
    new = [name for name in wanted if f"customresourcedefinition.apiextensions.k8s.io/{name}" not in present]
    apply = new if cluster.audit_log is None else list(wanted)
    if apply:
        text = yaml.safe_dump_all([wanted[name] for name in apply])
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
        names = [f"crd/{name}" for name in apply]
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    return new


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


def fresh_namespace(cluster: Cluster) -> str:
    """Make a namespace that pods can be created in at once."""
    name = f"test-{secrets.token_hex(5)}"
    cluster.kubectl("create", "namespace", name)
    for made_by_controllers in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
        cluster.kubectl("wait", "--for=create", made_by_controllers, "--timeout=60s", "--namespace", name)
    return name


def drop_namespace(cluster: Cluster, name: str) -> None:
    """Delete a namespace, and the finalizers in it: the operator that would take them off is gone by now."""
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    free = '--patch={"metadata":{"finalizers":null}}'
    for definition in definitions():
        for item in cluster.get(definition, "--namespace", name)["items"]:
            if item["metadata"].get("finalizers"):  # others may be gone any moment
                held = f"{definition}/{item['metadata']['name']}"
                cluster.kubectl("patch", held, "--type=merge", free, "--namespace", name)
