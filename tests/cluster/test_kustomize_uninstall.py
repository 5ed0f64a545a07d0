"""`ringmaster uninstall` where the operator is gone: nothing waits for a finalizer, what is kept is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support import account, renders
from support.manifests import bead, listed, worker

pytestmark = pytest.mark.cluster

HELD = {"name": "w", "finalizers": ["ringmaster.dev/sessions", "example.com/theirs"]}
PROJECT = "a-project"
REMINDED = "ringmaster.dev/removal-seen-at"


def uninstall(cluster: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "KUBECONFIG": str(cluster.kubeconfig)}
    command = [sys.executable, "-m", "ringmaster_cli", "uninstall", *arguments]
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def install(cluster: Any) -> None:
    account.install(cluster, "dev", kinds=("Namespace",))
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=renders.text("dev"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/workers.ringmaster.dev")


def names(cluster: Any, *what: str) -> set[str]:
    """What of ours is there."""
    label = "--selector=app.kubernetes.io/part-of=ringmaster"
    return set(cluster.kubectl("get", *what, label, "--output=name", "--ignore-not-found").split())


POLICIES = "validatingadmissionpolicies,validatingadmissionpolicybindings"
CLUSTER_WIDE = f"clusterroles,clusterrolebindings,priorityclasses,{POLICIES}"
INSIDE = "deployments,services,configmaps,serviceaccounts,networkpolicies,roles,rolebindings"


def test_uninstall_without_an_operator(own_cluster: Any) -> None:
    install(own_cluster)
    own_cluster.kubectl("create", "namespace", PROJECT)
    held = {**worker("w"), "metadata": HELD}
    own_cluster.kubectl("create", "-n", PROJECT, "-f-", stdin=listed([held, bead("b")]))
    asked = uninstall(own_cluster)
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True), asked
    assert names(own_cluster, INSIDE, "-n", account.NAMESPACE)

    done = uninstall(own_cluster, "--yes")
    assert done.returncode == 0, done
    assert "no operator is ready here" in done.stderr
    assert names(own_cluster, CLUSTER_WIDE) == set()
    assert names(own_cluster, INSIDE, "-n", account.NAMESPACE) == set()
    assert names(own_cluster, "pvc", "-n", account.NAMESPACE) == {"persistentvolumeclaim/ringmaster-history"}
    kept = own_cluster.get("worker/w", "-n", PROJECT)
    assert kept["metadata"]["finalizers"] == ["example.com/theirs"]
    assert not kept["spec"].get("suspend")
    assert own_cluster.get("bead/b", "-n", PROJECT)
    # And so a project can be deleted though nobody is there to let go of its Workers.
    own_cluster.kubectl(
        "patch", "worker/w", "-n", PROJECT, "--type=merge", '-p={"metadata":{"finalizers":null}}'
    )

    assert uninstall(own_cluster, "--yes", "--purge").returncode == 0
    assert names(own_cluster, "crd") == set()
    left = own_cluster.kubectl("get", "namespace", account.NAMESPACE, "--ignore-not-found")
    assert left == ""
    again = uninstall(own_cluster, "--yes")
    assert (again.returncode, "not installed" in again.stderr) == (3, True), again


def test_purge_lets_go_of_workers_that_nobody_looks_after(own_cluster: Any) -> None:
    install(own_cluster)
    held = {**worker("w"), "metadata": {"name": "w", "finalizers": ["ringmaster.dev/sessions"]}}
    own_cluster.kubectl("create", "-n", PROJECT, "-f-", stdin=listed([held]))
    own_cluster.kubectl("delete", "worker/w", "-n", PROJECT, "--wait=false")
    done = uninstall(own_cluster, "--yes", "--purge", "--now")
    assert done.returncode == 0, done
    assert names(own_cluster, "crd") == set()


def test_purge_reminds_an_api_server_that_forgets_a_definition(own_cluster: Any) -> None:
    """Its own failure comes by chance: here one is written into the status of a definition that is held."""
    install(own_cluster)
    crd = "crd/beads.ringmaster.dev"
    own_cluster.kubectl("patch", crd, "--type=merge", '-p={"metadata":{"finalizers":["example.com/held"]}}')
    failed = {"type": "Terminating", "status": "True", "reason": "InstanceDeletionFailed"}
    patch = json.dumps({"status": {"conditions": [failed]}})
    with ThreadPoolExecutor() as pool:
        purging = pool.submit(uninstall, own_cluster, "--yes", "--purge", "--now")
        own_cluster.kubectl("wait", crd, "--for=jsonpath={.metadata.deletionTimestamp}", "--timeout=90s")
        while not purging.done() and REMINDED not in own_cluster.get(crd)["metadata"].get("annotations", {}):
            # Again and again: the API server writes there too.
            own_cluster.kubectl("patch", crd, "--subresource=status", "--type=merge", "-p", patch)
            time.sleep(0.5)
        own_cluster.kubectl("patch", crd, "--type=merge", '-p={"metadata":{"finalizers":null}}')
        assert purging.result().returncode == 0
    assert names(own_cluster, "crd") == set()
