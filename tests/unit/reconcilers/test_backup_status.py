"""What becomes of a BackupSchedule's status: reports in any order, conditions over time, notes for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator import metrics
from ringmaster_operator.reconcilers import backup_metrics
from ringmaster_operator.reconcilers.backup_command import Run, crons
from ringmaster_operator.reconcilers.backup_status import (
    TRUE,
    conditions,
    fault,
    fold,
    following,
    fresh,
    notes,
    overdue_at,
    upcoming,
)
from ringmaster_operator.resources.backup import BackupSchedule, BackupScheduleStatus
from ringmaster_operator.resources.backup_report import BackupReport

NOW = datetime(2026, 3, 2, 10, 20, tzinfo=UTC)
READY = (TRUE, "Scheduled", "")


def schedule(status: BackupScheduleStatus | None = None, **spec: Any) -> BackupSchedule:
    meta = {"name": "b", "namespace": "n", "uid": "u", "generation": 1, "creationTimestamp": NOW.isoformat()}
    spec = {"hourly": {"schedule": "0 * * * *"}, "destination": {"volumeClaim": "v"}, **spec}
    made = BackupSchedule.check({"metadata": meta, "spec": spec})
    return made.model_copy(update={"status": status}) if status else made


def report(minutes: float = 0, *, good: bool = True, action: str = "backup", **more: Any) -> BackupReport:
    time = (NOW + timedelta(minutes=minutes)).isoformat()
    record = {"name": f"b{minutes}", "mode": "hourly", "time": time, "bytes": 1000, "sha256": "0" * 64}
    body = {"action": action, "succeeded": good, "mode": "hourly", "time": time, "message": f"at {minutes}"}
    if good and action == "backup":
        body["record"] = {**record, "verified": True, **more.pop("record", {})}
    return BackupReport.check({**body, **more})


def found(item: BackupSchedule, now: datetime, stuck: str = "") -> dict[str, tuple[str, str]]:
    made = conditions(item, item.status, READY, now, stuck=stuck)
    return {each.type: (each.status.value, each.reason) for each in made}


REPORTS = st.lists(
    st.builds(
        report,
        st.integers(0, 500),
        good=st.booleans(),
        action=st.sampled_from(["backup", "rehearsal"]),
    ),
    max_size=12,
)


@given(REPORTS, st.randoms(use_true_random=False))
def test_reports_fold_to_the_same_in_any_order_and_twice(reports: list[BackupReport], random: Any) -> None:
    once = fold(BackupScheduleStatus(), reports)
    assert fold(once, reports) == once
    assert not any(fresh(once, item) for item in reports)
    status = BackupScheduleStatus()
    for item in reports:
        random.shuffle(reports)
        status = fold(fold(status, [item]), reports)
    for field in ("last_success", "last_failure", "last_rehearsal"):
        mine, other = getattr(status, field), getattr(once, field)
        assert (mine and mine.time) == (other and other.time)


def test_the_newest_of_each_sort_stays() -> None:
    kept = {"hourly": 3, "daily": 1, "manual": 0}
    reports = [report(0), report(60, kept=kept), report(30, good=False), report(40, action="rehearsal")]
    status = fold(BackupScheduleStatus(), reports)
    assert status.last_success
    assert (status.last_success.name, status.kept.hourly) == ("b60", 3)
    assert status.last_failure
    assert status.last_failure.message == "at 30"
    assert status.last_rehearsal
    assert status.last_rehearsal.succeeded


def test_a_backup_is_overdue_when_two_runs_have_passed() -> None:
    item = schedule(fold(BackupScheduleStatus(), [report(0)]))
    limit = overdue_at(item, item.status)
    assert limit == datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
    assert found(item, limit - timedelta(seconds=1))["Fresh"] == ("True", "BackedUp")
    assert found(item, limit)["Fresh"] == ("False", "Overdue")


def test_one_that_never_came_is_missed_too() -> None:
    item = schedule()
    assert found(item, NOW)["Fresh"] == ("Unknown", "NoBackupYet")
    assert found(item, NOW + timedelta(hours=3))["Fresh"] == ("False", "Overdue")
    late = conditions(item, item.status, READY, NOW + timedelta(hours=3), stuck="no such claim")
    assert "no such claim" in late[1].message


def test_a_failure_is_named_where_backups_are_overdue() -> None:
    item = schedule(fold(BackupScheduleStatus(), [report(0), report(100, good=False)]))
    fresh_ = conditions(item, item.status, READY, NOW + timedelta(hours=3))[1]
    assert (fresh_.reason, "at 100" in fresh_.message) == ("Overdue", True)


def test_the_more_frequent_schedule_says_when_a_backup_is_overdue() -> None:
    both = schedule(hourly={"schedule": "0 * * * *"}, daily={"schedule": "0 3 * * *"})
    seldom = schedule(hourly=None, daily={"schedule": "0 3 * * *"})
    status = fold(BackupScheduleStatus(), [report(0)])
    assert overdue_at(both, status) == datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
    assert overdue_at(seldom, status) == datetime(2026, 3, 4, 3, 10, tzinfo=UTC)


def test_nothing_is_overdue_while_suspended() -> None:
    item = schedule(suspend=True)
    assert found(item, NOW + timedelta(days=30))["Fresh"] == ("Unknown", "Suspended")


@pytest.mark.parametrize(
    ("reports", "verdict"),
    [
        ([], ("Unknown", "NoBackupYet")),
        ([report(0)], ("True", "ReadBack")),
        ([report(0, record={"verified": False})], ("Unknown", "NotVerified")),
        ([report(0), report(5, action="rehearsal")], ("True", "ReadBack")),
        ([report(0), report(5, action="rehearsal", good=False)], ("False", "RehearsalFailed")),
        ([report(0), report(5, action="rehearsal", opened=False)], ("Unknown", "NotOpened")),
    ],
)
def test_verified(reports: list[BackupReport], verdict: tuple[str, str]) -> None:
    item = schedule(fold(BackupScheduleStatus(), reports))
    assert found(item, NOW)["Verified"] == verdict


@pytest.mark.parametrize(
    ("reports", "shown"),
    [
        ([report(0)], 1),
        ([report(0, record={"verified": False})], 1),
        ([report(0), report(5, action="rehearsal", opened=False)], 1),
        ([report(0), report(5, action="rehearsal", good=False)], 0),
    ],
)
def test_no_alarm_for_what_was_asked_for(reports: list[BackupReport], shown: int) -> None:
    """RingmasterBackupUnverified: not where everyBackup is off, nor where no key is given."""
    item = schedule(fold(BackupScheduleStatus(), reports))
    status = item.status.model_copy(update={"conditions": conditions(item, item.status, READY, NOW)})
    backup_metrics.show(item.key, status)
    try:
        value = metrics.registry.get_sample_value(
            "ringmaster_backup_verified", {"namespace": "n", "schedule": "b"}
        )
        assert value == shown
    finally:
        backup_metrics.forget(item.key)


def test_a_history_without_resources_is_a_backup_and_says_so() -> None:
    old = fold(BackupScheduleStatus(), [report(0)])
    new = fold(old, [report(60, record={"lacks": "the cluster is away"})])
    item = schedule(new)
    fresh_ = conditions(item, new, READY, NOW + timedelta(hours=1))[1]
    assert (fresh_.status, fresh_.reason) == (TRUE, "WithoutResources")
    assert "the cluster is away" in fresh_.message
    assert {note.reason: note.warning for note in notes(old, new)} == {
        "BackedUp": False,
        "WithoutResources": True,
    }


def test_rehearsals_can_be_switched_off() -> None:
    assert set(crons(schedule(verify={"rehearse": "Never"}).spec)) == {Run.HOURLY}
    assert Run.TRIAL in crons(schedule().spec)


def test_a_transition_time_moves_with_the_status_alone() -> None:
    item = schedule()
    first = conditions(item, item.status, READY, NOW)
    item = schedule(item.status.model_copy(update={"conditions": first}))
    later = NOW + timedelta(hours=5)
    second = {each.type: each for each in conditions(item, item.status, READY, later)}
    assert second["Ready"].last_transition_time == NOW
    assert second["Fresh"].last_transition_time == later


def test_what_people_are_told() -> None:
    old = fold(BackupScheduleStatus(), [report(0)])
    half = fold(old, [report(60, record={"bytes": 499}), report(50, good=False)])
    told = {note.reason: note.warning for note in notes(old, half)}
    assert told == {"BackedUp": False, "BackupShrunk": True, "BackupFailed": True}
    assert notes(half, half) == []
    other = fold(old, [report(60, record={"bytes": 499, "mode": "manual"})])
    assert [note.reason for note in notes(old, other)] == ["BackedUp"]


def test_a_planned_time_stays_until_it_has_come_or_the_spec_changes() -> None:
    planned = NOW + timedelta(minutes=7)
    status = BackupScheduleStatus(next_hourly=planned, observed_generation=1)
    assert upcoming(schedule(status), status, Run.HOURLY, NOW) == planned
    assert upcoming(schedule(status), status, Run.HOURLY, planned) == datetime(2026, 3, 2, 11, tzinfo=UTC)
    changed = schedule(status.model_copy(update={"observed_generation": 0}))
    assert upcoming(changed, status, Run.HOURLY, NOW) == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert upcoming(schedule(status), status, Run.DAILY, NOW) is None


def test_times_are_utc_also_where_the_clock_is_not() -> None:
    zone = datetime(2026, 3, 29, 1, 30).astimezone(UTC)
    assert following("0 3 * * *", zone) == datetime(2026, 3, 29, 3, tzinfo=UTC)


@pytest.mark.parametrize(("cron", "bad"), [("0 3 30 2 *", True), ("0 3 29 2 *", False)])
def test_a_time_that_never_comes_is_told(cron: str, bad: bool) -> None:
    words = fault(schedule(daily={"schedule": cron}), NOW)
    assert words.startswith("spec.daily.schedule") is bad
