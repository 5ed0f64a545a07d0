"""What a run of `ringmaster backup` says at its end, and so what a BackupSchedule's status is made from."""

from __future__ import annotations

from typing import Literal

from ringmaster_operator.resources.backup import BackupMode, BackupRecord, Counts
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import Flag, Message, Natural, Time


class BackupReport(Model):
    """One run, as one JSON object of less than 4 KB: a pod's termination message holds no more."""

    action: Literal["backup", "rehearsal"] = "backup"
    """A backup, or the trial restore of one."""
    succeeded: Flag
    """Whether it worked; a backup that could not be read back did not, one without the resources did."""
    opened: Flag = True
    """Whether a rehearsal opened it; not without the private key of an encrypted one."""
    mode: BackupMode = BackupMode.MANUAL
    """hourly, daily or manual."""
    time: Time
    """When it ended."""
    message: Message = ""
    """What was found; why it failed, and what to do."""
    record: BackupRecord | None = None
    """The backup that was made, or the one that was rehearsed."""
    kept: Counts | None = None
    """Backups at the destination afterwards; unset when that is not known."""
    bytes_kept: Natural = 0
    """Their size in all, in bytes."""
