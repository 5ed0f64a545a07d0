"""A BackupSchedule's status: what its runs reported, when the next ones come, whether all is well. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from ringmaster_operator.events import Note
from ringmaster_operator.reconcilers.backup_command import Run, crons
from ringmaster_operator.resources.backup import (
    BackupFailure,
    BackupSchedule,
    BackupScheduleStatus,
    Rehearsal,
)
from ringmaster_operator.resources.backup_report import BackupReport
from ringmaster_operator.resources.base import Condition, ConditionStatus

GRACE = timedelta(minutes=10)
"""How long after its time a backup may come before it is missed: time to start and to be made."""
SHRUNK = 0.5

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
Verdict = tuple[ConditionStatus, str, str]
"""A condition's status, reason and message."""


def fault(schedule: BackupSchedule, now: datetime) -> str:
    """Why the schedule can never run, empty when it can: no schema knows that 30 February never comes."""
    fields = {
        Run.HOURLY: "spec.hourly.schedule",
        Run.DAILY: "spec.daily.schedule",
        Run.TRIAL: "spec.verify.rehearse",
    }
    for run, cron in crons(schedule.spec).items():
        try:
            following(cron, now)
        except CronSimError as error:
            return f"{fields[run]}: {cron}: {error}"
        except StopIteration:
            return f"{fields[run]}: {cron}: no such time ever comes"
    return ""


def following(cron: str, after: datetime, count: int = 1) -> datetime:
    """The count-th time of a cron expression after a time, in UTC."""
    times = CronSim(cron, after.astimezone(UTC))
    for _ in range(count - 1):
        next(times)
    found: datetime = next(times)
    return found


def fold(status: BackupScheduleStatus, reports: Iterable[BackupReport]) -> BackupScheduleStatus:
    """The status with these reports in it, in whatever order and however often they come."""
    for report in sorted(reports, key=lambda item: item.time):
        if fresh(status, report):
            status = _with(status, report)
    return status


def fresh(status: BackupScheduleStatus, report: BackupReport) -> bool:
    """Whether the status says nothing of it yet."""
    if report.action == "rehearsal":
        return status.last_rehearsal is None or report.time > status.last_rehearsal.time
    if report.succeeded:
        known = status.last_success.time if status.last_success else None
        return report.record is not None and (known is None or report.record.time > known)
    return status.last_failure is None or report.time > status.last_failure.time


def _with(status: BackupScheduleStatus, report: BackupReport) -> BackupScheduleStatus:
    update: dict[str, object] = {}
    if report.kept is not None:
        update["kept"] = report.kept
    if report.action == "rehearsal":
        update["last_rehearsal"] = Rehearsal(
            time=report.time, succeeded=report.succeeded, opened=report.opened, message=report.message
        )
    elif report.succeeded:
        update["last_success"] = report.record
    else:
        update["last_failure"] = BackupFailure(time=report.time, mode=report.mode, message=report.message)
    return status.model_copy(update=update)


def upcoming(
    schedule: BackupSchedule, status: BackupScheduleStatus, run: Run, now: datetime
) -> datetime | None:
    """The next time of a run: the one in the status, as long as it is to come and the spec is the same."""
    cron = crons(schedule.spec).get(run)
    if cron is None or schedule.spec.suspend:
        return None
    known = status.next_hourly if run is Run.HOURLY else status.next_daily
    same = schedule.metadata.generation == schedule.status.observed_generation
    return known if known is not None and same and known > now else following(cron, now)


def overdue_at(schedule: BackupSchedule, status: BackupScheduleStatus) -> datetime | None:
    """When the newest backup is too old: two of the most frequent runs have come and gone without one."""
    since = status.last_success.time if status.last_success else schedule.metadata.creation_timestamp
    if since is None:
        return None
    runs = [cron for run, cron in crons(schedule.spec).items() if run is not Run.TRIAL]
    return min(following(cron, since, 2) for cron in runs) + GRACE


def conditions(
    schedule: BackupSchedule, status: BackupScheduleStatus, ready: Verdict, now: datetime, *, stuck: str = ""
) -> list[Condition]:
    """Ready as given, Fresh and Verified by the status; stuck says why a run does not begin."""
    verdicts = {
        "Ready": ready,
        "Fresh": _fresh(schedule, status, ready, now, stuck),
        "Verified": _verified(status),
    }
    known = {item.type: item for item in schedule.status.conditions}
    return [
        Condition(
            type=kind,
            status=verdict[0],
            reason=verdict[1],
            message=verdict[2],
            last_transition_time=_since(known.get(kind), verdict[0], now),
            observed_generation=schedule.metadata.generation,
        )
        for kind, verdict in verdicts.items()
    ]


def _since(known: Condition | None, status: ConditionStatus, now: datetime) -> datetime:
    return known.last_transition_time if known is not None and known.status is status else now


def _fresh(
    schedule: BackupSchedule, status: BackupScheduleStatus, ready: Verdict, now: datetime, stuck: str
) -> Verdict:
    last = status.last_success
    if ready[1] == "InvalidSchedule":
        return UNKNOWN, "InvalidSchedule", "it is not known when a backup should be there"
    if schedule.spec.suspend:
        return UNKNOWN, "Suspended", "no backup is expected while spec.suspend is set"
    limit = overdue_at(schedule, status)
    if limit is not None and now >= limit:
        words = f"the last backup is of {_at(last.time)}" if last else "there is no backup yet"
        failure = status.last_failure
        if stuck:
            words += f"; its pod does not start: {stuck}"
        elif failure and (last is None or failure.time > last.time):
            words += f"; the last run failed: {failure.message}"
        return FALSE, "Overdue", words
    if last is None:
        return UNKNOWN, "NoBackupYet", f"the first backup is still to come{f'; {stuck}' if stuck else ''}"
    if last.lacks:
        words = f"{last.name} holds the history as it was at {_at(last.time)}, without the resources"
        return TRUE, "WithoutResources", f"{words}: {last.lacks}"
    return TRUE, "BackedUp", f"{last.name} holds what was there at {_at(last.time)}"


def _verified(status: BackupScheduleStatus) -> Verdict:
    last, trial = status.last_success, status.last_rehearsal
    if trial is not None and not trial.succeeded:
        return FALSE, "RehearsalFailed", f"the trial restore of {_at(trial.time)} failed: {trial.message}"
    if last is None:
        return UNKNOWN, "NoBackupYet", "there is no backup yet"
    if not last.verified:
        return UNKNOWN, "NotVerified", f"{last.name} was not read back: spec.verify.everyBackup is off"
    if trial is not None and not trial.opened:
        words = "backups are encrypted and spec.verify.identitySecret is unset, so no trial restore opens one"
        return UNKNOWN, "NotOpened", f"{last.name} was read back and checked before that; {words}"
    words = f"; the trial restore of {_at(trial.time)} worked" if trial else ""
    return TRUE, "ReadBack", f"{last.name} was read back and checked{words}"


def _at(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def notes(old: BackupScheduleStatus, new: BackupScheduleStatus) -> list[Note]:
    """What the change from old to new should tell people."""
    found: list[Note] = []
    if new.last_failure and new.last_failure != old.last_failure:
        found.append(Note("BackupFailed", new.last_failure.message, warning=True))
    made, before = new.last_success, old.last_success
    if made and made != before:
        found.append(Note("BackedUp", f"{made.name}, {made.bytes} bytes"))
        if made.lacks:
            words = f"{made.name} holds the history, without the resources: {made.lacks}"
            found.append(Note("WithoutResources", words, warning=True))
        if before and before.mode is made.mode and made.bytes < before.bytes * SHRUNK:
            words = (
                f"{made.name} has {made.bytes} bytes, {before.name} had {before.bytes}: look at what is gone"
            )
            found.append(Note("BackupShrunk", words, warning=True))
    trial = new.last_rehearsal
    if trial and trial != old.last_rehearsal:
        reason = "RehearsalFailed" if not trial.succeeded else "Rehearsed" if trial.opened else "NotOpened"
        found.append(Note(reason, trial.message or "restored", warning=not trial.succeeded))
    known = {item.type: item for item in old.conditions}
    for item in new.conditions:
        before_ = known.get(item.type)
        changed = before_ is None or (before_.status, before_.reason) != (item.status, item.reason)
        if changed and item.status is FALSE and item.reason not in ("Suspended", "RehearsalFailed"):
            found.append(Note(item.reason, item.message, warning=True))
    return found
