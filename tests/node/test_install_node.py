"""`ringmaster install cluster` on a real node: twice, upgraded twice, gone back from, taken off twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import account, images
from support.clusters import OwnCluster
from support.installs import SCHEDULE, Person, overlay

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


def test_a_cluster_is_installed_upgraded_and_cleared(own_node_cluster: OwnCluster, tmp_path: Path) -> None:
    cluster, run = own_node_cluster, Person(own_node_cluster)
    for archive in images.build("operator"):
        cluster.load(archive)
    first, second = overlay(tmp_path / "1"), overlay(tmp_path / "2", RINGMASTER_LOG_LEVEL="INFO")

    code, said = run("doctor", "cluster")
    assert code == 0, said
    code, said = run("install", "cluster", "--overlay", first, "--yes")
    assert (code, "its operator is ready" in said) == (0, True)
    code, said = run("install", "cluster", "--overlay", first, "--yes")
    assert (code, "nothing to change" in said) == (0, True)

    code, said = run("install", "cluster", "--overlay", second, "--yes")
    assert (code, "no BackupSchedule" in said) == (4, True)
    cluster.kubectl("create", "-n", account.NAMESPACE, "-f-", stdin=json.dumps(SCHEDULE))
    code, said = run("install", "cluster", "--overlay", second, "--yes")
    assert (code, "backed up as ringmaster-manual-" in said) == (0, True)
    code, said = run("install", "cluster", "--overlay", second, "--yes")
    assert (code, "nothing to change" in said) == (0, True)

    broken = ("--image", "localhost/ringmaster/operator:gone", "--timeout", "30", "--without-backup")
    code, said = run("install", "cluster", "--overlay", second, "--yes", *broken)
    assert (code, "the former operator is back" in said) == (1, True)
    ready = "-o=jsonpath={.status.readyReplicas} {.spec.template.spec.containers[0].image}"
    where = ("get", "deployment/ringmaster-operator", "-n", account.NAMESPACE)
    assert cluster.kubectl(*where, ready) == "1 localhost/ringmaster/operator:dev"

    assert run("uninstall", "--yes", "--now")[0] == 0
    assert "history" in cluster.kubectl("get", "pvc,bks", "-n", account.NAMESPACE, "-o=name")
    assert run("uninstall", "--yes", "--now", "--purge")[0] == 0
    assert run("uninstall", "--yes", "--now")[0] == 3
