"""Backups beside a running operator, restores, and a cluster that is rebuilt, on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.services import REPLICAS, Deployment
from support.manifests import bead
from support.operators import OperatorProcess
from support.reading import create, rows, status_of
from support.sessions import Session, make_worker, usage

pytestmark = pytest.mark.cluster


@pytest.fixture
def mine(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator of this test's own, which is stopped and started."""
    process = OperatorProcess(
        cluster.kubeconfig, namespace, tmp_path, settings={"RINGMASTER_BACKOFF_SECONDS": "0.2"}
    )
    process.start()
    yield process
    process.stop()
    print(process.tail())


def ringmaster(operator: OperatorProcess, *words: str, fine: bool = True) -> subprocess.CompletedProcess[str]:
    """The program, as a person beside the operator calls it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(operator.folder),
        "KUBECONFIG": str(operator.kubeconfig),
        "RINGMASTER_NAMESPACE": operator.namespace,
        "RINGMASTER_DATABASE_URL": operator.database,
        "RINGMASTER_BACKUP_TARGET": str(operator.folder / "backups"),
    }
    program = "from ringmaster_cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode == 0) == fine, done.stderr
    return done


async def test_what_is_done_stays_done(cluster: Any, namespace: str, mine: OperatorProcess) -> None:
    """Beads done and claimed after the backup: not run again, and their reports are taken."""
    session = Session(mine.url, make_worker(cluster, namespace))
    other = Session(mine.url, session.token, name="fleet-1")
    try:
        create(cluster, namespace, bead("a"), bead("b", dependsOn=["a"]), bead("c", dependsOn=["a"]))
        first = await session.pull(wait=30)
        assert first is not None
        assert (await session.report(first, usage=usage(usd=0.5)))[0] == 200
        said = ringmaster(mine, "backup", "now").stdout
        assert "verified" in said
        held = json.loads(ringmaster(mine, "backup", "show", "latest", "-o", "json").stdout)
        assert (held["resources"]["Bead"], held["resources"]["Worker"]) == (3, 1)

        second, third = await session.pull(wait=30), await other.pull(wait=30)
        assert second is not None
        assert third is not None
        assert (await session.report(second))[0] == 200
        refused = ringmaster(mine, "restore", "latest", "--offline", "--force", fine=False)
        assert "has " in refused.stderr or "open" in refused.stderr
        assert mine.answers(), "the operator goes on"

        mine.stop()
        said = ringmaster(mine, "restore", "latest", "--offline", "--force").stdout
        assert "what was there before is backup" in said
        assert rows(mine, "select count(*) from attempt") == [(1,)]
        mine.start()

        assert status_of(cluster, namespace, second.bead.name)["phase"] == "Succeeded"
        assert (await other.heartbeat(third))[0] == 200, "the claim goes on"
        assert (await other.report(third))[0] == 200
        assert await session.pull(wait=1) is None
        phases = {name: status_of(cluster, namespace, name)["phase"] for name in "abc"}
        assert phases == dict.fromkeys("abc", "Succeeded")
        ended = rows(mine, "select bead, kind from attempt where ended_at is not null order by bead")
        assert ended == sorted([("a", "success"), (third.bead.name, "success")])
    finally:
        await session.close()
        await other.close()


def test_without_a_terminal_it_asks_for_force(mine: OperatorProcess) -> None:
    ringmaster(mine, "backup", "now")
    done = ringmaster(mine, "restore", "latest", "--offline", fine=False)
    assert (done.returncode, "--force" in done.stderr) == (4, True)
    assert "over sqlite" not in done.stdout
    assert "3. back up what is there" in done.stdout


async def test_a_cluster_that_is_rebuilt(cluster: Any, namespace: str, mine: OperatorProcess) -> None:
    """All beads and Workers are gone; they come back with what they had, done beads as done."""
    session = Session(mine.url, make_worker(cluster, namespace))
    try:
        create(cluster, namespace, bead("a"), bead("b", dependsOn=["a"]))
        first = await session.pull(wait=30)
        assert first is not None
        assert (await session.report(first, usage=usage(usd=0.5)))[0] == 200
        first_backup = ringmaster(mine, "backup", "now", "-o", "name").stdout.strip()
        mine.stop()
        cluster.kubectl("delete", "beads", "--all", "-n", namespace, "--wait=true")
        cluster.kubectl(
            "patch", "worker/fleet", "-n", namespace, "--type=merge", '-p={"metadata":{"finalizers":null}}'
        )
        cluster.kubectl("delete", "workers", "--all", "-n", namespace, "--wait=true")
        said = ringmaster(mine, "restore", "latest", "--resources", "--offline", "--force").stdout
        assert "made again: 1 Workers, 2 Beads; 0 were there" in said
        cluster.kubectl("delete", "bead/a", "-n", namespace, "--wait=true")
        _half_made(mine, namespace)
        assert status_of(cluster, namespace, "a") == {}
        ringmaster(mine, "restore", first_backup, "--resources", "--offline", "--force")
        mine.start()
        assert status_of(cluster, namespace, "a")["phase"] == "Succeeded"
        assert status_of(cluster, namespace, "a")["cost"]["usd"] == 0.5
        uid = cluster.get("bead", "a", "-n", namespace)["metadata"]["uid"]
        assert rows(mine, "select kind from attempt where bead_uid = ?", uid) == [("success",)]
        second = await session.pull(wait=30)
        assert second is not None
        assert second.bead.name == "b"
        assert (await session.report(second))[0] == 200
    finally:
        await session.close()


def _half_made(operator: OperatorProcess, namespace: str) -> None:
    """A restore that is killed between making a bead and giving it its status."""
    code = (
        "import os, sys\nimport yaml\nfrom ringmaster_operator.backups import points, recreate\n"
        "points.crash = lambda moment: os._exit(7)\n"
        "recreate.recreate(list(yaml.safe_load_all(sys.stdin)), url=sys.argv[1], kubeconfig=sys.argv[2])\n"
    )
    saved = ringmaster(operator, "backup", "resources", "latest").stdout
    command = [sys.executable, "-c", code, operator.database, str(operator.kubeconfig)]
    done = subprocess.run(command, input=saved, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr


POD = {
    "selector": {"matchLabels": {"app": "op"}},
    "template": {
        "metadata": {"labels": {"app": "op"}},
        "spec": {"containers": [{"name": "op", "image": "none"}]},
    },
}


def test_a_deployment_is_stopped_and_started(cluster: Any, namespace: str) -> None:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "op"},
        "spec": {"replicas": 1, **POD},
    }
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=json.dumps(body))
    service = Deployment(f"{namespace}/op", str(cluster.kubeconfig), ready_seconds=30)

    def pods() -> list[str]:
        found: str = cluster.kubectl("get", "pods", "-n", namespace, "-l", "app=op", "-o", "name")
        return found.split()

    service.check()
    service.stop()
    assert pods() == []
    stopped = cluster.get("deployment", "op", "-n", namespace)
    assert (stopped["spec"]["replicas"], stopped["metadata"]["annotations"][REPLICAS]) == (0, "1")
    service.stop()  # a restore that died and is run again still knows how many there were
    assert cluster.get("deployment", "op", "-n", namespace)["metadata"]["annotations"][REPLICAS] == "1"

    def becomes_ready() -> None:
        while not (found := pods()):
            time.sleep(0.1)
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}}
        cluster.kubectl(
            "patch",
            found[0],
            "-n",
            namespace,
            "--subresource=status",
            "--type=merge",
            f"-p={json.dumps(ready)}",
        )

    kubelet = threading.Thread(
        target=becomes_ready
    )  # there is no node here: the pod's status is written for it
    kubelet.start()
    service.start()
    kubelet.join()
    started = cluster.get("deployment", "op", "-n", namespace)
    assert started["spec"]["replicas"] == 1
    assert REPLICAS not in started["metadata"].get("annotations", {})

    service.stop()
    impatient = Deployment(f"{namespace}/op", str(cluster.kubeconfig), ready_seconds=0.5)
    with pytest.raises(BackupError, match="does not become ready"):
        impatient.start()
    with pytest.raises(BackupError, match="not found"):
        Deployment(f"{namespace}/other", str(cluster.kubeconfig)).check()
