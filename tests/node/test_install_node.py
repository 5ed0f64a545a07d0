"""`ringmaster install cluster` on a real node: twice, upgraded twice, gone back from, taken off twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import account, images
from support.clusters import KUBECTL, OwnCluster
from support.manifests import API
from support.renders import ROOT

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

DAILY = {"daily": {}, "destination": {"volumeClaim": "ringmaster-backups"}}
SCHEDULE = {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "history"}, "spec": DAILY}


def overlay(folder: Path, **settings: str) -> str:
    """overlays/dev with a volume for backups, and settings of one's own."""
    folder.mkdir()
    place = Path(os.path.relpath(ROOT / "kustomize", folder))
    literals = [f"{name}={value}" for name, value in settings.items()]
    more = {"name": "ringmaster-settings", "namespace": account.NAMESPACE, "behavior": "merge"}
    own: dict[str, Any] = {
        "resources": [str(place / "overlays" / "dev")],
        "components": [str(place / "components" / "backup-volume")],
        "configMapGenerator": [{**more, "literals": literals}] if literals else [],
        "labels": [{"pairs": {"app.kubernetes.io/part-of": "ringmaster"}}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    return str(folder)


class Person:
    """Who has kubectl and ringmaster, and a kubeconfig."""

    def __init__(self, cluster: OwnCluster) -> None:
        self._env = {
            "PATH": f"{KUBECTL.parent}:{os.environ['PATH']}",
            "HOME": "/nowhere",
            "KUBECONFIG": str(cluster.kubeconfig),
        }

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code, and what was said."""
        command = [sys.executable, "-m", "ringmaster_cli", *words]
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=280, check=False
        )
        print(words, done.returncode, done.stdout, done.stderr, sep="\n")
        return done.returncode, done.stdout + done.stderr


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
