"""What needs a person in a namespace, the most pressing first. Reads what is known and asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ringmaster_operator.board.facts import Readiness, View
from ringmaster_operator.board.room import Room
from ringmaster_operator.resources.base import Condition, ConditionStatus
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadType, Phase
from ringmaster_operator.resources.budget import Period
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.overview_api import Activity, Need, NeedKind, SessionInfo
from ringmaster_operator.resources.worker import Worker

RECENT = timedelta(days=7)
"""A failure that nothing waits for is told so long."""
TRIES = 3
"""Losses to infrastructure in a row from which on a person should look."""
QUIET = frozenset({"Starting", "NoneWanted", "SessionsRun"})
"""Why a Worker may have no session without anybody being needed."""
QUESTIONS = (NeedKind.DECISION, NeedKind.ESCALATION)
WEIGHED = 50
"""So many of the first are ordered by all that wait for them; of the rest by what waits directly."""
ORDER = {kind: place for place, kind in enumerate(NeedKind)}


def of_beads(room: Room, names: Iterable[str], now: datetime) -> list[Need]:
    """Those of the named beads that need a person, in no order."""
    beads = (room.beads[name] for name in names)
    return [need for bead in beads if (need := _of_bead(room, bead, now)) is not None]


def may_need(bead: Bead, view: View | None) -> bool:
    """Whether the bead could need a person at all, whatever becomes of others while it stays as it is."""
    if bead.status.phase is Phase.FAILED:
        return True
    if bead.status.phase in FINISHED or view is None or view.readiness is Readiness.FINISHED:
        return False
    if bead.spec.type is BeadType.DECISION:
        return view.readiness is Readiness.NEEDS_DECISION
    return view.readiness is Readiness.DEPENDENCY_FAILED or bool(_stuck_by_itself(bead, view))


def asking(found: Iterable[Need]) -> set[str]:
    """Beads that have a question which is not answered."""
    return {need.parent for need in found if need.kind in QUESTIONS and need.parent is not None}


def ranked(
    room: Room,
    found: Iterable[Need],
    workers: Iterable[Worker],
    sessions: Iterable[SessionInfo],
    budgets: Iterable[BudgetState],
) -> list[Need]:
    """What beads and all else need, in order: by kind, urgency, how much waits for it, and age."""
    every = list(found)
    every += [need for worker in workers if (need := _of_worker(worker)) is not None]
    every += _of_budgets(budgets)
    every += [_stalled(room, session) for session in sessions if session.activity is Activity.STALLED]
    every.sort(key=_place)
    first = [_weighed(room, need) for need in every[:WEIGHED]]
    return sorted(first, key=_place) + every[WEIGHED:]


def _weighed(room: Room, need: Need) -> Need:
    """With all that wait for it, where those that do so directly were counted."""
    return need.model_copy(update={"blocks": blocked_by(room, need.name)}) if need.blocks else need


def _place(need: Need) -> tuple[int, str, int, float, str]:
    since = need.since.timestamp() if need.since is not None else 0.0
    return ORDER[need.kind], str(need.priority or ""), -need.blocks, since, need.name


def _of_bead(room: Room, bead: Bead, now: datetime) -> Need | None:
    if bead.status.phase is Phase.FAILED:
        return _failed(room, bead, now)
    view = room.views.get(bead.metadata.name)
    if bead.status.phase in FINISHED or view is None or view.readiness is Readiness.FINISHED:
        return None
    if bead.spec.type is BeadType.DECISION:
        return _decision(room, bead) if view.readiness is Readiness.NEEDS_DECISION else None
    why = _stuck(room, bead)
    return _need(room, bead, NeedKind.STUCK, why=why, since=_since(bead)) if why else None


def _decision(room: Room, bead: Bead) -> Need:
    decision, parent = bead.spec.decision, room.beads.get(bead.spec.parent or "")
    step = parent.status.escalation if parent is not None else None
    escalated = step is not None and step.decision == bead.metadata.name
    return _need(
        room,
        bead,
        NeedKind.ESCALATION if escalated else NeedKind.DECISION,
        why=decision.question if decision is not None else "",
        since=bead.metadata.creation_timestamp,
        options=[option.name for option in decision.options] if decision is not None else [],
        deadline=decision.deadline if decision is not None else None,
    )


def _failed(room: Room, bead: Bead, now: datetime) -> Need | None:
    since, outcome = bead.status.finished_at, bead.status.outcome
    recent = since is not None and now - since <= RECENT
    need = _need(
        room,
        bead,
        NeedKind.FAILED,
        why=(outcome.summary or str(outcome.reason or "")) if outcome is not None else "",
        since=since,
    )
    return need if recent or need.blocks else None


def _stuck(room: Room, bead: Bead) -> str:
    """Why only a change lets it go on; empty where time or work does."""
    view = room.views[bead.metadata.name]
    if view.readiness is Readiness.DEPENDENCY_FAILED and any(
        _cancelled(room.beads.get(name)) for name in view.blocked_by
    ):
        return view.message  # a failed one is told by itself, a cancelled one is not
    return _stuck_by_itself(bead, view)


def _stuck_by_itself(bead: Bead, view: View) -> str:
    """The same, as far as no other bead is asked."""
    status = bead.status
    if view.readiness in (Readiness.DEPENDENCY_MISSING, Readiness.DEPENDENCY_CYCLE):
        return view.message
    if view.readiness is Readiness.BACKOFF and status.interruptions >= TRIES:
        return view.message
    nobody = _condition(bead.status.conditions, "Assignable") if view.ready else None
    return nobody.message if nobody is not None and nobody.status is ConditionStatus.FALSE else ""


def _cancelled(bead: Bead | None) -> bool:
    return bead is not None and bead.status.phase is Phase.CANCELLED


def _of_worker(worker: Worker) -> Need | None:
    found = _condition(worker.status.conditions, "Available")
    if found is None or found.reason in QUIET or worker.metadata.deletion_timestamp is not None:
        return None
    if found.status is ConditionStatus.TRUE and found.reason != "CrashLoop":
        return None
    return Need(
        kind=NeedKind.WORKER,
        name=worker.metadata.name,
        why=f"{found.reason}: {found.message}" if found.message else found.reason,
        since=found.last_transition_time,
    )


def _of_budgets(budgets: Iterable[BudgetState]) -> Iterator[Need]:
    for budget in budgets:
        if budget.reached:
            limit = f"${budget.usd:.2f}" if budget.usd is not None else f"{budget.tokens} tokens"
            span = "this month" if budget.per is Period.MONTH else "today"
            why = f"{limit} {span} are spent: no bead is begun on it until the period ends or it is raised"
            yield Need(kind=NeedKind.BUDGET, name=budget.name, why=why)


def _stalled(room: Room, session: SessionInfo) -> Need:
    bead = room.beads.get(session.bead or "")
    why = f"no progress on {session.bead}"
    return Need(
        kind=NeedKind.STALLED,
        name=session.name,
        title=bead.spec.title if bead is not None else "",
        why=why,
        since=session.progress_at,
    )


def _need(room: Room, bead: Bead, kind: NeedKind, *, since: datetime | None, **more: object) -> Need:
    name = bead.metadata.name
    view = room.views.get(name)
    return Need.model_validate(
        {
            "kind": kind,
            "name": name,
            "title": bead.spec.title,
            "priority": view.effective_priority if view is not None else bead.spec.priority,
            "since": since,
            "parent": bead.spec.parent,
            "blocks": len(_waiting_for(room, name)),
            **more,
        },
        by_name=True,
    )


def blocked_by(room: Room, name: str) -> int:
    """Unfinished beads that wait for it, directly or not."""
    found, queue = {name}, [name]
    while queue:
        fresh = _waiting_for(room, queue.pop()) - found
        found |= fresh
        queue += fresh
    return len(found) - 1


def _waiting_for(room: Room, name: str) -> set[str]:
    """Unfinished beads that wait for it directly."""
    graph = room.graph
    own = graph.facts.get(name)
    waiting = {*graph.dependents(name), *([own.parent] if own is not None and own.parent else [])}
    return {other for other in waiting if other in graph.facts and graph.facts[other].standing is None}


def _since(bead: Bead) -> datetime | None:
    ready = _condition(bead.status.conditions, "Ready")
    return ready.last_transition_time if ready is not None else bead.metadata.creation_timestamp


def _condition(conditions: Iterable[Condition], kind: str) -> Condition | None:
    return next((item for item in conditions if item.type == kind), None)
