"""What a BackupSchedule's runs call: the words of `ringmaster backup`, and its variables. Pure."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from ringmaster_operator.resources.backup import NEVER, BackupScheduleSpec

VOLUME = "/backups"
"""Where a pod has the volume that backups go to."""
IDENTITY = "identity"
"""The key of spec.verify.identitySecret that is the age private key."""
IDENTITY_VARIABLE = "RINGMASTER_BACKUP_IDENTITY"


class Run(StrEnum):
    """What can be run: a backup of a mode, or the trial restore of the newest one."""

    HOURLY = "hourly"
    DAILY = "daily"
    MANUAL = "manual"
    TRIAL = "trial"


def crons(spec: BackupScheduleSpec) -> dict[Run, str]:
    """The runs that come by themselves, and when (UTC)."""
    found = {
        Run.HOURLY: spec.hourly.schedule if spec.hourly else None,
        Run.DAILY: spec.daily.schedule if spec.daily else None,
        Run.TRIAL: spec.verify.rehearse,
    }
    return {run: cron for run, cron in found.items() if cron is not None and cron != NEVER}


def arguments(run: Run, spec: BackupScheduleSpec, result: str) -> list[str]:
    """The command without its program; result is the file that gets the report."""
    if run is Run.TRIAL:
        return ["backup", "rehearse", "latest", "--or-hashes", "--result", result]
    unread = [] if spec.verify.every_backup else ["--no-verify"]
    return ["backup", "run", "--mode", run.value, *unread, "--result", result]


def variables(spec: BackupScheduleSpec) -> dict[str, str]:
    """The variables that say where to and how."""
    found = {
        "RINGMASTER_BACKUP_TARGET": target(spec),
        "RINGMASTER_BACKUP_COMPRESSION": spec.compression.value,
    }
    if spec.hourly:
        found["RINGMASTER_BACKUP_KEEP_HOURLY"] = spec.hourly.retention
    if spec.daily:
        found["RINGMASTER_BACKUP_KEEP_DAILY"] = spec.daily.retention
    bucket = spec.destination.s3
    if bucket and bucket.endpoint:
        found["AWS_ENDPOINT_URL"] = bucket.endpoint
    if bucket and bucket.region:
        found["AWS_REGION"] = bucket.region
    return found


def target(spec: BackupScheduleSpec) -> str:
    """The destination as `--target` takes it."""
    there = spec.destination
    if there.s3:
        return f"s3://{there.s3.bucket}/{there.s3.prefix}".rstrip("/")
    return str(Path(there.host_path).expanduser()) if there.host_path else VOLUME
