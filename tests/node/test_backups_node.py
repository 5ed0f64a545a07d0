"""Backups by CronJobs on a real node while beads are worked; the newest is restored, the fleet goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import account, images
from support.clusters import OwnCluster
from support.manifests import API, bead, listed, worker
from support.renders import ROOT
from support.station import scenario, steps

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

PROJECT = "backed-up"
BEADS = 40 if os.environ.get("RINGMASTER_LONG") else 8
SECONDS = 240.0
DONE = scenario(steps({"run": "sleep 2"}, {"done": "so"}))
DATABASE = "/var/lib/ringmaster/ringmaster.db"
READ = f"""\
import json, sqlite3, sys
print(json.dumps(sqlite3.connect("{DATABASE}").execute(sys.argv[1]).fetchall()))
"""
SCHEDULE = {
    "hourly": {"schedule": "*/2 * * * *"},
    "compression": "zstd",
    "destination": {"volumeClaim": "ringmaster-backups"},
    "verify": {"rehearse": "1-59/2 * * * *"},
}


class Scene:
    """The dev overlay with a volume for backups, on a node of its own."""

    def __init__(self, cluster: OwnCluster) -> None:
        self.cluster = cluster

    def system(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", account.NAMESPACE, *arguments, stdin=stdin)

    def project(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", PROJECT, *arguments, stdin=stdin)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("bks", "history", "-n", account.NAMESPACE).get("status", {})
        return found

    def phases(self) -> dict[str, str]:
        items = self.cluster.get("beads", "-n", PROJECT)["items"]
        return {item["metadata"]["name"]: item.get("status", {}).get("phase", "") for item in items}

    def until(self, check: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                state = self.cluster.kubectl("get", "pods,jobs,workers,beads,bks", "-A")
                raise AssertionError(f"not within {seconds} s: {what}\n{state}\n{self.status()}")
            time.sleep(0.5)

    def ready(self) -> None:
        wait = ("wait", "--for=condition=Available", "--timeout=120s", "deployment/ringmaster-operator")
        self.system(*wait)

    def ask(self, query: str) -> list[list[Any]]:
        """Rows of the history, read beside the running operator."""
        inside = ("exec", "deploy/ringmaster-operator", "--", "/opt/ringmaster/bin/python")
        rows: list[list[Any]] = json.loads(self.system(*inside, "-c", READ, query))
        return rows

    def run(self, name: str, *command: str) -> str:
        """A command in a pod with the volumes of history and backups; what it said."""
        template = self.cluster.get("cronjob", "history-hourly", "-n", account.NAMESPACE)
        spec = template["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        spec.pop("affinity", None)  # the operator that it would be near is stopped
        spec["containers"][0]["args"] = list(command)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.system("create", "-f-", stdin=json.dumps(pod))
        return self.ends(name)

    def ends(self, name: str) -> str:
        """What a pod has said when it has ended, and well."""
        ended = ("Succeeded", "Failed")
        phase = ("get", "pod", name, "-o=jsonpath={.status.phase}")
        self.until(lambda: self.system(*phase) in ended, f"{name} ends")
        said = self.system("logs", name)
        assert self.system(*phase) == "Succeeded", said
        return said


def overlay(folder: Path) -> Path:
    """overlays/dev with a volume for backups, as a user writes it."""
    folder.mkdir()
    place = Path(os.path.relpath(ROOT / "kustomize", folder))
    own = {
        "resources": [str(place / "overlays" / "dev")],
        "components": [str(place / "components" / "backup-volume")],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    return folder


@pytest.fixture
def scene(own_node_cluster: OwnCluster, tmp_path: Path) -> Scene:
    for archive in images.build():
        own_node_cluster.load(archive)
    own_node_cluster.kubectl("apply", "-k", str(overlay(tmp_path / "overlay")))
    own_node_cluster.kubectl("create", "namespace", PROJECT)
    made = Scene(own_node_cluster)
    made.ready()
    return made


def test_backups_are_made_while_beads_run_and_the_newest_is_restored(scene: Scene) -> None:
    body = {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "history"}, "spec": SCHEDULE}
    scene.system("create", "-f-", stdin=json.dumps(body))
    agent = {"profile": "claude-code", "command": ["/usr/local/bin/scripted-agent"]}
    fleet = worker("fleet", runtime="Pod", replicas=2, agent=agent, pod={"image": images.AGENT})
    beads = [bead(f"b{number}", description=DONE) for number in range(BEADS)]
    scene.project("create", "-f-", stdin=listed([fleet, *beads]))

    scene.until(lambda: "lastSuccess" in scene.status(), "a backup by the CronJob")
    scene.until(lambda: set(scene.phases().values()) == {"Succeeded"}, "all beads succeed")
    scene.system("patch", "bks/history", "--type=merge", '-p={"spec":{"trigger":"after the work"}}')
    scene.until(lambda: scene.status().get("lastTrigger") == "after the work", "the triggered backup")
    scene.until(lambda: scene.status().get("lastRehearsal", {}).get("succeeded"), "a rehearsal")
    status = scene.status()
    failure = status.get("lastFailure", {"message": ""})["message"]
    assert not failure or "another" in failure, "but that it came while another one ran, and was tried again"
    assert status["lastSuccess"]["verified"] is True
    assert "restored, opened and read" in status["lastRehearsal"]["message"]
    assert status["kept"]["manual"] == 1
    assert {item["type"]: item["status"] for item in status["conditions"]} == {
        "Ready": "True",
        "Fresh": "True",
        "Verified": "True",
    }
    reports = scene.ask("select bead, kind from attempt order by bead")
    assert len(reports) == BEADS

    scene.system("patch", "bks/history", "--type=merge", '-p={"spec":{"suspend":true}}')
    flags = ("get", "cronjobs", "-o=jsonpath={.items[*].spec.suspend}")
    scene.until(lambda: "false" not in scene.system(*flags), "suspended")
    scene.system("scale", "deployment/ringmaster-operator", "--replicas=0")
    operator = "-l=app.kubernetes.io/name=ringmaster-operator"
    scene.system("wait", "pod", operator, "--for=delete", "--timeout=60s")
    scene.run("lose", "sh", "-c", f"rm {DATABASE}*")
    scene.cluster.kubectl("apply", "-k", str(ROOT / "kustomize" / "restore"))
    scene.ends("ringmaster-restore")
    scene.system("scale", "deployment/ringmaster-operator", "--replicas=1")
    scene.ready()
    assert scene.ask("select bead, kind from attempt order by bead") == reports
    scene.project("create", "-f-", stdin=listed([bead("more", description=DONE)]))
    scene.until(lambda: scene.phases()["more"] == "Succeeded", "the fleet goes on")
    assert set(scene.phases().values()) == {"Succeeded"}
