"""BackupSchedules by CronJobs, on a real API server that takes the operator for one of its pods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backups import Scene, schedule, told
from support.operators import OperatorProcess

pytestmark = pytest.mark.cluster


@pytest.fixture
def inside(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[Scene]:
    """An operator whose own pod is in the cluster: the API server can't tell that nobody runs it."""
    own = {"RINGMASTER_POD_NAME": "operator-1", "RINGMASTER_BACKUP_NAMESPACE": namespace}
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path, settings=own)
    scene = Scene(cluster, namespace, process)
    image = {"name": "operator", "image": "localhost/ringmaster/operator:dev"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator-1"}}
    scene.apply({**pod, "spec": {"containers": [image]}})
    scene.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ringmaster-backup"}})
    process.start()
    yield scene
    process.stop()
    print(process.tail(200))


def test_cron_jobs_follow_the_spec(inside: Scene) -> None:
    inside.apply(schedule(hourly={}))
    wanted = ["nightly-daily", "nightly-hourly", "nightly-trial"]
    inside.until(lambda: inside.names("cronjobs") == wanted, "three CronJobs")
    inside.until(lambda: inside.reason("Ready") == "Scheduled", "Ready")
    assert {"nextHourly", "nextDaily"} <= set(inside.status())
    inside.patch({"hourly": None, "suspend": True})
    inside.until(lambda: inside.names("cronjobs") == ["nightly-daily", "nightly-trial"], "two CronJobs")
    suspended = "-o=jsonpath={.spec.suspend}"
    inside.until(lambda: inside.kubectl("get", "cronjob/nightly-daily", suspended) == "true", "suspended")
    inside.until(lambda: inside.reason("Ready") == "Suspended", "Suspended")
    inside.kubectl("delete", "bks/nightly")
    inside.until(lambda: inside.names("cronjobs") == [], "what it made goes with it")


def manual(scene: Scene) -> list[str]:
    return [name for name in scene.names("pods") if name.startswith("nightly-manual-")]


def test_a_trigger_makes_a_backup_and_is_echoed_when_that_is_done(inside: Scene) -> None:
    inside.apply(schedule(trigger="before the upgrade"))
    inside.until(lambda: len(manual(inside)) == 1, "a pod for the trigger")
    (pod,) = manual(inside)
    inside.until(lambda: inside.reason("Fresh") == "NoBackupYet", "nothing yet")
    assert "lastTrigger" not in inside.status()
    inside.end(pod, told("manual", succeeded=False, message="another backup runs"), code=4)
    inside.until(lambda: len(manual(inside)) == 2, "it is tried again")
    assert "lastTrigger" not in inside.status()
    inside.end(next(name for name in manual(inside) if name != pod), told("manual"))
    inside.until(lambda: inside.status().get("lastTrigger") == "before the upgrade", "the echo")
    status = inside.status()
    assert status["lastSuccess"]["verified"] is True
    assert status["kept"]["manual"] == 3
    assert status["lastFailure"]["message"] == "another backup runs"
    assert (inside.reason("Fresh"), inside.reason("Verified")) == ("BackedUp", "ReadBack")
    inside.patch({"trigger": "again"})
    job = pod.rpartition("-")[0]
    inside.until(lambda: any(not name.startswith(job) for name in manual(inside)), "a pod for the other")
    (second,) = [name for name in manual(inside) if not name.startswith(job)]
    inside.end(second, told("manual"))
    inside.until(lambda: inside.status().get("lastTrigger") == "again", "the second echo")
    inside.until(lambda: manual(inside) == [second], "the first ones are cleared away")
    events = "-o=jsonpath={.items[*].message}"
    inside.until(lambda: "another backup runs" in inside.kubectl("get", "events", events), "an Event")


def test_schedules_of_other_namespaces_are_not_obeyed(inside: Scene, tmp_path: Path) -> None:
    elsewhere = {"RINGMASTER_BACKUP_NAMESPACE": "ringmaster-system"}
    inside.operator.stop()
    inside.operator.settings.update(elsewhere)
    inside.operator.start()
    inside.apply(schedule(executor="Host", destination={"hostPath": str(tmp_path)}, trigger="now"))
    inside.until(lambda: inside.reason("Ready") == "OtherNamespace", "OtherNamespace")
    assert "lastTrigger" not in inside.status()
