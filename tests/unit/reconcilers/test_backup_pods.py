"""The CronJobs and pods of a BackupSchedule, and what is read out of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ringmaster_operator.reconcilers.backup_pods import (
    CONTAINER,
    Own,
    cron_jobs,
    manual_job,
    obstacle,
    own,
    report,
    unwanted,
)
from ringmaster_operator.resources.backup import (
    BackupMode,
    BackupRecord,
    BackupSchedule,
    BackupScheduleStatus,
)
from support import renders

NAME = "a" * 44
CAME = "2026-03-02T10:00:00Z"


def schedule(**spec: Any) -> BackupSchedule:
    meta = {"name": NAME, "namespace": "ringmaster-system", "uid": "u", "creationTimestamp": CAME}
    spec = {"hourly": {}, "daily": {"retention": "12w"}, "destination": {"volumeClaim": "safe"}, **spec}
    return BackupSchedule.check({"metadata": meta, "spec": spec})


def operator(overlay: str = "prod", *, sqlite: bool = True) -> Own:
    """The operator's pod of an overlay, as the API server has it: with a token's volume."""
    spec = renders.one(overlay, "Deployment")["spec"]["template"]["spec"]
    token = {"name": "kube-api-access-x1", "projected": {"sources": []}}
    main = spec["containers"][0]
    mounts = [*main["volumeMounts"], {"name": token["name"], "mountPath": "/var/run/secrets/x"}]
    body = {**spec, "volumes": [*spec["volumes"], token], "containers": [{**main, "volumeMounts": mounts}]}
    return own({"spec": body}, sqlite=sqlite)


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


def test_a_cron_job_for_each_run_that_comes_by_itself() -> None:
    jobs = {job["metadata"]["name"]: job for job in cron_jobs(schedule(), operator())}
    assert set(jobs) == {f"{NAME}-hourly", f"{NAME}-daily", f"{NAME}-trial"}
    for job in jobs.values():
        assert len(job["metadata"]["name"]) <= 52
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        assert job["spec"]["timeZone"] == "Etc/UTC"
        assert job["metadata"]["ownerReferences"][0]["uid"] == "u"
    args = [pod_of(job)["containers"][0]["args"][:4] for job in jobs.values()]
    assert args[0] == ["ringmaster", "backup", "run", "--mode"]
    assert args[2] == ["ringmaster", "backup", "rehearse", "latest"]


def test_only_a_rehearsal_gets_the_private_key() -> None:
    jobs = cron_jobs(schedule(verify={"identitySecret": {"name": "key"}}), operator())
    for job in jobs:
        pod = pod_of(job)
        trial = job["metadata"]["name"].endswith("-trial")
        assert ('"secretName": "key"' in json.dumps(pod["volumes"])) is trial
        env = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
        assert env.get("RINGMASTER_BACKUP_IDENTITY") == ("/keys/identity" if trial else None)
        mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
        assert ("/keys" in mounts) is trial
        assert not trial or mounts["/keys"]["readOnly"]
        assert ("--or-hashes" in pod["containers"][0]["args"]) is trial


def test_nothing_is_rehearsed_before_there_is_a_backup() -> None:
    suspended = [job["spec"]["suspend"] for job in cron_jobs(schedule(), operator())]
    assert suspended == [False, False, True]
    last = BackupRecord(name="b", mode=BackupMode.DAILY, time=datetime.now(UTC), bytes=1, sha256="0" * 64)
    known = schedule().model_copy(update={"status": BackupScheduleStatus(last_success=last)})
    assert not any(job["spec"]["suspend"] for job in cron_jobs(known, operator()))


def test_what_the_spec_no_longer_wants_goes() -> None:
    assert unwanted(schedule()) == []
    assert unwanted(schedule(daily=None)) == [f"{NAME}-daily"]
    host = schedule(executor="Host", destination={"hostPath": "/b"})
    assert len(unwanted(host)) == 3


@pytest.mark.parametrize("overlay", ["dev", "prod", "prod-postgres"])
def test_the_pod_is_the_operators_with_another_account(overlay: str) -> None:
    mine = operator(overlay, sqlite=overlay != "prod-postgres")
    (job, *_) = cron_jobs(schedule(), mine)
    spec = pod_of(job)
    (container,) = spec["containers"]
    assert container["image"] == mine.container["image"]
    assert container["envFrom"] == mine.container["envFrom"]
    names = [item["name"] for item in container["env"]]
    assert len(names) == len(set(names))
    assert "RINGMASTER_POD_NAME" not in names
    assert renders.one(overlay, "ServiceAccount", spec["serviceAccountName"])
    assert spec["serviceAccountName"] != mine.spec["serviceAccountName"]
    assert {volume["name"] for volume in spec["volumes"]} == {"history", "tmp", "backups", "scratch"}
    assert {mount["name"] for mount in container["volumeMounts"]} <= {v["name"] for v in spec["volumes"]}
    assert ("affinity" in spec) is (overlay != "prod-postgres")  # a volume is on one node
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_backups_account_reads_what_is_saved_and_writes_nothing() -> None:
    rights = renders.rules("prod", "ringmaster-backup")
    assert {verb for _, _, verb in rights} == {"list"}
    assert {what for _, what, _ in rights} == {"beads", "workers", "backupschedules", "configmaps"}


def test_a_bucket_is_named_and_its_secret_never_read() -> None:
    s3 = {"bucket": "safe", "prefix": "prod/", "endpoint": "https://s3.example", "secretRef": {"name": "key"}}
    (job, *_) = cron_jobs(schedule(destination={"s3": s3}), operator())
    (container,) = pod_of(job)["containers"]
    env = {item["name"]: item.get("value") for item in container["env"]}
    assert env["RINGMASTER_BACKUP_TARGET"] == "s3://safe/prod"
    assert env["AWS_ENDPOINT_URL"] == "https://s3.example"
    assert env["RINGMASTER_BACKUP_KEEP_DAILY"] == "12w"
    assert {"secretRef": {"name": "key"}} in container["envFrom"]


def test_a_trigger_makes_one_job_and_another_trigger_another() -> None:
    first, again = (manual_job(schedule(trigger="a"), operator()) for _ in range(2))
    other = manual_job(schedule(trigger="b"), operator())
    assert first == again
    assert first["metadata"]["name"] != other["metadata"]["name"]
    assert len(first["metadata"]["name"]) <= 63


def ended(message: str = "", code: int = 0, *, run: str = "hourly", phase: str = "Failed") -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "finishedAt": CAME, "message": message}}
    labels = {"ringmaster.dev/backup-run": run}
    meta = {"name": "p", "labels": labels, "creationTimestamp": CAME}
    return {
        "metadata": meta,
        "status": {"phase": phase, "containerStatuses": [{"name": CONTAINER, "state": state}]},
    }


def test_a_pod_reports_by_its_termination_message() -> None:
    body = {"action": "backup", "succeeded": False, "mode": "daily", "time": CAME, "message": "disk full"}
    found = report(ended(json.dumps({**body, "later": 1}), code=5))
    assert found
    assert (found.mode.value, found.message) == ("daily", "disk full")


@pytest.mark.parametrize("message", ["", "Killed", '{"succeeded": true}', "[]", '{"action":'])
def test_a_pod_that_ends_without_a_report_has_failed(message: str) -> None:
    found = report(ended(message, code=137, run="trial"))
    assert found
    assert (found.succeeded, found.action) == (False, "rehearsal")
    assert "137" in found.message


def test_a_pod_that_runs_reports_nothing_and_a_stuck_one_says_why() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    pod = {
        "metadata": {"name": "p"},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": CONTAINER, "state": {"waiting": waiting}}],
        },
    }
    assert report(pod) is None
    assert obstacle(pod) == "ImagePullBackOff no such image"
    lost = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no claim"}
    assert obstacle({"metadata": {}, "status": {"conditions": [lost]}}) == "Unschedulable no claim"
    assert obstacle({"metadata": {}, "status": {}}) == ""
