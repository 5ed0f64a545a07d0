"""Backups by the operator itself, where there is no node: `ringmaster backup` as a process, when due."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import SECRETS, Kube, KubeError
from ringmaster_operator.reconcilers.backup_command import (
    IDENTITY,
    IDENTITY_VARIABLE,
    Run,
    arguments,
    crons,
    variables,
)
from ringmaster_operator.reconcilers.backup_pods import LONGEST_SECONDS, TRIES
from ringmaster_operator.reconcilers.backup_status import following
from ringmaster_operator.resources.backup import BackupMode, BackupSchedule
from ringmaster_operator.resources.backup_report import BackupReport
from ringmaster_operator.store import Key

RETRY = timedelta(minutes=1)
"""Before a run that failed is tried again; twice as long before the next time."""
STOP_SECONDS = 20.0


class HostBackups:
    """One run at a time for each schedule; changed is told when one has ended."""

    def __init__(self, *, kube: Kube, clock: Clock, database: str, changed: Callable[[Key], None]) -> None:
        """database: URL of the history that is saved."""
        self._kube = kube
        self._clock = clock
        self._database = database
        self._changed = changed
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._ended: dict[Key, dict[tuple[str, bool], BackupReport]] = {}
        self._obeyed: dict[Key, str] = {}
        self._again: dict[Key, tuple[Run, datetime, int]] = {}

    def ensure(self, schedule: BackupSchedule) -> datetime | None:
        """Begin what is due; when to look again, where something waits to be tried again or rehearsed."""
        key, now = schedule.key, self._clock.now()
        if key not in self._running and (run := self._due(schedule, now)) is not None:
            tries = self._again.pop(key, (run, now, 0))[2]
            self._running[key] = asyncio.create_task(self._run(schedule, run, tries), name=f"backup {key}")
        return min(
            (when for when in (self._retry(key), _trial(schedule)) if when and when > now), default=None
        )

    def _due(self, schedule: BackupSchedule, now: datetime) -> Run | None:
        wanted, status = schedule.spec.trigger, schedule.status
        if wanted and wanted not in (status.last_trigger, self._obeyed.get(schedule.key)):
            return Run.MANUAL
        if schedule.spec.suspend:
            return None
        again = self._again.get(schedule.key)
        if again is not None and again[1] <= now:
            return again[0]
        if status.observed_generation == schedule.metadata.generation:
            for run, when in ((Run.DAILY, status.next_daily), (Run.HOURLY, status.next_hourly)):
                if when is not None and when <= now:
                    return run
        trial = _trial(schedule)
        return Run.TRIAL if trial is not None and trial <= now else None

    def _retry(self, key: Key) -> datetime | None:
        again = self._again.get(key)
        return again[1] if again else None

    async def _run(self, schedule: BackupSchedule, run: Run, tries: int) -> None:
        key = schedule.key
        try:
            report = await self._report(schedule, run)
            self._ended.setdefault(key, {})[report.action, report.succeeded] = report
            if run is Run.MANUAL:
                self._obeyed[key] = schedule.spec.trigger or ""
            elif not report.succeeded and run is not Run.TRIAL and tries < TRIES:
                self._again[key] = run, self._clock.now() + RETRY * 2**tries, tries + 1
        finally:
            del self._running[key]
        self._changed(key)

    async def _report(self, schedule: BackupSchedule, run: Run) -> BackupReport:
        with tempfile.TemporaryDirectory(prefix="ringmaster-backup-") as folder:
            try:
                environment = await self._environment(schedule)
                if run is Run.TRIAL:
                    environment |= await self._key(schedule, Path(folder, IDENTITY))
            except (KubeError, ValueError) as error:
                return self._failed(run, str(error))
            result = Path(folder, "result.json")
            words = await _call(arguments(run, schedule.spec, str(result)), environment)
            try:
                text = await asyncio.to_thread(result.read_text, encoding="utf-8")
                return BackupReport.read(json.loads(text))
            except (OSError, ValueError, ValidationError):
                return self._failed(run, words)

    async def _environment(self, schedule: BackupSchedule) -> dict[str, str]:
        found = {**os.environ, **variables(schedule.spec), "RINGMASTER_DATABASE_URL": self._database}
        bucket = schedule.spec.destination.s3
        if bucket is not None:
            secret = await self._kube.get(SECRETS, schedule.metadata.namespace, bucket.secret_ref.name)
            for name, value in secret.get("data", {}).items():
                if name.startswith("AWS_"):
                    found[name] = base64.b64decode(value).decode()
        return found

    async def _key(self, schedule: BackupSchedule, file: Path) -> dict[str, str]:
        """The private key in a file, where only this user looks. Raises KubeError, ValueError."""
        secret = schedule.spec.verify.identity_secret
        if secret is None:
            return {}
        found = await self._kube.get(SECRETS, schedule.metadata.namespace, secret.name)
        if IDENTITY not in found.get("data", {}):
            raise ValueError(f"Secret {secret.name} has no key {IDENTITY}: spec.verify.identitySecret")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(found["data"][IDENTITY]))
        return {IDENTITY_VARIABLE: str(file)}

    def _failed(self, run: Run, words: str) -> BackupReport:
        return BackupReport(
            action="rehearsal" if run is Run.TRIAL else "backup",
            succeeded=False,
            mode=BackupMode(run.value) if run is not Run.TRIAL else BackupMode.MANUAL,
            time=self._clock.now(),
            message=words or "the run ended without a word",
        )

    def reports(self, key: Key) -> list[BackupReport]:
        """The newest report of each sort."""
        return list(self._ended.get(key, {}).values())

    def obeyed(self, schedule: BackupSchedule) -> str | None:
        """The trigger whose backup has ended, well or not."""
        return self._obeyed.get(schedule.key)

    def forget(self, key: Key) -> None:
        """The schedule is gone; a run that goes on is ended."""
        for known in (self._ended, self._obeyed, self._again):
            known.pop(key, None)
        if key in self._running:
            self._running[key].cancel()

    async def close(self) -> None:
        """End what runs, and wait for it."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _trial(schedule: BackupSchedule) -> datetime | None:
    """When the newest backup is to be rehearsed; None without one."""
    cron, status = crons(schedule.spec).get(Run.TRIAL), schedule.status
    if cron is None or status.last_success is None:
        return None
    return following(cron, status.last_rehearsal.time if status.last_rehearsal else status.last_success.time)


async def _call(words: list[str], environment: dict[str, str]) -> str:
    """Run the program to its end; what it said last, as one line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ringmaster_cli", *words),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
    except TimeoutError:
        return f"not done after {LONGEST_SECONDS // 3600} h, so it was ended"
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
    return " ".join(said.decode("utf-8", "replace").split())[-1000:]
