"""What Prometheus is told of BackupSchedules."""

from __future__ import annotations

from contextlib import suppress

from ringmaster_operator import metrics
from ringmaster_operator.resources.backup import BackupScheduleStatus
from ringmaster_operator.resources.base import ConditionStatus
from ringmaster_operator.store import Key


def wrote() -> None:
    """A status is patched."""
    metrics.api_writes.labels("BackupSchedule").inc()


def show(key: Key, status: BackupScheduleStatus) -> None:
    """The state of one schedule."""
    found = {item.type: item.status for item in status.conditions}
    metrics.backup_fresh.labels(*key).set(found.get("Fresh") is not ConditionStatus.FALSE)
    metrics.backup_verified.labels(*key).set(found.get("Verified") is not ConditionStatus.FALSE)
    if status.last_success is not None:
        metrics.backup_success.labels(*key).set(status.last_success.time.timestamp())
        metrics.backup_bytes.labels(*key).set(status.last_success.bytes)


def count(key: Key, old: BackupScheduleStatus, new: BackupScheduleStatus) -> None:
    """The runs that the new status tells of and the old one did not."""
    runs = metrics.backup_runs
    if new.last_success and new.last_success != old.last_success:
        runs.labels(*key, new.last_success.mode.value, "success").inc()
    if new.last_failure and new.last_failure != old.last_failure:
        runs.labels(*key, new.last_failure.mode.value, "failure").inc()
    trial = new.last_rehearsal
    if trial and trial != old.last_rehearsal:
        runs.labels(*key, "rehearsal", "success" if trial.succeeded else "failure").inc()


def forget(key: Key) -> None:
    """The schedule is gone."""
    gauges = (metrics.backup_fresh, metrics.backup_verified, metrics.backup_success, metrics.backup_bytes)
    for gauge in gauges:
        with suppress(KeyError):
            gauge.remove(*key)
