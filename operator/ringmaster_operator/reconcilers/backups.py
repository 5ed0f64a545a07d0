"""BackupSchedules: say whether the schedules can ever run, and who would run them.

The schema can't know that 30 February never comes; cronsim does. Nothing here makes a backup: the condition
says so plainly, instead of leaving an object that looks fine and does nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from ringmaster_operator import metrics
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.kube import BACKUP_SCHEDULES, Conflict, Kube, NotFound
from ringmaster_operator.reconcilers.queue import WorkQueue
from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.base import Condition, ConditionStatus
from ringmaster_operator.statuses import difference
from ringmaster_operator.store import Key, Resource, Store

NO_EXECUTOR = "the schedule is valid; this version of Ringmaster has no executor that would make the backups"


class BackupReconciler:
    """Keeps the Ready condition of every BackupSchedule true to its spec."""

    def __init__(self, *, store: Store, kube: Kube, events: Events, clock: Clock) -> None:
        self._store = store
        self._kube = kube
        self._events = events
        self._clock = clock
        self.queue: WorkQueue[Key] = WorkQueue("backupschedule", self.reconcile, workers=1)
        store.listen(self._listen)

    async def reconcile(self, key: Key) -> float | None:
        """One schedule: its condition, written when it differs."""
        schedule = self._store.backup_schedule(key)
        if schedule is None:
            self.queue.forget(key)
            return None
        status = schedule.status.model_copy(
            update={
                "conditions": [ready(schedule, self._clock.now())],
                "observed_generation": schedule.metadata.generation,
            }
        )
        patch = difference(schedule.status.lean(), status.lean())
        if not patch:
            return None
        metrics.api_writes.labels("BackupSchedule").inc()
        version = schedule.metadata.resource_version
        try:
            body = await self._kube.patch_status(BACKUP_SCHEDULES, *key, patch, version=version)
        except Conflict:
            self._store.observe(await self._kube.get(BACKUP_SCHEDULES, *key))
            return 0.0
        except NotFound:
            self._store.forget("BackupSchedule", key, schedule.metadata.uid)
            return None
        self._store.observe(body)
        condition = status.conditions[0]
        self._events.tell(
            "BackupSchedule", schedule.metadata, Note(condition.reason, condition.message, warning=True)
        )
        return None

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind == "BackupSchedule":
            self.queue.add(key)


def ready(schedule: BackupSchedule, now: datetime) -> Condition:
    """The Ready condition; lastTransitionTime stays while the status stays."""
    reason, message = "NoExecutor", NO_EXECUTOR
    spec = schedule.spec
    crons = {
        "spec.hourly.schedule": spec.hourly.schedule if spec.hourly else None,
        "spec.daily.schedule": spec.daily.schedule if spec.daily else None,
        "spec.verify.rehearse": spec.verify.rehearse,
    }
    for field, cron in crons.items():
        fault = _fault(cron, now) if cron else ""
        if fault:
            reason, message = "InvalidSchedule", f"{field}: {cron}: {fault}"
            break
    known = next((item for item in schedule.status.conditions if item.type == "Ready"), None)
    same = known is not None and known.status is ConditionStatus.FALSE
    return Condition(
        type="Ready",
        status=ConditionStatus.FALSE,
        reason=reason,
        message=message,
        last_transition_time=known.last_transition_time if known and same else now,
        observed_generation=schedule.metadata.generation,
    )


def _fault(cron: str, now: datetime) -> str:
    try:
        next(CronSim(cron, now.astimezone(UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "no such time ever comes"
    return ""
