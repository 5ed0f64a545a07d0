"""Who is told what: facts by subscriptions, and what a fact says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringmaster_operator.history import StoredSubscription
from ringmaster_operator.notify import facts
from ringmaster_operator.notify.facts import Fact
from ringmaster_operator.notify.plan import OLD, plan
from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.notify_api import NoticeKind
from ringmaster_operator.resources.worker import Worker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOON = "2026-11-24T12:00:00Z"


def bead(name: str = "fix-it", **fields: Any) -> Bead:
    spec = {"title": "Fix the login", "type": "task"} | fields.pop("spec", {})
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "creationTimestamp": SOON}
    return Bead.read({"metadata": meta, "spec": spec, "status": fields.pop("status", {})})


def failed(name: str = "fix-it", at: str = SOON, summary: str = "tests fail") -> Bead:
    outcome = {"kind": "failed", "summary": summary}
    return bead(name, status={"phase": "Failed", "finishedAt": at, "outcome": outcome})


def fact(kind: NoticeKind = NoticeKind.FAILED, **fields: Any) -> Fact:
    told: dict[str, Any] = {
        "source": "failed/1",
        "at": NOON,
        "namespace": "shop",
        "name": "fix-it",
        "what": "Failed: fix-it",
    }
    return Fact(kind=kind, **(told | fields))


def subscription(owner: str = "user:ada", id: int = 1, **fields: Any) -> StoredSubscription:
    return StoredSubscription(
        id=id,
        owner=owner,
        channel="ops",
        address="",
        wishes=fields,
        created_at=NOON - timedelta(hours=1),
        created_by=owner,
        last_sent_at=None,
        last_error="",
        last_error_at=None,
    )


def told(found: Fact, *subscriptions: StoredSubscription, now: datetime = NOON) -> list[int]:
    return [item.subscription_id for item in plan([found], subscriptions, now, lambda _, __: True)]


def test_kinds_and_namespaces_choose() -> None:
    everything, some = subscription(), subscription(id=2, kinds=["failed", "budget"])
    other, elsewhere = subscription(id=3, kinds=["decision"]), subscription(id=4, namespaces=["bank"])
    here, there = subscription("namespace:shop", 5), subscription("namespace:bank", 6)
    assert told(fact(), everything, some, other, elsewhere, here, there) == [1, 2, 5]
    fault = fact(NoticeKind.OPERATOR, namespace="")
    assert told(fault, everything, some, other, elsewhere, here, there) == [1, 4]


def test_rights_count() -> None:
    found = plan([fact()], [subscription(), subscription("user:eve", 2)], NOON, lambda sub, _: sub.id == 1)
    assert [item.subscription_id for item in found] == [1]


def test_only_what_happens_after_it_was_asked_for_and_lately() -> None:
    before = fact(at=NOON - timedelta(hours=2))
    assert told(before, subscription()) == []
    assert told(fact(), subscription(), now=NOON + OLD) == [1]
    assert told(fact(), subscription(), now=NOON + OLD + timedelta(seconds=1)) == []


def test_what_a_newer_version_wrote_disturbs_no_other() -> None:
    assert told(fact(), subscription(digest="weekly"), subscription(id=2)) == [2]


def test_a_failure_is_one_thing_until_it_fails_again() -> None:
    first, same = facts.of_bead(failed(), None), facts.of_bead(failed(summary="other words"), None)
    again = facts.of_bead(failed(at="2026-11-24T13:00:00Z"), None)
    assert first is not None
    assert same is not None
    assert again is not None
    assert first.source == same.source != again.source
    assert first.page == "/ui/shop/beads/fix-it"
    assert "ringmaster retry fix-it -n shop" in first.command


@pytest.mark.parametrize(
    "phase", ["Pending", "Blocked", "Ready", "Running", "Held", "Succeeded", "Cancelled"]
)
def test_nothing_to_tell_of_a_task(phase: str) -> None:
    assert facts.of_bead(bead(status={"phase": phase, "finishedAt": SOON}), None) is None


def test_an_epic_that_succeeded() -> None:
    found = facts.of_bead(
        bead(spec={"type": "epic"}, status={"phase": "Succeeded", "finishedAt": SOON}), None
    )
    assert found is not None
    assert found.kind is NoticeKind.FINISHED


def test_a_decision_and_an_escalation() -> None:
    decision = {"question": "Which database?", "options": [{"name": "sqlite"}, {"name": "postgres"}]}
    asked = bead(
        "fix-it-q1",
        spec={"type": "decision", "parent": "fix-it", "decision": decision},
        status={"phase": "NeedsDecision"},
    )
    found = facts.of_bead(asked, bead())
    assert found is not None
    assert found.kind is NoticeKind.DECISION
    assert "Fix the login" in found.what
    assert "Which database?" in found.why
    assert "sqlite; postgres" in found.why
    assert found.command == "ringmaster decide fix-it-q1 -n shop"
    step = {"action": "Person", "message": "stuck", "step": 1, "decision": "fix-it-q1"}
    stuck = facts.of_bead(asked, bead(status={"escalation": step}))
    assert stuck is not None
    assert stuck.kind is NoticeKind.ESCALATION
    assert stuck.source == found.source


def test_a_worker_that_does_not_come_up() -> None:
    def worker(reason: str, status: str = "False") -> Worker:
        condition = {"type": "Available", "status": status, "reason": reason, "lastTransitionTime": SOON}
        meta = {"name": "builders", "namespace": "shop", "uid": "uid-w"}
        spec = {"runtime": "Tmux", "agent": {"profile": "claude-code"}}
        return Worker.read({"metadata": meta, "spec": spec, "status": {"conditions": [condition]}})

    found = facts.of_worker(worker("CrashLoop", "True"))
    assert found is not None
    assert found.kind is NoticeKind.WORKER
    assert facts.of_worker(worker("Starting")) is None
    assert facts.of_worker(worker("SessionsRun", "True")) is None


def test_backups_that_failed_are_overdue_or_cannot_be_read() -> None:
    def schedule(**status: Any) -> BackupSchedule:
        meta = {"name": "nightly", "namespace": "ops", "uid": "uid-b"}
        spec = {"destination": {"volumeClaim": "backups"}, "daily": {"schedule": "0 3 * * *"}}
        return BackupSchedule.read({"metadata": meta, "spec": spec, "status": status})

    failure = {"time": SOON, "mode": "hourly", "message": "no space"}
    assert [item.what for item in facts.of_backups(schedule(lastFailure=failure))] == [
        "Backup failed: nightly"
    ]
    overdue = {"type": "Fresh", "status": "False", "reason": "Overdue", "lastTransitionTime": SOON}
    trial = {"time": SOON, "succeeded": False, "opened": True, "message": "damaged"}
    found = facts.of_backups(schedule(conditions=[overdue], lastRehearsal=trial))
    assert [item.what for item in found] == ["Trial restore failed: nightly", "Backups are overdue: nightly"]
    assert facts.of_backups(schedule()) == []


def test_what_is_told_is_short_and_holds_no_credentials() -> None:
    token = "ghp_" + "a1B2" * 9
    content = facts.of_bead(
        failed(summary=f"push failed: https://ada:{token}@git.example.com\x1b[31m {'x' * 900}"), None
    )
    assert content is not None
    found = content.content()
    assert token not in str(found)
    assert "\x1b" not in found["why"]
    assert len(found["why"]) == facts.MOST_WORDS
    assert "\n" not in found["what"]
