"""What there is to tell, read from what is. A fact keeps its key for as long as it is so. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.base import Condition, ConditionStatus
from ringmaster_operator.resources.bead import Bead, BeadType, Phase
from ringmaster_operator.resources.notify_api import NoticeKind
from ringmaster_operator.resources.redaction import Redactor
from ringmaster_operator.resources.scalars import clean
from ringmaster_operator.resources.worker import Worker

MOST_WORDS = 500
QUIET_REASONS = frozenset({"Starting", "NoneWanted", "SessionsRun"})
"""Why a Worker may have no session without anybody being needed."""
_SHAPES = Redactor()


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that somebody may want to know."""

    kind: NoticeKind
    source: str
    """The same thing has the same, whenever and by whomever it is read."""
    at: datetime
    namespace: str
    """Empty: of no namespace."""
    name: str
    what: str
    """One line: what happened."""
    why: str = ""
    """Why it needs somebody, or what is wrong."""
    page: str = ""
    """Path on the dashboard."""
    command: str = ""
    """What to type to act."""

    def content(self) -> dict[str, Any]:
        """As the outbox keeps it: without credentials, control characters, and endless prose."""
        told = {"what": self.what, "why": self.why, "page": self.page, "command": self.command}
        return {
            "kind": str(self.kind),
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "namespace": self.namespace,
            "name": self.name,
            **{key: _words(text, one_line=key != "why") for key, text in told.items()},
        }


def of_bead(bead: Bead, parent: Bead | None) -> Fact | None:
    """What there is to tell of a bead; the parent is whose decision it may be."""
    phase, kind = bead.status.phase, bead.spec.type
    if phase is Phase.NEEDS_DECISION and kind is BeadType.DECISION:
        return _asked(bead, parent)
    if phase is Phase.FAILED:
        return _failed(bead)
    return _finished(bead) if phase is Phase.SUCCEEDED and kind is BeadType.EPIC else None


def _asked(bead: Bead, parent: Bead | None) -> Fact | None:
    at = _since(bead.status.conditions, "Ready") or bead.metadata.creation_timestamp
    if at is None:
        return None
    namespace, name = bead.key
    step = parent.status.escalation if parent is not None else None
    escalated = step is not None and step.decision == name
    decision = bead.spec.decision
    words = decision.question if decision is not None else bead.spec.title
    if decision is not None and decision.options:
        words += f"\nAnswers: {'; '.join(option.name for option in decision.options)}"
    if decision is not None and decision.deadline is not None:
        words += f"\nBy {_moment(decision.deadline)}, else: {decision.default}"
    about = bead.spec.title if parent is None else f"{parent.metadata.name} ({parent.spec.title})"
    return Fact(
        kind=NoticeKind.ESCALATION if escalated else NoticeKind.DECISION,
        source=f"decision/{bead.metadata.uid}",
        at=at,
        namespace=namespace,
        name=name,
        what=f"{'Stuck, and a person decides' if escalated else 'Decision needed'}: {about}",
        why=words,
        page=_page(bead),
        command=f"ringmaster decide {name} -n {namespace}",
    )


def _failed(bead: Bead) -> Fact | None:
    end, outcome = bead.status.finished_at, bead.status.outcome
    if end is None:
        return None
    namespace, name = bead.key
    reason = (outcome.summary or str(outcome.reason or "")) if outcome is not None else ""
    return Fact(
        kind=NoticeKind.FAILED,
        source=f"failed/{bead.metadata.uid}/{_moment(end)}",
        at=end,
        namespace=namespace,
        name=name,
        what=f"Failed: {name} ({bead.spec.title})",
        why=reason,
        page=_page(bead),
        command=f"ringmaster timeline {name} -n {namespace}; ringmaster retry {name} -n {namespace}",
    )


def _finished(bead: Bead) -> Fact | None:
    end = bead.status.finished_at
    if end is None:
        return None
    namespace, name = bead.key
    return Fact(
        kind=NoticeKind.FINISHED,
        source=f"finished/{bead.metadata.uid}/{_moment(end)}",
        at=end,
        namespace=namespace,
        name=name,
        what=f"Finished: {name} ({bead.spec.title})",
        why=bead.status.outcome.summary if bead.status.outcome is not None else "",
        page=_page(bead),
    )


def of_worker(worker: Worker) -> Fact | None:
    """That its sessions do not come up by themselves."""
    found = _condition(worker.status.conditions, "Available")
    if found is None or found.reason in QUIET_REASONS or worker.metadata.deletion_timestamp is not None:
        return None
    if found.status is ConditionStatus.TRUE and found.reason != "CrashLoop":
        return None
    namespace, name = worker.key
    since = _moment(found.last_transition_time)
    return Fact(
        kind=NoticeKind.WORKER,
        source=f"worker/{worker.metadata.uid}/{since}/{found.reason}",
        at=found.last_transition_time,
        namespace=namespace,
        name=name,
        what=f"Worker {name} has no sessions: {found.reason}",
        why=found.message,
        page=f"/ui/{namespace}/workers/{name}",
        command=f"kubectl describe worker {name} -n {namespace}",
    )


def of_backups(schedule: BackupSchedule) -> list[Fact]:
    """That a backup failed, is overdue, or could not be read back."""
    status, found = schedule.status, []
    failed, good = status.last_failure, status.last_success
    if failed is not None and (good is None or failed.time > good.time):
        found.append(_backup(schedule, "Backup failed", failed.time, failed.message))
    trial = status.last_rehearsal
    if trial is not None and not trial.succeeded:
        found.append(_backup(schedule, "Trial restore failed", trial.time, trial.message))
    fresh = _condition(status.conditions, "Fresh")
    if fresh is not None and fresh.reason == "Overdue":
        found.append(_backup(schedule, "Backups are overdue", fresh.last_transition_time, fresh.message))
    return found


def _backup(schedule: BackupSchedule, what: str, at: datetime, why: str) -> Fact:
    namespace, name = schedule.key
    return Fact(
        kind=NoticeKind.BACKUP,
        source=f"backup/{schedule.metadata.uid}/{what}/{_moment(at)}",
        at=at,
        namespace=namespace,
        name=name,
        what=f"{what}: {name}",
        why=why,
        page=f"/ui/{namespace}/backups",
        command=f"kubectl describe backupschedule {name} -n {namespace}",
    )


def _page(bead: Bead) -> str:
    namespace, name = bead.key
    return f"/ui/{namespace}/beads/{name}"


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _condition(conditions: Iterable[Condition], kind: str) -> Condition | None:
    return next((item for item in conditions if item.type == kind), None)


def _since(conditions: Iterable[Condition], kind: str) -> datetime | None:
    found = _condition(conditions, kind)
    return found.last_transition_time if found is not None else None


def _words(text: str, *, one_line: bool) -> str:
    cleaned = str(clean(_SHAPES.text(text)))
    if one_line:
        cleaned = " ".join(cleaned.split())
    return cleaned if len(cleaned) <= MOST_WORDS else f"{cleaned[: MOST_WORDS - 1]}…"
