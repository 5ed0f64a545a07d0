"""Lines of the mailbox and of the fleet, and their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.overview_api import Activity, Need, NeedKind, SessionInfo
from ringmaster_operator.resources.worker import Session, SessionState, Worker

_KIND = {kind: place for place, kind in enumerate(NeedKind)}
_TROUBLE = (Activity.STALLED, Activity.WAITING, Activity.DOWN)
_PLAIN = {
    SessionState.STARTING: Activity.STARTING,
    SessionState.CRASHED: Activity.DOWN,
    SessionState.STOPPED: Activity.DOWN,
}


@dataclass(frozen=True)
class NeedRow:
    """A line of the mailbox."""

    namespace: str
    need: Need


@dataclass(frozen=True)
class SessionRow:
    """A line of the fleet."""

    namespace: str
    info: SessionInfo
    note: str = ""
    """What its agent says that it does."""
    most: int | None = None
    """Iterations at most."""


def fresh(kind: NeedKind, bead: BeadInfo) -> Need:
    """What the bead itself tells, until the operator is asked again."""
    since = bead.finished_at if kind is NeedKind.FAILED else bead.created_at
    return Need(
        kind=kind,
        name=bead.name,
        title=bead.title,
        why=bead.title,
        priority=bead.effective_priority,
        since=since,
        parent=bead.parent,
    )


def need_place(row: NeedRow) -> tuple[int, str, int, float, str, str]:
    """The order of the mailbox."""
    need = row.need
    since = need.since.timestamp() if need.since is not None else 0.0
    return _KIND[need.kind], str(need.priority or ""), -need.blocks, since, row.namespace, need.name


def plain_info(worker: Worker, session: Session) -> SessionInfo:
    """What the Worker itself tells of a session."""
    usual = Activity.WORKING if session.bead else Activity.IDLE
    return SessionInfo(
        name=session.name,
        worker=worker.metadata.name,
        runtime=worker.spec.runtime,
        activity=_PLAIN.get(session.state, usual),
        state=session.state,
        bead=session.bead,
        iteration=session.iteration,
        started_at=session.started_at,
        progress_at=session.last_progress_at,
        restarts=session.restarts,
        message=session.message,
    )


def session_place(row: SessionRow) -> tuple[bool, str, str, int]:
    """The order of the fleet: trouble first, then names as people count."""
    head, _, tail = row.info.name.rpartition("-")
    quiet = row.info.activity not in _TROUBLE
    if tail.isdecimal() and len(tail) < 9:
        return quiet, row.namespace, head, int(tail)
    return quiet, row.namespace, row.info.name, 0
