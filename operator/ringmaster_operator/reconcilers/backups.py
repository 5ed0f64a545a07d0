"""BackupSchedules: has their backups made, by CronJobs or by the operator itself, and says how they fare.

A backup holds the history of all namespaces, so only the schedules of one namespace are obeyed: else whoever
may write one anywhere could have everything sent to a place of his own.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events
from ringmaster_operator.kube import BACKUP_SCHEDULES, Conflict, Kube, KubeError, KubeUnavailable, NotFound
from ringmaster_operator.leader import pod_namespace
from ringmaster_operator.reconcilers import backup_metrics
from ringmaster_operator.reconcilers.backup_cluster import ClusterBackups
from ringmaster_operator.reconcilers.backup_command import Run
from ringmaster_operator.reconcilers.backup_host import HostBackups
from ringmaster_operator.reconcilers.backup_status import (
    FALSE,
    TRUE,
    Verdict,
    conditions,
    fault,
    fold,
    notes,
    overdue_at,
    upcoming,
)
from ringmaster_operator.reconcilers.queue import WorkQueue
from ringmaster_operator.resources.backup import BackupSchedule, BackupScheduleStatus, Executor
from ringmaster_operator.settings import Settings
from ringmaster_operator.statuses import difference
from ringmaster_operator.store import Key, Resource, Store

LONGEST_SECONDS = 3600.0
"""Between looks at a schedule of which nothing is heard."""
AGAIN_SECONDS = 60.0
"""After the API server refused something: a person has to mend it."""
OUTSIDE = (
    "the operator is no pod of this cluster, so it has no volume that a CronJob could read: use executor Host"
)


class BackupReconciler:
    """Run queue.run() and run() for as long as it is used."""

    def __init__(self, *, store: Store, kube: Kube, events: Events, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._kube = kube
        self._events = events
        self._clock = clock
        self._namespace = settings.backup_namespace or pod_namespace()
        self.queue: WorkQueue[Key] = WorkQueue("backupschedule", self.reconcile, workers=1)
        self._host = HostBackups(
            kube=kube, clock=clock, database=settings.database_url, changed=self.queue.add
        )
        self._cluster: ClusterBackups | None = None
        if settings.pod_name and self._namespace:
            self._cluster = ClusterBackups(
                kube=kube,
                namespace=self._namespace,
                pod=settings.pod_name,
                sqlite=settings.database_url.startswith("sqlite"),
                monotonic=clock.monotonic,
                changed=self.queue.add,
            )
        store.listen(self._listen)

    async def run(self) -> None:
        """Work until cancelled, and end what runs then."""
        try:
            if self._cluster is None:
                await self.queue.run()
            else:
                await _both(self.queue, self._cluster)
        finally:
            await self._host.close()

    async def reconcile(self, key: Key) -> float | None:
        """One schedule: its CronJobs or its due runs, and its status where that differs."""
        schedule = self._store.backup_schedule(key)
        if schedule is None:
            self._forget(key)
            return None
        now = self._clock.now()
        ready, again = await self._execute(schedule, now)
        status = self._status(schedule, ready, now)
        if not await self._write(schedule, status):
            return 0.0
        if self._cluster is not None and status.last_trigger != schedule.status.last_trigger:
            await self._cluster.tidy(schedule)
        return _pause(schedule, status, now, again)

    async def _execute(self, schedule: BackupSchedule, now: datetime) -> tuple[Verdict, datetime | None]:
        """What makes the backups is there or begun; the Ready condition, and when to look again."""
        if words := fault(schedule, now):
            return (FALSE, "InvalidSchedule", words), None
        if self._namespace and schedule.metadata.namespace != self._namespace:
            words = f"a backup holds everybody's history: only schedules in {self._namespace} are obeyed"
            return (FALSE, "OtherNamespace", words), None
        again = None
        if schedule.spec.executor is Executor.HOST:
            verdict: Verdict = (TRUE, "Scheduled", "the operator makes the backups")
            if self._cluster is not None and _changed(schedule):
                await self._cluster.remove(schedule)
            again = self._host.ensure(schedule)
        elif self._cluster is None:
            return (FALSE, "NoCluster", OUTSIDE), None
        else:
            verdict = (TRUE, "Scheduled", f"CronJobs named {schedule.metadata.name}-* make the backups")
            try:
                await self._cluster.ensure(schedule)
            except KubeUnavailable:
                raise
            except KubeError as error:
                again = now + timedelta(seconds=AGAIN_SECONDS)
                verdict = (FALSE, "NotApplied", f"what makes the backups can't be set up: {error}")
        if schedule.spec.suspend and verdict[0] is TRUE:
            verdict = (FALSE, "Suspended", "spec.suspend is set: no scheduled backups")
        return verdict, again

    def _status(self, schedule: BackupSchedule, ready: Verdict, now: datetime) -> BackupScheduleStatus:
        by_host = schedule.spec.executor is Executor.HOST
        parts = self._host if by_host else self._cluster
        reports = parts.reports(schedule.key) if parts else []
        stuck = self._cluster.stuck(schedule.key) if self._cluster and not by_host else ""
        status = fold(schedule.status, reports)
        update: dict[str, object] = {
            "observed_generation": schedule.metadata.generation,
            "next_hourly": None,
            "next_daily": None,
        }
        if ready[0] is TRUE:
            update["next_hourly"] = upcoming(schedule, schedule.status, Run.HOURLY, now)
            update["next_daily"] = upcoming(schedule, schedule.status, Run.DAILY, now)
        if parts and (obeyed := parts.obeyed(schedule)) is not None:
            update["last_trigger"] = obeyed
        status = status.model_copy(update=update)
        found = conditions(schedule, status, ready, now, stuck=stuck)
        return status.model_copy(update={"conditions": found})

    async def _write(self, schedule: BackupSchedule, status: BackupScheduleStatus) -> bool:
        """Patch what differs; False when the schedule has changed meanwhile."""
        key = schedule.key
        backup_metrics.show(key, status)
        patch = difference(schedule.status.lean(), status.lean())
        if not patch:
            return True
        backup_metrics.wrote()
        try:
            body = await self._kube.patch_status(
                BACKUP_SCHEDULES, *key, patch, version=schedule.metadata.resource_version
            )
        except Conflict:
            self._store.observe(await self._kube.get(BACKUP_SCHEDULES, *key))
            return False
        except NotFound:
            self._store.forget("BackupSchedule", key, schedule.metadata.uid)
            return True
        self._store.observe(body)
        backup_metrics.count(key, schedule.status, status)
        for note in notes(schedule.status, status):
            self._events.tell("BackupSchedule", schedule.metadata, note)
        return True

    def _forget(self, key: Key) -> None:
        self.queue.forget(key)
        self._host.forget(key)
        backup_metrics.forget(key)
        if self._cluster is not None:
            self._cluster.forget(key)

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind == "BackupSchedule":
            self.queue.add(key)


def _changed(schedule: BackupSchedule) -> bool:
    return schedule.metadata.generation != schedule.status.observed_generation


async def _both(queue: WorkQueue[Key], cluster: ClusterBackups) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.run())
        group.create_task(cluster.run())


def _pause(
    schedule: BackupSchedule, status: BackupScheduleStatus, now: datetime, again: datetime | None
) -> float:
    """Seconds until something is due."""
    wanted = [again, status.next_hourly, status.next_daily]
    if status.next_hourly or status.next_daily:
        wanted.append(overdue_at(schedule, status))
    times = [(when - now).total_seconds() + 1 for when in wanted if when is not None and when > now]
    return min([*times, LONGEST_SECONDS])
