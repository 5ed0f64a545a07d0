"""Backups by CronJobs on a real node while beads are worked; the newest is restored, or nothing changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support import account, images
from support.clusters import OwnCluster
from support.manifests import bead, listed
from support.node_backups import ATTEMPTS, DONE, RESTORE, RESTORING, WELL, Scene, fleet, schedule
from support.renders import ROOT

pytestmark = [pytest.mark.node, pytest.mark.timeout(1500)]

PROJECT = "backed-up"
BEADS, LAST = 40, 12
SPEC = {
    "destination": {"volumeClaim": "ringmaster-backups"},
    "verify": {"rehearse": "*/3 * * * *"},
}


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
    made = Scene(own_node_cluster, PROJECT)
    made.ready()
    return made


def test_backups_are_made_while_beads_run_and_the_newest_is_restored(scene: Scene, tmp_path: Path) -> None:
    scene.system("create", "-f-", stdin=schedule(**SPEC))
    beads = [bead(f"b{number:02}", description=DONE) for number in range(BEADS)]
    scene.project("create", "-f-", stdin=listed([fleet(3), *beads[:-LAST]]))

    scene.until(lambda: "lastSuccess" in scene.status(), "a backup by the CronJob")
    scene.until(lambda: len(scene.done()) >= BEADS // 4, "a quarter of the beads")
    acknowledged = scene.done()
    scene.back_up("in the middle")
    assert scene.status()["kept"]["hourly"] >= 1
    scene.suspend()
    scene.project("create", "-f-", stdin=listed(beads[-LAST:]))  # so that the fleet is at work, however fast
    said = scene.restore(RESTORING)
    assert f"restored {scene.status()['lastSuccess']['name']}" in said
    assert scene.replicas() == "1"
    kept = {name for name, kind in scene.ask(ATTEMPTS) if kind == WELL}
    assert acknowledged <= kept, "every report that was acknowledged before the backup is in it"
    scene.until(lambda: scene.done() == set(scene.phases()), "the fleet goes on")
    assert len(scene.done()) == BEADS

    _a_schedule_that_is_well(scene)
    reports = scene.ask(ATTEMPTS)
    _the_target_goes_in_the_middle(scene)
    assert scene.ask(ATTEMPTS) == reports
    _the_operator_does_not_come_up_with_it(scene, tmp_path / "restore")
    assert scene.ask(ATTEMPTS) == reports
    scene.project("create", "-f-", stdin=listed([bead("more", description=DONE)]))
    scene.until(lambda: "more" in scene.done(), "the fleet goes on with what was there before")


def _a_schedule_that_is_well(scene: Scene) -> None:
    """Backups by themselves again, a rehearsal, and all conditions true."""
    scene.system("patch", "bks/history", "--type=merge", '-p={"spec":{"suspend":false}}')
    scene.back_up("after the work")
    scene.until(lambda: scene.status().get("lastRehearsal", {}).get("succeeded"), "a rehearsal")
    status = scene.status()
    failure = status.get("lastFailure", {"message": ""})["message"]
    assert not failure or "another" in failure, "but that it came while another one ran, and was tried again"
    assert status["lastSuccess"]["verified"] is True
    assert "restored, opened and read" in status["lastRehearsal"]["message"]
    conditions = {item["type"]: item["status"] for item in status["conditions"]}
    assert conditions == {"Ready": "True", "Fresh": "True", "Verified": "True"}
    scene.suspend()


def _the_target_goes_in_the_middle(scene: Scene) -> None:
    """Nothing can be written to the backups' volume once the operator is stopped: it runs again as it was."""
    claim = scene.cluster.get("pvc", "ringmaster-backups", "-n", account.NAMESPACE)
    volume = scene.cluster.get("pv", claim["spec"]["volumeName"])["spec"]["hostPath"]["path"]
    with scene.held():
        scene.cluster.kubectl("apply", "-k", str(RESTORING))
        scene.until(lambda: scene.replicas() == "0", "the operator is stopped")
        os.chmod(volume, 0o555)
    try:
        said = scene.ends(RESTORING, well=False)
    finally:
        os.chmod(volume, 0o777)
    assert "cannot be written" in said
    assert scene.replicas() == "1"
    scene.ready()


def _the_operator_does_not_come_up_with_it(scene: Scene, folder: Path) -> None:
    """No pod can be made for it until what was there before is in place again."""
    folder.mkdir()
    patient = [
        {"op": "add", "path": "/spec/containers/0/args/-", "value": word} for word in ("--timeout", "45")
    ]
    own = {
        "resources": [os.path.relpath(RESTORING, folder)],
        "patches": [{"target": {"kind": "Pod", "name": RESTORE}, "patch": json.dumps(patient)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    with scene.held():
        scene.cluster.kubectl("apply", "-k", str(folder))
        scene.until(lambda: scene.replicas() == "0", "the operator is stopped")
        scene.system("create", "quota", "full", "--hard=pods=1")
        scene.until(
            lambda: "used" in scene.cluster.get("quota", "full", "-n", account.NAMESPACE)["status"], "full"
        )
    scene.until(lambda: "putting back what was there" in scene.system("logs", RESTORE), "it is given up")
    scene.system("delete", "quota", "full")
    said = scene.ends(folder, well=False)
    assert "what was there before is in place again, and the operator runs with it" in said
    scene.ready()
