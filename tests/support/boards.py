"""Beads, Workers and boards for the tests of the pure core."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import Backoff, claimed
from ringmaster_operator.resources.bead import Bead, Outcome, OutcomeKind, Phase, Reason
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.protocol import ReportRequest
from ringmaster_operator.resources.worker import Worker

NS = "project"
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
BACKOFF = Backoff(base_seconds=30, limit_seconds=3600)


def examples(count: int) -> settings:
    """So many random examples, or RINGMASTER_EXAMPLES where that is set."""
    cases = int(os.environ.get("RINGMASTER_EXAMPLES", count))
    return settings(max_examples=cases, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bead(name: str, *, created: datetime = NOON, status: dict[str, Any] | None = None, **spec: Any) -> Bead:
    meta = {"name": name, "namespace": NS, "uid": f"uid-{name}", "resource_version": "1", "generation": 1}
    labels = spec.pop("labels", {})
    if spec.get("type") == "decision" and "decision" not in spec:
        spec["decision"] = {"question": "Which?"}
    return Bead.model_validate(
        {
            "metadata": {**meta, "creation_timestamp": created, "labels": labels},
            "spec": {"title": name, **spec},
            "status": status or {},
        }
    )


def ended(name: str, phase: Phase = Phase.SUCCEEDED, **spec: Any) -> Bead:
    """A bead that has come to its end."""
    return bead(name, status={"phase": phase, "finished_at": NOON}, **spec)


def taken(item: Bead, *, now: datetime = NOON, session: str = "w-0") -> Bead:
    """The same bead, claimed by a session."""
    status = claimed(
        item, claim_id=f"claim-{item.status.fence + 1}-{session}", worker="w", session=session, now=now
    )
    return item.model_copy(update={"status": status})


def edited(item: Bead, **spec: Any) -> Bead:
    """The same bead after a person has changed its spec."""
    meta = item.metadata.model_copy(update={"generation": item.metadata.generation + 1})
    return item.model_copy(update={"metadata": meta, "spec": item.spec.model_copy(update=spec)})


def worker(name: str = "w", *, labels: dict[str, str] | None = None, **spec: Any) -> Worker:
    meta = {"name": name, "namespace": NS, "uid": f"uid-{name}", "labels": labels or {}}
    return Worker.model_validate({"metadata": meta, "spec": {"runtime": "Tmux", **spec}})


def board_of(*beads: Bead, project: Project | None = None, now: datetime = NOON) -> Board:
    board = Board()
    board.set_project(NS, project)
    for item in beads:
        board.put(item)
    board.refresh(now)
    board.rescore()
    return board


def report(
    item: Bead,
    kind: OutcomeKind,
    reason: Reason | None = None,
    *,
    summary: str = "",
    now: datetime = NOON,
    **more: Any,
) -> ReportRequest:
    """A report of the bead's present iteration by the holder of its claim."""
    assert item.status.claim is not None
    return ReportRequest.model_validate(
        {
            "report_id": "report-0001",
            "fence": item.status.claim.fence,
            "iteration": item.status.iteration,
            "outcome": Outcome(kind=kind, reason=reason, summary=summary),
            "started_at": now - timedelta(minutes=5),
            "finished_at": now,
            **more,
        }
    )
