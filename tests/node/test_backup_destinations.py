"""Backups by CronJobs into a bucket and of a PostgreSQL, on a real node, and a restore of each by a pod."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import account, images, s3
from support.clusters import OwnCluster
from support.manifests import bead, listed
from support.node_backups import ATTEMPTS, DONE, RESTORING, WELL, Scene, fleet, schedule
from support.node_services import bucket_server, postgres_server
from support.overlays import prod
from support.renders import ROOT

pytestmark = [pytest.mark.node, pytest.mark.s3, pytest.mark.postgres, pytest.mark.timeout(1200)]

PROJECT = "backed-up"
ASK = """\
import json, psycopg, sys
with psycopg.connect(sys.argv[1].replace("+psycopg", "")) as connection:
    print(json.dumps(connection.execute(sys.argv[2]).fetchall()))
"""


@pytest.fixture(scope="module")
def loaded(own_node_cluster: OwnCluster) -> OwnCluster:
    for archive in images.build():
        own_node_cluster.load(archive)
    own_node_cluster.kubectl("apply", f"--filename={ROOT / 'hack' / 'manifestlib' / 'monitoring.yaml'}")
    return own_node_cluster


@pytest.fixture
def scene(loaded: OwnCluster) -> Iterator[Scene]:
    yield Scene(loaded, PROJECT)
    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "KUBECONFIG": str(loaded.kubeconfig)}
    command = [sys.executable, "-m", "ringmaster_cli", "uninstall", "--yes", "--purge", "--now"]
    subprocess.run(command, env=env, check=True, timeout=240)
    loaded.kubectl("delete", "namespace", PROJECT, "--timeout=120s")


def secret(scene: Scene, name: str, **values: str) -> None:
    scene.system("create", "secret", "generic", name, *(f"--from-literal={k}={v}" for k, v in values.items()))


def restoring(folder: Path, *components: str, **settings: str) -> Path:
    """A kustomization on kustomize/restore, as docs/backup-schedules.md has it."""
    folder.mkdir()
    place = Path(os.path.relpath(ROOT / "kustomize", folder))
    literals = [f"{name}={value}" for name, value in settings.items()]
    merge = {"name": "ringmaster-restore", "namespace": account.NAMESPACE, "behavior": "merge"}
    own: dict[str, Any] = {
        "resources": [os.path.relpath(RESTORING, folder)],
        "components": [str(place / "components" / name) for name in components],
        "configMapGenerator": [{**merge, "literals": literals}] if literals else [],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    return folder


def work(scene: Scene, name: str) -> None:
    scene.project("create", "-f-", stdin=listed([bead(name, description=DONE)]))
    scene.until(lambda: name in scene.done(), f"{name} is done")


def backed_up_by_itself(scene: Scene) -> str:
    """The name of a backup that the CronJob made and verified; then it makes no more."""
    scene.until(
        lambda: scene.status().get("lastSuccess", {}).get("mode") == "hourly", "a backup by the CronJob"
    )
    scene.suspend()
    made = scene.status()["lastSuccess"]
    assert made["verified"] is True
    return str(made["name"])


def test_production_backs_up_into_a_bucket(scene: Scene, tmp_path: Path) -> None:
    with bucket_server(scene.cluster, tmp_path / "s3") as bucket:
        overlay = prod(scene.cluster, tmp_path / "overlay", PROJECT, more=["backup-s3"])
        scene.cluster.kubectl("apply", "-k", str(overlay))
        secret(scene, "backup-bucket", AWS_ACCESS_KEY_ID=s3.ACCESS, AWS_SECRET_ACCESS_KEY=s3.SECRET)
        scene.ready()
        scene.project("create", "-f-", stdin=listed([fleet(1)]))
        work(scene, "before")
        place = {"bucket": bucket.name, "endpoint": bucket.endpoint, "prefix": "production/"}
        where = {**place, "region": "us-east-1", "secretRef": {"name": "backup-bucket"}}
        scene.system("create", "-f-", stdin=schedule(destination={"s3": where}))
        name = backed_up_by_itself(scene)
        assert list((bucket.folder / "production").glob(f"{name}.manifest.json"))
        work(scene, "afterwards")
        target = {"RINGMASTER_BACKUP_TARGET": f"s3://{bucket.name}/production"}
        server = {"AWS_ENDPOINT_URL": bucket.endpoint, "AWS_REGION": "us-east-1"}
        said = scene.restore(restoring(tmp_path / "restore", "restore-s3", **target, **server))
        assert f"restored {name}; what was there before is backup ringmaster-manual-" in said
        scene.ready()
        assert scene.ask(ATTEMPTS) == [["before", WELL]]
        work(scene, "more")
        assert scene.done() == {"before", "afterwards", "more"}


def test_production_on_postgres_backs_up_onto_a_volume(scene: Scene, tmp_path: Path) -> None:
    with postgres_server(scene.cluster) as url:
        overlay = prod(
            scene.cluster, tmp_path / "overlay", PROJECT, name="prod-postgres", more=["backup-volume"]
        )
        scene.cluster.kubectl("apply", "-k", str(overlay))
        secret(scene, "ringmaster-database", url=url)
        leads = "--for=jsonpath={.status.readyReplicas}=1"
        scene.system("wait", "deployment/ringmaster-operator", leads, "--timeout=180s")
        scene.project("create", "-f-", stdin=listed([fleet(1)]))
        work(scene, "before")
        scene.system("create", "-f-", stdin=schedule(destination={"volumeClaim": "ringmaster-backups"}))
        name = backed_up_by_itself(scene)
        work(scene, "afterwards")
        said = scene.restore(restoring(tmp_path / "restore", "restore-postgres"))
        assert f"restored {name}; what was there before is backup ringmaster-manual-" in said
        assert scene.replicas() == "2"
        done = scene.cluster.inside(sys.executable, "-c", ASK, url, ATTEMPTS)
        assert json.loads(done.stdout) == [["before", WELL]], done
        work(scene, "more")
        assert scene.done() == {"before", "afterwards", "more"}
