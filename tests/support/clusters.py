"""The clusters that tests run on: what hack/cluster gives, and what tests do with it."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HACK_CLUSTER = REPOSITORY / "hack" / "cluster"
KUBECTL = REPOSITORY / ".venv" / "bin" / "kubectl"


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

    def load(self, *archives: str) -> None:
        """Make the images of archives known to the node."""
        hack_cluster("load", "--name", self.name, *archives)

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the node's network, where pods and Services have their addresses."""
        run = [str(HACK_CLUSTER), "exec", "--name", self.name, "--", *command]
        return subprocess.run(run, capture_output=True, text=True, check=False)

    def audit_size(self) -> int:
        """How many bytes the audit log has."""
        assert self.audit_log is not None, "a given cluster has no audit log that could be read"
        return self.audit_log.stat().st_size


@dataclass(frozen=True)
class OwnCluster(Cluster):
    """A cluster that only the asking module uses, so it may be broken."""

    def kill(self, part: str) -> None:
        """End a part, such as `apiserver`, `etcd` or `kubelet`, as a crash would."""
        hack_cluster("kill", part, "--name", self.name)

    def restore(self) -> None:
        """Bring back what was killed, on the same address and data, and wait until it works."""
        hack_cluster("up", "--name", self.name)

    def restart(self, part: str) -> None:
        """Kill a part and bring it back."""
        self.kill(part)
        self.restore()


Kind = TypeVar("Kind", bound=Cluster)


def named(kind: type[Kind], *which: str) -> Kind:
    """The cluster that `hack/cluster --name` or `--kubeconfig` means."""
    status = json.loads(hack_cluster("status", "--json", *which))
    return kind(
        name=status["name"],
        kubeconfig=Path(status["kubeconfig"]),
        audit_log=Path(status["auditLog"]) if "auditLog" in status else None,
    )


def end_orphans() -> None:
    """End the clusters of test runs that were killed, which could not do it."""
    for name in hack_cluster("list").split():
        run = re.fullmatch(r"(?:test|own|node)-(\d+)(?:-.*)?", name)
        if run and not Path("/proc", run[1]).exists():
            hack_cluster("down", "--name", name)


def definitions() -> dict[str, dict[str, Any]]:
    """Ringmaster's custom resource definitions, as they are in crds/, by name."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "crds").glob("*.yaml"))]
    wanted = [document for document in documents if document["kind"] == "CustomResourceDefinition"]
    return {document["metadata"]["name"]: document for document in wanted}


def add_definitions(cluster: Cluster) -> list[str]:
    """Install the definitions, and return those that are new. A given cluster's old ones stay as they are."""
    wanted = definitions()
    present = cluster.kubectl("get", "crd", "--output=name").split()
    new = [name for name in wanted if f"customresourcedefinition.apiextensions.k8s.io/{name}" not in present]
    apply = new if cluster.audit_log is None else list(wanted)
    if apply:
        text = yaml.safe_dump_all([wanted[name] for name in apply])
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
        names = [f"crd/{name}" for name in apply]
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=150s", *names)
    return new


def drop_definitions(cluster: Cluster) -> None:
    """Delete the definitions, with all their objects, and wait until they are gone.

    An API server that could not remove the objects at once ("storage is (re)initializing") may forget that it
    has to for five minutes; a change of the definition makes it try again.
    """
    names = list(definitions())
    cluster.kubectl("delete", "crd", *names, "--ignore-not-found", "--wait=false")
    until = time.monotonic() + 150
    while left := cluster.kubectl("get", "crd", *names, "--ignore-not-found", "--output=name").split():
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.5)
        for name in left:
            with suppress(AssertionError):  # gone by now
                seen = f"ringmaster.dev/seen-at={time.monotonic()}"
                cluster.kubectl("annotate", "--overwrite", name, seen)


def fresh_namespace(cluster: Cluster) -> str:
    """Make a namespace that pods can be created in at once."""
    name = f"test-{secrets.token_hex(5)}"
    cluster.kubectl("create", "namespace", name)
    for made_by_controllers in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
        cluster.kubectl("wait", "--for=create", made_by_controllers, "--timeout=150s", "--namespace", name)
    return name


def drop_namespace(cluster: Cluster, name: str) -> None:
    """Delete a namespace, and the finalizers in it: the operator that takes them off may be gone by now."""
    cluster.kubectl("delete", "namespace", name, "--wait=false")
    for definition in definitions():
        for item in cluster.get(definition, "--namespace", name)["items"]:
            if item["metadata"].get("finalizers"):  # others may be gone any moment
                _let_go(cluster, name, f"{definition}/{item['metadata']['name']}")


def _let_go(cluster: Cluster, namespace: str, held: str) -> None:
    """Take the finalizers off, unless an operator that still runs has done so: then it may be gone."""
    free = '--patch={"metadata":{"finalizers":null}}'
    try:
        cluster.kubectl("patch", held, "--type=merge", free, "--namespace", namespace)
    except AssertionError:
        assert cluster.kubectl("get", held, "--namespace", namespace, "--ignore-not-found") == ""
