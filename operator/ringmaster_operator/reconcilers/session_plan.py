"""Which sessions a Worker should have, and what to do about those that it has. Pure: facts in, plan out.

A session that is to go is first shown as Draining, which the claim desk obeys at once, and is stopped in a
later pass when it holds no bead: so none is stopped in the moment in which it gets one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ringmaster_operator.reconcilers.session_memory import Memory, after_crash
from ringmaster_operator.resources.worker import Mode, Session, SessionState, StopMode, Worker
from ringmaster_operator.runtimes.protocol import SessionInfo
from ringmaster_operator.runtimes.protocol import SessionState as Found

QUIET = timedelta(minutes=10)
"""A session that ran this long starts with a clean slate at its next crash."""
LOOP_RESTARTS = 5
"""Crashes in a row that are called a crash loop."""
RESUMABLE = timedelta(seconds=20)
"""A session that is back sooner goes on with its bead; for a longer pause the bead is given away."""
NOTHING_TO_DO = 3
"""Exit code of `worker run --once` that found no bead."""
IDLE_PAUSE = timedelta(seconds=10)
"""From that to the next look, where there should be something to do."""
RUNS = frozenset({Found.STARTING, Found.RUNNING})


@dataclass(frozen=True, kw_only=True)
class Busy:
    """The bead that a session holds."""

    bead: str
    iteration: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the plan depends on; all mappings are by session name.

    startable is False while no session can be started (a Secret is missing): what runs goes on as it is.
    claiming: sessions that are just being given a bead; none of these is idle.
    resumable: whether a session that ended finds its bead again when it is started anew.
    """

    infos: Mapping[str, SessionInfo]
    busy: Mapping[str, Busy]
    memories: Mapping[str, Memory]
    claimable: int
    fingerprint: str
    startable: bool
    now: datetime
    resumable: bool = True
    claiming: frozenset[str] = frozenset()

    @property
    def held(self) -> set[str]:
        """Sessions with a bead, or with one on its way to them."""
        return {*self.busy, *self.claiming}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """End a session. abandon: its bead, if any, goes to someone else, who is told why."""

    name: str
    abandon: bool
    why: str = ""


@dataclass(kw_only=True)
class SessionPlan:
    """What to do, and what a person should see. A memory of None is to be forgotten."""

    wanted: int
    start: list[str] = field(default_factory=list)
    stop: list[Stop] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    memories: dict[str, Memory | None] = field(default_factory=dict)
    crashed: dict[str, Memory] = field(default_factory=dict)
    """Crashes that this plan has seen for the first time."""
    wake_at: datetime | None = None

    def wake(self, at: datetime) -> None:
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)


def wanted_sessions(worker: Worker, facts: Facts) -> int:
    """How many sessions there should be now."""
    if worker.metadata.deletion_timestamp is not None:
        return 0
    spec = worker.spec
    scale = spec.autoscale
    if scale is not None:
        count = max(scale.min, min(scale.max, len(facts.held) + facts.claimable))
    else:
        count = 1 if spec.replicas is None else spec.replicas
    if spec.mode is Mode.ONCE:
        running = sum(info.state in RUNS for info in facts.infos.values())
        count = min(count, max(running, len(facts.held) + facts.claimable))
    return count


def plan_sessions(worker: Worker, facts: Facts) -> SessionPlan:
    """Bring the sessions to what the spec wants."""
    wanted = wanted_sessions(worker, facts)
    plan = SessionPlan(wanted=wanted)
    shown = {item.name: item for item in worker.status.sessions}
    keep = _keep(worker, facts, wanted, shown)
    for name in sorted(keep, key=ordinal):
        _wanted(worker, facts, plan, name, shown.get(name))
    for name in sorted({*facts.infos, *facts.memories} - keep, key=ordinal):
        _unwanted(worker, facts, plan, name, shown.get(name))
    plan.sessions.sort(key=lambda item: ordinal(item.name))
    return plan


def ordinal(name: str) -> int:
    """The number at the end of a session's name; what has none is sorted last."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 1_000_000


def _keep(worker: Worker, facts: Facts, wanted: int, shown: Mapping[str, Session]) -> set[str]:
    """Busy sessions before idle ones, low numbers before high ones; new ones take the lowest free numbers."""
    held = facts.held

    def rank(name: str) -> tuple[bool, bool, int]:
        item = shown.get(name)
        draining = item is not None and item.state is SessionState.DRAINING
        return name not in held, draining, ordinal(name)

    waiting = {name for name, memory in facts.memories.items() if memory.next_start_at is not None}
    keep = set(sorted({*facts.infos, *waiting}, key=rank)[:wanted])
    number = 0
    while len(keep) < wanted:
        keep.add(f"{worker.metadata.name}-{number}")
        number += 1
    return keep


def _wanted(worker: Worker, facts: Facts, plan: SessionPlan, name: str, shown: Session | None) -> None:
    info = facts.infos.get(name)
    memory = facts.memories.get(name)
    if info is None:
        _absent(facts, plan, name, shown, memory)
    elif info.state in RUNS:
        if info.fingerprint != facts.fingerprint and facts.startable:
            _drain(worker, facts, plan, name, shown)
            return
        if memory is not None and info.started_at is not None:
            if facts.now - info.started_at >= QUIET:
                plan.memories[name] = memory = None
            else:
                plan.wake(info.started_at + QUIET)
        plan.sessions.append(_running(facts, name, shown, memory))
    elif _clean(worker, info, shown) or (facts.startable and info.fingerprint != facts.fingerprint):
        idle = worker.spec.mode is Mode.ONCE and info.exit_code == NOTHING_TO_DO
        plan.stop.append(Stop(name=name, abandon=False))
        plan.memories[name] = Memory(next_start_at=facts.now + IDLE_PAUSE) if idle else None
    else:
        _crash(facts, plan, info, shown, memory)


def _absent(facts: Facts, plan: SessionPlan, name: str, shown: Session | None, memory: Memory | None) -> None:
    due = memory.next_start_at if memory is not None else None
    if facts.startable and memory is not None and memory.fingerprint not in ("", facts.fingerprint):
        plan.memories[name] = memory = due = None
    if memory is not None and due is not None and due > facts.now:
        plan.wake(due)
        state = SessionState.CRASHED if memory.restarts else SessionState.STOPPED
        plan.sessions.append(_entry(facts, name, state, shown, memory=memory))
    elif facts.startable:
        plan.start.append(name)
        plan.sessions.append(_entry(facts, name, SessionState.STARTING, shown, memory=memory))


def _crash(
    facts: Facts, plan: SessionPlan, info: SessionInfo, shown: Session | None, memory: Memory | None
) -> None:
    hopeless = info.state is Found.UNSTARTABLE
    fresh = after_crash(
        memory,
        info.message,
        fingerprint=info.fingerprint,
        now=facts.now,
        hopeless=hopeless,
        reason=info.reason,
    )
    due = fresh.next_start_at or facts.now
    plan.memories[info.name] = plan.crashed[info.name] = fresh
    abandon = not facts.resumable or due - facts.now > RESUMABLE
    plan.stop.append(Stop(name=info.name, abandon=abandon, why=_why(info) if abandon else ""))
    plan.wake(due)
    plan.sessions.append(_entry(facts, info.name, SessionState.CRASHED, shown, memory=fresh))


def _why(info: SessionInfo) -> str:
    return f"session {info.name} ended: {f'{info.reason}: ' if info.reason else ''}{info.message}"


def _unwanted(worker: Worker, facts: Facts, plan: SessionPlan, name: str, shown: Session | None) -> None:
    info = facts.infos.get(name)
    if info is not None and info.state in RUNS:
        until = _lingers(worker, facts, name, shown)
        if until is None:
            _drain(worker, facts, plan, name, shown)
        else:
            plan.wake(until)
            plan.sessions.append(_running(facts, name, shown, facts.memories.get(name)))
        return
    plan.stop.append(Stop(name=name, abandon=True))  # also one that waits for its restart, with its bead
    if name in facts.memories:
        plan.memories[name] = None


def _lingers(worker: Worker, facts: Facts, name: str, shown: Session | None) -> datetime | None:
    """With autoscale: until when an idle session is kept in case that work comes."""
    scale = worker.spec.autoscale
    if scale is None or worker.metadata.deletion_timestamp is not None or name in facts.held:
        return None
    if shown is None or shown.state is SessionState.DRAINING:
        return None
    since = facts.now if shown.state is SessionState.WORKING else shown.last_progress_at or facts.now
    until = since + timedelta(seconds=scale.idle_seconds)
    return until if until > facts.now else None


def _drain(worker: Worker, facts: Facts, plan: SessionPlan, name: str, shown: Session | None) -> None:
    """Let it finish its bead, then stop it; with stopMode Now at once."""
    told = shown is not None and shown.state is SessionState.DRAINING
    told = told or worker.metadata.deletion_timestamp is not None
    if worker.spec.stop_mode is StopMode.NOW or (told and name not in facts.held):
        plan.stop.append(Stop(name=name, abandon=True))
        return
    if not told and name not in facts.held:
        plan.wake(facts.now)
    memory = facts.memories.get(name)
    plan.sessions.append(_entry(facts, name, SessionState.DRAINING, shown, memory=memory))


def _clean(worker: Worker, info: SessionInfo, shown: Session | None) -> bool:
    """Whether it ended because it was told to, or because its one bead is done."""
    told = shown is not None and shown.state is SessionState.DRAINING
    once = worker.spec.mode is Mode.ONCE
    return (info.exit_code == 0 and (told or once)) or (once and info.exit_code == NOTHING_TO_DO)


def _running(facts: Facts, name: str, shown: Session | None, memory: Memory | None) -> Session:
    starting = facts.infos[name].state is Found.STARTING
    idle = SessionState.STARTING if starting else SessionState.IDLE
    state = SessionState.WORKING if name in facts.busy else idle
    return _entry(facts, name, state, shown, memory=memory and replace(memory, last_error="", reason=""))


def _entry(
    facts: Facts, name: str, state: SessionState, shown: Session | None, *, memory: Memory | None
) -> Session:
    info, busy = facts.infos.get(name), facts.busy.get(name)
    runs = info is not None and info.state in RUNS
    trouble = info if info is not None and runs and info.reason else None
    bead, iteration = (busy.bead, busy.iteration) if busy else (None, None)
    same = shown is not None and (shown.state, shown.bead, shown.iteration) == (state, bead, iteration)
    return Session(
        name=name,
        state=state,
        bead=bead,
        iteration=iteration,
        started_at=info.started_at if info is not None and runs else None,
        last_progress_at=shown.last_progress_at if same and shown is not None else facts.now,
        restarts=memory.restarts if memory else 0,
        reason=trouble.reason if trouble else memory.reason if memory else "",
        message=trouble.message if trouble else memory.last_error if memory else "",
    )


def looping(sessions: Iterable[Session]) -> list[Session]:
    """Sessions that crash again and again."""
    return [
        item for item in sessions if item.restarts >= LOOP_RESTARTS and item.state is SessionState.CRASHED
    ]
