"""Backups by CronJobs, for an operator in the cluster: applies them, and reads what their pods report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ringmaster_operator.kinds import CRON_JOBS, JOBS
from ringmaster_operator.kube import PODS, Conflict, Kube, KubeUnavailable
from ringmaster_operator.reconcilers.backup_pods import (
    RUN_LABEL,
    SCHEDULE_LABEL,
    TRIES,
    TRIGGER,
    Own,
    cron_jobs,
    manual_job,
    obstacle,
    own,
    report,
    unwanted,
)
from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.backup_report import BackupReport
from ringmaster_operator.runtimes.pod.cache import PodCache
from ringmaster_operator.runtimes.protocol import RuntimeUnavailable
from ringmaster_operator.store import Key

LOOK_SECONDS = 3600.0
AGAIN_SECONDS = 900.0
"""Between applications of CronJobs that have not changed: somebody may have deleted one."""


class ClusterBackups:
    """Run run() for as long as it is used; changed is told of schedules whose pods have changed."""

    def __init__(
        self,
        *,
        kube: Kube,
        namespace: str,
        pod: str,
        sqlite: bool,
        monotonic: Callable[[], float],
        changed: Callable[[Key], None],
    ) -> None:
        """The operator's own pod and namespace; sqlite: its history is a file that backups read beside it."""
        self._kube = kube
        self._namespace = namespace
        self._pod = pod
        self._sqlite = sqlite
        self._monotonic = monotonic
        self._changed = changed
        self._own: Own | None = None
        self._applied: dict[Key, tuple[str, float]] = {}
        self._pods = PodCache(kube=kube, namespace=namespace, gone=lambda _: None, labels=SCHEDULE_LABEL)

    async def run(self) -> None:
        """Watch the pods, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pods.run())
            group.create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            await self._pods.changed(LOOK_SECONDS)
            for name in {pod["metadata"]["labels"][SCHEDULE_LABEL] for pod in self._pods.all()}:
                self._changed((self._namespace, name))

    async def ensure(self, schedule: BackupSchedule) -> None:
        """CronJobs as the spec wants them, and a Job where a backup was asked for. Raises KubeError."""
        try:
            await self._pods.ready()
        except RuntimeUnavailable as error:
            raise KubeUnavailable(0, str(error)) from error
        if self._own is None:
            self._own = own(await self._kube.get(PODS, self._namespace, self._pod), sqlite=self._sqlite)
        jobs = cron_jobs(schedule, self._own)
        await self._apply(schedule, jobs, unwanted(schedule))
        wanted = schedule.spec.trigger
        if wanted and wanted != schedule.status.last_trigger and not self._asked(schedule):
            with suppress(Conflict):  # it is there, and its pod is to come
                await self._kube.create(JOBS, self._namespace, manual_job(schedule, self._own))

    async def remove(self, schedule: BackupSchedule) -> None:
        """Take away what a former spec, with another executor, has made. Raises KubeError."""
        self._applied.pop(schedule.key, None)
        for name in unwanted(schedule):
            await self._kube.delete(CRON_JOBS, self._namespace, name)

    async def _apply(self, schedule: BackupSchedule, jobs: list[dict[str, Any]], unwanted: list[str]) -> None:
        text, now = json.dumps(jobs), self._monotonic()
        known = self._applied.get(schedule.key)
        if known is not None and known[0] == text and now - known[1] < AGAIN_SECONDS:
            return
        for job in jobs:
            await self._kube.apply(CRON_JOBS, self._namespace, job)
        if known is None or known[0] != text:
            for name in unwanted:
                await self._kube.delete(CRON_JOBS, self._namespace, name)
        self._applied[schedule.key] = text, now

    def reports(self, key: Key) -> list[BackupReport]:
        """What the pods that are still there reported."""
        found = (report(pod) for pod in self._of(key))
        return [item for item in found if item is not None]

    def stuck(self, key: Key) -> str:
        """Why a pod does not start; empty when none is held up."""
        return next((why for pod in self._of(key) if report(pod) is None and (why := obstacle(pod))), "")

    def obeyed(self, schedule: BackupSchedule) -> str | None:
        """The trigger whose backup has ended, well or not."""
        reports = [report(pod) for pod in self._asked(schedule)]
        good = any(item is not None and item.succeeded for item in reports)
        done = good or sum(item is not None for item in reports) > TRIES
        return schedule.spec.trigger if done else None

    async def tidy(self, schedule: BackupSchedule) -> None:
        """Delete the Jobs of former triggers with their pods; the newest stays, for its log."""
        former: set[str] = set()
        for pod in self._of(schedule.key):
            meta = pod["metadata"]
            asked = meta.get("annotations", {}).get(TRIGGER)
            if asked is not None and asked != schedule.spec.trigger:
                former.update(owner["name"] for owner in meta.get("ownerReferences", []))
        for name in former:
            await self._kube.delete(JOBS, self._namespace, name)

    def forget(self, key: Key) -> None:
        """The schedule is gone; what it made goes with it."""
        self._applied.pop(key, None)

    def _asked(self, schedule: BackupSchedule) -> list[dict[str, Any]]:
        """The pods of the present trigger, one for each try."""
        wanted = schedule.spec.trigger
        pods = self._of(schedule.key)
        return [pod for pod in pods if pod["metadata"].get("annotations", {}).get(TRIGGER) == wanted]

    def _of(self, key: Key) -> list[dict[str, Any]]:
        def its(pod: dict[str, Any]) -> bool:
            labels = pod["metadata"]["labels"]
            return labels.get(SCHEDULE_LABEL) == key[1] and RUN_LABEL in labels

        return [pod for pod in self._pods.all() if its(pod)] if key[0] == self._namespace else []
