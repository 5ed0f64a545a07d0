"""The bodies of the people's API about backups."""

from __future__ import annotations

from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.base import Model


class BackupScheduleList(Model):
    """A page of BackupSchedules, by name."""

    items: list[BackupSchedule]
    next: str | None = None
