"""The CronJobs and pods that make backups, and what they have reported. Pure.

They are made after the operator's own pod: the same image, settings and volumes, but another account, which
may read what is saved and nothing else. What a run found comes back as its container's termination message:
it needs no right to write anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ringmaster_operator.reconcilers.backup_command import (
    IDENTITY,
    IDENTITY_VARIABLE,
    VOLUME,
    Run,
    arguments,
    crons,
    variables,
)
from ringmaster_operator.resources.backup import BackupMode, BackupSchedule, Executor
from ringmaster_operator.resources.backup_report import BackupReport
from ringmaster_operator.resources.base import API_VERSION

Body = dict[str, Any]

ACCOUNT = "ringmaster-backup"
CONTAINER = "backup"
SCHEDULE_LABEL = "ringmaster.dev/backup-schedule"
RUN_LABEL = "ringmaster.dev/backup-run"
TRIGGER = "ringmaster.dev/trigger"
RESULT = "/dev/termination-log"
SCRATCH = "/scratch"
KEYS = "/keys"
"""Where a rehearsal has the private key."""
TRIES = 2
"""Repetitions of a run that failed."""
LONGEST_SECONDS = 6 * 3600
"""A run that takes longer is ended, so that the next one may begin."""
START_SECONDS = 1800
"""How late a run may begin, where the cluster was away at its time."""
KEPT_JOBS = 3
HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
RESTRICTED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@dataclass(frozen=True)
class Own:
    """The operator's own pod, as far as a backup's pod is made after it."""

    spec: Body
    container: Body
    sqlite: bool
    """The history is a file on a volume: whoever reads it must be on the same node."""


def own(pod: Body, *, sqlite: bool) -> Own:
    """From what the API server says of the operator's pod."""
    spec = pod["spec"]
    named = [item for item in spec["containers"] if item["name"] == "operator"]
    return Own(spec=spec, container=(named or spec["containers"])[0], sqlite=sqlite)


def cron_jobs(schedule: BackupSchedule, mine: Own) -> list[Body]:
    """One for each run that comes by itself."""
    return [_cron_job(schedule, mine, run, cron) for run, cron in crons(schedule.spec).items()]


def unwanted(schedule: BackupSchedule) -> list[str]:
    """Names of CronJobs that a former spec may have had."""
    wanted = crons(schedule.spec) if schedule.spec.executor is Executor.CRON_JOB else {}
    return [job_name(schedule, run) for run in Run if run is not Run.MANUAL and run not in wanted]


def job_name(schedule: BackupSchedule, run: Run) -> str:
    """At most 52 characters, as a CronJob's name must be."""
    return f"{schedule.metadata.name}-{run.value}"


def manual_job(schedule: BackupSchedule, mine: Own) -> Body:
    """The Job that a change of spec.trigger asks for; its name follows from the trigger: made once."""
    trigger = schedule.spec.trigger or ""
    digest = hashlib.sha256(f"{schedule.metadata.uid}\0{trigger}".encode()).hexdigest()[:10]
    job = _job(schedule, mine, Run.MANUAL)
    job["template"]["metadata"]["annotations"] = {TRIGGER: trigger}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{job_name(schedule, Run.MANUAL)}-{digest}",
            "namespace": schedule.metadata.namespace,
            "labels": _labels(schedule, Run.MANUAL),
            "ownerReferences": [_owner(schedule)],
        },
        "spec": job,
    }


def _job(schedule: BackupSchedule, mine: Own, run: Run) -> Body:
    return {
        "backoffLimit": TRIES,
        "activeDeadlineSeconds": LONGEST_SECONDS,
        "template": _pod(schedule, mine, run),
    }


def _cron_job(schedule: BackupSchedule, mine: Own, run: Run, cron: str) -> Body:
    return {
        "metadata": {
            "name": job_name(schedule, run),
            "namespace": schedule.metadata.namespace,
            "labels": _labels(schedule, run),
            "ownerReferences": [_owner(schedule)],
        },
        "spec": {
            "schedule": cron,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": START_SECONDS,
            "suspend": schedule.spec.suspend or (run is Run.TRIAL and not schedule.status.last_success),
            "successfulJobsHistoryLimit": KEPT_JOBS,
            "failedJobsHistoryLimit": KEPT_JOBS,
            "jobTemplate": {
                "metadata": {"labels": _labels(schedule, run)},
                "spec": _job(schedule, mine, run),
            },
        },
    }


def _labels(schedule: BackupSchedule, run: Run) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "ringmaster-backup",
        "app.kubernetes.io/part-of": "ringmaster",
        SCHEDULE_LABEL: schedule.metadata.name,
        RUN_LABEL: run.value,
    }


def _owner(schedule: BackupSchedule) -> Body:
    meta = schedule.metadata
    return {
        "apiVersion": API_VERSION,
        "kind": "BackupSchedule",
        "name": meta.name,
        "uid": meta.uid,
        "controller": True,
    }


def _pod(schedule: BackupSchedule, mine: Own, run: Run) -> Body:
    spec: Body = {
        "restartPolicy": "Never",
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": {**mine.spec.get("securityContext", {}), **RESTRICTED},
        "containers": [_container(schedule, mine, run)],
        "volumes": [*_volumes(schedule, mine), *_key(schedule, run)],
    }
    for name in ("imagePullSecrets", "nodeSelector", "tolerations", "runtimeClassName"):
        if mine.spec.get(name):
            spec[name] = mine.spec[name]
    if mine.sqlite:
        labels = {"app.kubernetes.io/name": "ringmaster-operator"}
        term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {"metadata": {"labels": _labels(schedule, run)}, "spec": spec}


def _container(schedule: BackupSchedule, mine: Own, run: Run) -> Body:
    ours, keys = variables(schedule.spec) | {"TMPDIR": SCRATCH}, _key(schedule, run)
    if keys:
        ours[IDENTITY_VARIABLE] = f"{KEYS}/{IDENTITY}"
    env = [{"name": name, "value": value} for name, value in ours.items()]
    env += [
        item for item in mine.container.get("env", []) if item["name"] not in {*ours, "RINGMASTER_POD_NAME"}
    ]
    sources = list(mine.container.get("envFrom", []))
    bucket = schedule.spec.destination.s3
    if bucket:
        sources.append({"secretRef": {"name": bucket.secret_ref.name}})
    return {
        "name": CONTAINER,
        "image": mine.container["image"],
        "imagePullPolicy": mine.container.get("imagePullPolicy", "IfNotPresent"),
        "args": ["ringmaster", *arguments(run, schedule.spec, RESULT)],
        "env": env,
        "envFrom": sources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": HARDENED,
        "volumeMounts": [
            *_mounts(schedule, mine),
            *({"name": volume["name"], "mountPath": KEYS, "readOnly": True} for volume in keys),
        ],
    }


def _key(schedule: BackupSchedule, run: Run) -> list[Body]:
    """The volume with the private key of encrypted backups, which nothing but a rehearsal gets."""
    secret = schedule.spec.verify.identity_secret
    if secret is None or run is not Run.TRIAL:
        return []
    items = [{"key": IDENTITY, "path": IDENTITY}]
    return [{"name": "keys", "secret": {"secretName": secret.name, "items": items, "defaultMode": 0o440}}]


def _mounts(schedule: BackupSchedule, mine: Own) -> list[Body]:
    kept = [
        {"name": mount["name"], "mountPath": mount["mountPath"]}
        for mount in mine.container.get("volumeMounts", [])
        if mount["name"] in _own_volumes(mine)
    ]
    if schedule.spec.destination.volume_claim:
        kept.append({"name": "backups", "mountPath": VOLUME})
    return [*kept, {"name": "scratch", "mountPath": SCRATCH}]


def _volumes(schedule: BackupSchedule, mine: Own) -> list[Body]:
    found = list(_own_volumes(mine).values())
    if claim := schedule.spec.destination.volume_claim:
        found.append({"name": "backups", "persistentVolumeClaim": {"claimName": claim}})
    return [*found, {"name": "scratch", "emptyDir": {}}]


def _own_volumes(mine: Own) -> dict[str, Body]:
    """What the operator has, but the account's token, which the API server adds to every pod by itself."""
    used = {mount["name"] for mount in mine.container.get("volumeMounts", [])}
    return {
        volume["name"]: volume
        for volume in mine.spec.get("volumes", [])
        if volume["name"] in used and not volume["name"].startswith("kube-api-access-")
    }


def report(pod: Body) -> BackupReport | None:
    """What the run in this pod reported; None while it runs. One that ended without a word has failed."""
    ended = _state(pod).get("terminated")
    phase = pod.get("status", {}).get("phase")
    if ended is None and phase not in ("Failed", "Succeeded"):
        return None
    text = (ended or {}).get("message", "")
    try:
        return BackupReport.read(json.loads(text))
    except (ValueError, ValidationError):
        return _broken(pod, ended or {})


def _broken(pod: Body, ended: Mapping[str, Any]) -> BackupReport:
    labels = pod["metadata"].get("labels", {})
    run = labels.get(RUN_LABEL, Run.MANUAL)
    status = pod.get("status", {})
    why = ended.get("message") or status.get("message") or ended.get("reason") or status.get("reason") or ""
    tail = " ".join(str(why).split())[-1000:]
    words = f"pod {pod['metadata']['name']} ended with code {ended.get('exitCode', '?')} and no report"
    return BackupReport.read(
        {
            "action": "rehearsal" if run == Run.TRIAL else "backup",
            "succeeded": False,
            "mode": run if run in list(BackupMode) else BackupMode.MANUAL,
            "time": ended.get("finishedAt") or pod["metadata"]["creationTimestamp"],
            "message": f"{words}: {tail}" if tail else words,
        }
    )


def obstacle(pod: Body) -> str:
    """Why a pod that should run does not; empty when it does."""
    waiting = _state(pod).get("waiting") or {}
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return " ".join(f"{waiting['reason']} {waiting.get('message', '')}".split())[:500]
    for item in pod.get("status", {}).get("conditions", []):
        if item["type"] == "PodScheduled" and item["status"] == "False":
            return " ".join(f"{item.get('reason', '')} {item.get('message', '')}".split())[:500]
    return ""


def _state(pod: Body) -> Body:
    for item in pod.get("status", {}).get("containerStatuses", []):
        if item["name"] == CONTAINER:
            found: Body = item.get("state", {})
            return found
    return {}
