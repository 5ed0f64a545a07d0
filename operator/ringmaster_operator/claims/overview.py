"""A namespace at a glance: from the board, the leases and, for what was, the history."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib.metadata import version

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.limits import resolve
from ringmaster_operator.board.room import Room
from ringmaster_operator.claims import needs
from ringmaster_operator.claims.census import Census
from ringmaster_operator.claims.costs import Costs
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Lease, Leases
from ringmaster_operator.claims.origin import parents_of
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, Question
from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.bead import Bead, Phase
from ringmaster_operator.resources.budget_api import Sums
from ringmaster_operator.resources.cost_api import MonthForecast
from ringmaster_operator.resources.overview_api import (
    Activity,
    BackupState,
    DoneDay,
    Overview,
    Run,
    SessionInfo,
    Spending,
)
from ringmaster_operator.resources.worker import Session, SessionState, Worker
from ringmaster_operator.store import Key, Store

DAYS = 14
MOST_NEEDS = 200
STALLED_SECONDS = 300
"""Without progress, and without a tool that runs, from which on a session is said to be stalled."""
SHARED_SECONDS = 0.25
"""How long an answer is good for others who ask, at least: twenty people who look cost no more than one."""
SHARED_SHARE = 10
"""The same, as a multiple of the time that it took: no namespace takes more than a tenth of a processor."""
KEPT_SECONDS = 15.0
"""How long what the database says is good for all who ask."""


@dataclass(frozen=True)
class Made:
    """An answer, and until when it is shared (by the monotonic clock)."""

    until: float
    overview: Overview

    @cached_property
    def standing(self) -> str:
        """What it says besides the time, as JSON."""
        return self.overview.model_dump_json(by_alias=True, exclude_none=True, exclude={"at"})

    @cached_property
    def text(self) -> str:
        """All of it as JSON, made once for all who ask."""
        return f"{self.overview.model_dump_json(include={'at'})[:-1]},{self.standing[1:]}"


@dataclass(frozen=True)
class Past:
    """What the database says."""

    done: list[DoneDay]
    today: Sums
    month: MonthForecast


class Overviews:
    """Says how namespaces stand."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        history: History,
        funds: Funds,
        costs: Costs,
        leases: Leases,
        clock: Clock,
        refresh: Callable[[], None],
        elected: bool,
    ) -> None:
        """refresh brings the board up to date."""
        self._store = store
        self._board = board
        self._history = history
        self._funds = funds
        self._costs = costs
        self._leases = leases
        self._clock = clock
        self._refresh = refresh
        self._elected = elected
        self._past: dict[str, tuple[float, asyncio.Task[Past]]] = {}
        self._census: dict[str, Census] = {}
        self._made: dict[str, Made] = {}
        self._changed: set[str] = set()
        """Namespaces in which something changed since they were looked at."""
        store.listen(self._note)

    def _note(self, kind: str, key: Key, old: object, new: object) -> None:
        if key[0] in self._made:
            self._changed.add(key[0])

    async def of(self, namespace: str) -> Made:
        """As it stands, with every change that the operator knows of at the call. Raises HistoryError."""
        past = await asyncio.shield(self._known(namespace))
        while True:
            now = self._clock.monotonic()
            self._made = {name: made for name, made in self._made.items() if now < made.until}
            self._changed &= self._made.keys()
            made = self._made.get(namespace)
            if made is None:
                found = self._look_at(namespace, past)
                took = self._clock.monotonic() - now
                self._made[namespace] = Made(now + max(SHARED_SECONDS, SHARED_SHARE * took), found)
                return self._made[namespace]
            if namespace not in self._changed:
                return made
            # Whoever was told of a change and asks what came of it must not get the answer of before it.
            await asyncio.sleep(made.until - now)

    def _look_at(self, namespace: str, past: Past) -> Overview:
        self._refresh()
        now, room = self._clock.now(), self._board.room(namespace)
        workers = [item for item in self._store.workers() if item.metadata.namespace == namespace]
        leases = {lease.key[1]: lease for lease in self._leases if lease.key[0] == namespace}
        census = self._census.setdefault(namespace, Census())
        census.take(room)
        found = needs.of_beads(room, census.loud, now)
        asking = needs.asking(found)
        sessions = [
            self._session(worker, session, leases.get(session.bead or ""), asking, now)
            for worker in sorted(workers, key=lambda item: item.metadata.name)
            for session in worker.status.sessions
        ]
        budgets = self._funds.overview(namespace)
        wanted = needs.ranked(room, found, workers, sessions, budgets)
        moods = {(item.worker, item.name): item.activity for item in sessions}
        running = [self._run(room, bead, leases.get(bead.metadata.name), moods) for bead in _running(room)]
        return Overview(
            at=now,
            version=version("ringmaster"),
            elected=self._elected,
            phases=dict(census.phases),
            needs=wanted[:MOST_NEEDS],
            needed=dict(Counter(need.kind for need in wanted)),
            running=sorted(running, key=lambda run: (run.priority, run.since, run.name)),
            ready=census.ready,
            sessions=sessions,
            done=past.done,
            spend=Spending(today=past.today, running=_unreported(leases), month=past.month, budgets=budgets),
            backup=_backup(self._store.backup_schedules()),
        )

    def _known(self, namespace: str) -> asyncio.Task[Past]:
        """One look at the database for all who ask within some seconds."""
        now = self._clock.monotonic()
        self._past = {name: (at, task) for name, (at, task) in self._past.items() if now - at < KEPT_SECONDS}
        known = self._past.get(namespace)
        if known is None or (known[1].done() and (known[1].cancelled() or known[1].exception())):
            known = self._past[namespace] = now, asyncio.ensure_future(self._look(namespace))
        return known[1]

    async def _look(self, namespace: str) -> Past:
        today = self._clock.now().date()
        days = [today - timedelta(days=number) for number in reversed(range(DAYS))]
        found = await self._history.finished_since(namespace=namespace, since=days[0])
        total = await self._costs.total(Question(namespace=namespace, since=today))
        return Past(
            done=[
                DoneDay(
                    day=day,
                    succeeded=found.get((day, Phase.SUCCEEDED), 0),
                    failed=found.get((day, Phase.FAILED), 0),
                )
                for day in days
            ],
            today=Sums(usd=total.usd, tokens=int(total.tokens)),
            month=(await self._costs.forecast(namespace, None)).month,
        )

    def _session(
        self, worker: Worker, session: Session, lease: Lease | None, asking: set[str], now: datetime
    ) -> SessionInfo:
        held = lease if lease is not None and lease.session == session.name else None
        heard = held.progress.last_progress_at if held is not None else None
        return SessionInfo(
            name=session.name,
            worker=worker.metadata.name,
            runtime=worker.spec.runtime,
            activity=_activity(worker, session, held, asking, now),
            state=session.state,
            bead=session.bead,
            iteration=held.iteration if held is not None else session.iteration,
            started_at=session.started_at,
            progress_at=heard or session.last_progress_at,
            tokens_per_minute=held.tokens_per_minute() if held is not None else None,
            restarts=session.restarts,
            message=session.message,
        )

    def _run(
        self, room: Room, bead: Bead, lease: Lease | None, moods: dict[tuple[str, str], Activity]
    ) -> Run:
        claim, status, view = bead.status.claim, bead.status, room.views.get(bead.metadata.name)
        assert claim is not None  # noqa: S101 - of _running()
        held = lease if lease is not None and lease.claim_id == claim.id else None
        heard = held.progress if held is not None else None
        most = resolve(bead, parents_of(self._store, bead), room.project).max_iterations
        return Run(
            name=bead.metadata.name,
            title=bead.spec.title,
            priority=view.effective_priority if view is not None else bead.spec.priority,
            worker=claim.worker,
            session=claim.session,
            activity=moods.get((claim.worker, claim.session), Activity.WORKING),
            since=claim.since,
            attempt=status.attempts,
            iteration=held.iteration if held is not None else status.iteration,
            max_iterations=most,
            progress_at=heard.last_progress_at if heard is not None else None,
            note=heard.note if heard is not None else "",
            turns=heard.turns if heard is not None else 0,
            tool_calls=heard.tool_calls if heard is not None else 0,
            tokens=heard.tokens if heard is not None else 0,
            tokens_per_minute=held.tokens_per_minute() if held is not None else None,
            usd=round(status.cost.usd + ((heard.usd or 0.0) if heard is not None else 0.0), 6),
        )


def _running(room: Room) -> list[Bead]:
    return [room.beads[name] for name in room.busy if name in room.beads and room.beads[name].status.claim]


def _activity(
    worker: Worker, session: Session, lease: Lease | None, asking: set[str], now: datetime
) -> Activity:
    if session.state in (SessionState.CRASHED, SessionState.STOPPED):
        return Activity.DOWN
    if session.bead is None:
        return Activity.STARTING if session.state is SessionState.STARTING else Activity.IDLE
    if session.bead in asking:
        return Activity.WAITING
    if lease is None or lease.progress.open_tool_calls or lease.progress.last_progress_at is None:
        return Activity.WORKING
    most = timedelta(seconds=min(STALLED_SECONDS, worker.spec.agent.stall_seconds))
    return Activity.STALLED if now - lease.progress.last_progress_at > most else Activity.WORKING


def _unreported(leases: dict[str, Lease]) -> Sums:
    found = [lease.progress for lease in leases.values()]
    return Sums(
        usd=round(sum(item.usd or 0.0 for item in found), 6), tokens=sum(item.tokens for item in found)
    )


def _backup(schedules: Iterable[BackupSchedule]) -> BackupState:
    """Of all namespaces: they save one history. Nothing that tells where."""
    found = list(schedules)
    good = [item.status.last_success for item in found if item.status.last_success is not None]
    newest = max(good, key=lambda record: record.time, default=None)
    times = [at for item in found for at in (item.status.next_hourly, item.status.next_daily) if at]
    return BackupState(
        schedules=len(found),
        last=newest.time if newest is not None else None,
        verified=newest is not None and newest.verified,
        failing=any(_failing(item) for item in found),
        next=min(times, default=None),
    )


def _failing(schedule: BackupSchedule) -> bool:
    failed, good = schedule.status.last_failure, schedule.status.last_success
    return failed is not None and (good is None or failed.time > good.time)
