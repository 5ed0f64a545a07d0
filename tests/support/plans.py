"""Workers, sessions and facts that plans are made from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ringmaster_operator.reconcilers.session_plan import (
    Busy,
    Facts,
    SessionPlan,
)
from ringmaster_operator.resources.worker import Session, SessionState, Worker, WorkerStatus
from ringmaster_operator.runtimes.protocol import SessionInfo
from ringmaster_operator.runtimes.protocol import SessionState as Found

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BUSY = Busy(bead="b", iteration=1)


def worker(*sessions: Session, deleting: bool = False, **spec: Any) -> Worker:
    metadata: dict[str, Any] = {"name": "w", "namespace": "n", "uid": "u", "generation": 3}
    if deleting:
        metadata["deletionTimestamp"] = NOW.isoformat()
    made = Worker.check({"metadata": metadata, "spec": {"runtime": "Tmux", **spec}})
    return made.model_copy(update={"status": WorkerStatus(sessions=list(sessions))})


def found(name: str, state: Found = Found.RUNNING, **more: Any) -> SessionInfo:
    facts = {"fingerprint": "f", "started_at": NOW - timedelta(seconds=30), **more}
    return SessionInfo(namespace="n", name=name, worker="w", state=state, **facts)


def shown(name: str, state: SessionState, **more: Any) -> Session:
    return Session(name=name, state=state, **{"last_progress_at": NOW - timedelta(seconds=5), **more})


def facts(*infos: SessionInfo, **more: Any) -> Facts:
    given: dict[str, Any] = {
        "infos": {info.name: info for info in infos},
        "busy": {},
        "memories": {},
        "claimable": 0,
        "fingerprint": "f",
        "startable": True,
        "now": NOW,
        **more,
    }
    return Facts(**given)


def states(plan: SessionPlan) -> dict[str, SessionState]:
    return {item.name: item.state for item in plan.sessions}
