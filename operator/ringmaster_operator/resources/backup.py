"""BackupSchedule: when history and resources are saved, where to, and how that is proven."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import API_VERSION, Conditions, Metadata, Model
from ringmaster_operator.resources.bead import SecretRef
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import (
    AbsolutePath,
    Flag,
    Message,
    Name,
    Natural,
    Time,
    Trigger,
    line,
)


def _cron_field(value: str) -> str:
    item = rf"(\*(/[1-9][0-9]?)?|{value}(-{value}(/[1-9][0-9]?)?)?)"
    return f"{item}(,{item})*"


_CRON = (
    "[0-5]?[0-9]",
    "([01]?[0-9]|2[0-3])",
    "(0?[1-9]|[12][0-9]|3[01])",
    "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
    "([0-6]|SUN|MON|TUE|WED|THU|FRI|SAT)",
)
_FIELDS = " ".join(_cron_field(value) for value in _CRON)
Cron = Annotated[str, StringConstraints(max_length=128, pattern=f"^{_FIELDS}$")]
"""Five fields, as a CronJob and the operator's own clock read them alike."""
NEVER = "Never"
CronOrNever = Annotated[str, StringConstraints(max_length=128, pattern=f"^({NEVER}|{_FIELDS})$")]
Retention = Annotated[str, StringConstraints(max_length=8, pattern=r"^[1-9][0-9]{0,3}[hdw]$")]
"""A number of hours, days or weeks: 36h, 7d, 4w."""


class BackupMode(StrEnum):
    HOURLY = "hourly"
    DAILY = "daily"
    MANUAL = "manual"


class Hourly(Model):
    """The frequent backups."""

    schedule: Cron = "0 * * * *"
    """Cron expression, UTC."""
    retention: Retention = "7d"
    """How long they are kept."""


@rule(
    "!self.retention.endsWith('h') || int(self.retention.substring(0, self.retention.size() - 1)) >= 24",
    "daily backups kept for less than 24h leave gaps",
    holds=lambda s: not s.retention.endswith("h") or int(s.retention[:-1]) >= 24,
    field=".retention",
)
class Daily(Model):
    """The long-lived backups."""

    schedule: Cron = "15 0 * * *"
    """Cron expression, UTC."""
    retention: Retention = "30d"
    """How long they are kept."""


class Compression(StrEnum):
    GZIP = "gzip"
    ZSTD = "zstd"
    NONE = "none"


class S3(Model):
    """An S3 bucket, of any vendor."""

    bucket: Annotated[
        str, StringConstraints(min_length=3, max_length=63, pattern=r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$")
    ]
    """Bucket."""
    endpoint: (
        Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\x00-\x20\x7f-\xa0@]+$")]
        | None
    ) = None
    """Address of the service; AWS when unset."""
    prefix: Annotated[str, line(256)] = ""
    """Put before every object's name."""
    region: Annotated[str, line(64)] | None = None
    """Region."""
    secret_ref: SecretRef
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""


@rule(
    "[has(self.volumeClaim), has(self.hostPath), has(self.s3)].filter(x, x).size() == 1",
    "give exactly one of volumeClaim, hostPath and s3",
    holds=lambda s: [s.volume_claim, s.host_path, s.s3].count(None) == 2,
)
class Destination(Model):
    """Where backups go."""

    volume_claim: Name | None = None
    """PersistentVolumeClaim."""
    host_path: AbsolutePath | None = None
    """Folder on the host, for executor Host."""
    s3: S3 | None = None
    """S3 bucket."""


class Verify(Model):
    """How backups are proven."""

    every_backup: Flag = True
    """Read each one back and check it."""
    rehearse: CronOrNever | None = "30 3 * * 0"
    """When the newest is restored into a scratch place and opened: a cron expression, UTC, or Never."""
    identity_secret: SecretRef | None = None
    """Secret with the age private key of encrypted backups, as `identity`: only rehearsals get it."""


class Executor(StrEnum):
    CRON_JOB = "CronJob"
    HOST = "Host"


@rule(
    "has(self.hourly) || has(self.daily)",
    "give hourly, daily or both",
    holds=lambda s: s.hourly is not None or s.daily is not None,
)
@rule(
    "self.executor != 'CronJob' || !has(self.destination.hostPath)",
    "hostPath needs executor Host; a CronJob takes volumeClaim or s3",
    holds=lambda s: s.executor is not Executor.CRON_JOB or s.destination.host_path is None,
    field=".destination",
)
@rule(
    "self.executor != 'Host' || !has(self.destination.volumeClaim)",
    "volumeClaim needs executor CronJob; a host takes hostPath or s3",
    holds=lambda s: s.executor is not Executor.HOST or s.destination.volume_claim is None,
    field=".destination",
)
class BackupScheduleSpec(Model):
    """What a person wants saved."""

    hourly: Hourly | None = None
    """Frequent backups."""
    daily: Daily | None = None
    """Long-lived backups."""
    compression: Compression = Compression.GZIP
    """gzip, zstd or none."""
    destination: Destination
    """Where they go."""
    verify: Verify = Field(default_factory=Verify)
    """How they are proven."""
    suspend: Flag = False
    """No scheduled backups."""
    executor: Executor = Executor.CRON_JOB
    """CronJob, or Host where there is no node."""
    trigger: Trigger | None = None
    """Change this text to back up now; echoed in status.lastTrigger."""


class BackupRecord(Model):
    """One backup."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """Its name at the destination."""
    mode: BackupMode
    """hourly, daily or manual."""
    time: Time
    """When it was complete."""
    bytes: Natural
    """Size at the destination."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
    """Hash of the file."""
    verified: Flag = False
    """Whether it was read back and checked."""
    lacks: Message = ""
    """Why the resources are not in it, where they could not be read."""


class BackupFailure(Model):
    """The last run that failed."""

    time: Time
    """When."""
    mode: BackupMode
    """hourly, daily or manual."""
    message: Message
    """Why, and what to do."""


class Rehearsal(Model):
    """The last trial restore."""

    time: Time
    """When."""
    succeeded: Flag
    """Whether it worked."""
    opened: Flag = True
    """False where its private key was not given: then only hashes were compared."""
    message: Message = ""
    """What was found."""


class Counts(Model):
    """Backups kept."""

    hourly: Natural = 0
    """Of mode hourly."""
    daily: Natural = 0
    """Of mode daily."""
    manual: Natural = 0
    """Of mode manual."""


class BackupScheduleStatus(Model):
    """What Ringmaster says of it."""

    observed_generation: Natural | None = None
    """Generation of the spec that this status was made from."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, Fresh, Verified."""
    last_success: BackupRecord | None = None
    """The last good backup."""
    last_failure: BackupFailure | None = None
    """The last failure."""
    kept: Counts = Field(default_factory=Counts)
    """Backups kept."""
    next_hourly: Time | None = None
    """Next hourly run."""
    next_daily: Time | None = None
    """Next daily run."""
    last_rehearsal: Rehearsal | None = None
    """The last trial restore."""
    last_trigger: Trigger | None = None
    """spec.trigger that was last obeyed."""


@rule(
    "self.metadata.name.size() <= 44",
    "a BackupSchedule's name has at most 44 characters: its CronJobs are named after it",
    holds=lambda s: len(s.metadata.name) <= 44,
)
class BackupSchedule(Model):
    """When and where Ringmaster's history and resources are backed up, and how that is proven."""

    api_version: Literal["ringmaster.dev/v1alpha1"] = API_VERSION
    kind: Literal["BackupSchedule"] = "BackupSchedule"
    metadata: Metadata
    spec: BackupScheduleSpec
    status: BackupScheduleStatus = Field(default_factory=BackupScheduleStatus)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.metadata.namespace, self.metadata.name
