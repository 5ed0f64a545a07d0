"""The operator process: what is made from what, what starts before what, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from ringmaster_operator import garbage
from ringmaster_operator.api.app import waiting
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.surface import Parts, application
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.auth import setup as auth
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.budgets import Amount
from ringmaster_operator.board.lifecycle import Backoff
from ringmaster_operator.claims.bead_costs import BeadCosts
from ringmaster_operator.claims.bench import Bench
from ringmaster_operator.claims.briefing import Briefing
from ringmaster_operator.claims.desk import Desk
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Leases
from ringmaster_operator.claims.memory import Memory
from ringmaster_operator.claims.plans import Plans
from ringmaster_operator.claims.prices import Prices
from ringmaster_operator.claims.questions import Questions
from ringmaster_operator.claims.records import Records
from ringmaster_operator.claims.reports import Reports
from ringmaster_operator.claims.service import ClaimService
from ringmaster_operator.claims.talk import Talk
from ringmaster_operator.clock import Clock
from ringmaster_operator.cluster_state import ClusterState
from ringmaster_operator.events import Events
from ringmaster_operator.handlers.watch import Watch
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.last_seen import LastSeen
from ringmaster_operator.learning import Learning
from ringmaster_operator.notify.notifier import Notifier
from ringmaster_operator.reconcilers.backups import BackupReconciler
from ringmaster_operator.reconcilers.beads import BeadReconciler
from ringmaster_operator.reconcilers.hosts import Hosts
from ringmaster_operator.reconcilers.skills import Skills
from ringmaster_operator.server import Front
from ringmaster_operator.settings import Settings
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)


class Operator:
    """All parts of one operator, wired. `await serve()` runs it until stop() or a signal."""

    def __init__(self, *, settings: Settings, kube: Kube, history: History, clock: Clock) -> None:
        self.settings = settings
        self.kube = kube
        self.history = history
        self.clock = clock
        self.store = Store()
        self.changes = Changes(clock)
        self.board = Board(timedelta(seconds=settings.backoff_limit_seconds + 1))  # times are whole seconds
        self.learning = Learning(board=self.board, history=history, clock=clock)
        self.events = Events(kube, history, clock, self.changes.told)
        self.state = ClusterState(
            kube=kube,
            store=self.store,
            board=self.board,
            namespace=settings.namespace,
            events=self.events,
            changed=self._settings_changed,
        )
        self.last_seen = LastSeen(history, clock)
        self.auth = auth.build(settings, history, clock)
        self.statuses = Statuses(
            kube=kube,
            store=self.store,
            events=self.events,
            released=lambda key: self.beads.released(key),
            weighed=self.board.weighed,
        )
        self.beads = BeadReconciler(
            store=self.store,
            board=self.board,
            kube=kube,
            statuses=self.statuses,
            last_seen=self.last_seen,
            clock=clock,
            workers=settings.reconcile_workers,
            settle=lambda bead: self.plans.settle(bead),
            changed=lambda: self.desk.wake(),
        )
        self.backups = BackupReconciler(
            store=self.store, kube=kube, events=self.events, clock=clock, settings=settings
        )
        self.skills = Skills(
            store=self.store,
            board=self.board,
            kube=kube,
            statuses=self.statuses,
            learning=self.learning,
            clock=clock,
            workers=settings.reconcile_workers,
            wake=lambda: self.desk.wake(),
        )
        self._wire_claims()
        self.hosts = Hosts(
            settings=settings,
            store=self.store,
            board=self.board,
            kube=kube,
            history=history,
            events=self.events,
            clock=clock,
            standing=self.funds.standing,
            ended=self.service.session_ended,
            refresh=self.beads.refresh,
            changed=self.desk.wake,
        )
        self.notifier = Notifier(
            settings=settings,
            store=self.store,
            history=history,
            events=self.events,
            clock=clock,
            access=self.auth.accounts.access,
            budgets=self.funds.overview,
            trouble=self.ready,
            declared=lambda: self.state.told(),
        )
        self._stop = asyncio.Event()
        self.watch: Watch | None = None

    def _wire_claims(self) -> None:
        settings, clock = self.settings, self.clock
        backoff = Backoff(base_seconds=settings.backoff_seconds, limit_seconds=settings.backoff_limit_seconds)
        self.funds = Funds(
            store=self.store,
            board=self.board,
            history=self.history,
            events=self.events,
            clock=clock,
            estimate=Amount(settings.estimate_usd, settings.estimate_tokens),
        )
        self.leases = Leases(settings.lease_seconds, ended=self.funds.free)
        shared: dict[str, Any] = {
            "store": self.store,
            "board": self.board,
            "kube": self.kube,
            "history": self.history,
            "statuses": self.statuses,
            "leases": self.leases,
            "clock": clock,
            "funds": self.funds,
        }
        self.bead_costs = BeadCosts(
            store=self.store, kube=self.kube, history=self.history, statuses=self.statuses
        )
        self.prices = Prices(
            board=self.board, history=self.history, funds=self.funds, beads=self.bead_costs, clock=clock
        )
        memory = Memory(board=self.board, history=self.history, clock=clock)
        briefing = Briefing(
            store=self.store,
            board=self.board,
            history=self.history,
            funds=self.funds,
            memory=memory,
            clock=clock,
            lease_seconds=settings.lease_seconds,
        )
        bench = Bench(board=self.board, funds=self.funds, events=self.events, clock=clock)
        self.desk = Desk(bench=bench, briefing=briefing, refresh=self.beads.refresh, **shared)
        questions = Questions(kube=self.kube, store=self.store, clock=clock)
        self.plans = Plans(kube=self.kube, store=self.store, questions=questions, clock=clock)
        self.reports = Reports(
            briefing=briefing,
            plans=self.plans,
            backoff=backoff,
            learning=self.learning,
            memory=memory,
            **shared,
        )
        self.records = Records(
            history=self.history, clock=clock, days=settings.records_days, mib=settings.records_mib
        )
        talk = Talk(store=self.store, kube=self.kube, statuses=self.statuses, questions=questions)
        self.service = ClaimService(
            briefing=briefing, desk=self.desk, reports=self.reports, talk=talk, backoff=backoff, **shared
        )

    def ready(self) -> str:
        """Empty when claims can be served; else what is missing."""
        return self.state.trouble or (self.watch.failed if self.watch else "the watch is not started")

    def _settings_changed(self) -> None:
        self.skills.rules_changed()
        self.prices.changed()
        self.beads.refresh()
        self.notifier.settings_changed()

    def stop(self) -> None:
        self._stop.set()

    async def serve(self, front: Front | None = None) -> None:
        """Run until stopped, at the given front or one of its own (ServerError when the address is taken)."""
        settings = self.settings
        front = front or Front(settings.api_host, settings.api_port, waiting(self.ready))
        front.app = waiting(self.ready)
        url = settings.public_url or front.url
        tokens = Tokens(
            kube=self.kube,
            clock=self.clock,
            cache_seconds=settings.token_cache_seconds,
            grace_seconds=settings.token_grace_seconds,
        )
        http = front.start()
        http.add_done_callback(lambda _: self._stop.set())
        tasks = [self._task(self.events.run(), "events")]
        try:
            if not await self.state.filled(self._stop):
                return
            await self.last_seen.missed(self.store.beads(), namespace=settings.namespace)
            tasks.append(self._task(self.last_seen.run(), "last seen"))
            await self.learning.load()
            await self.auth.start()
            await self.funds.load()
            await self.service.recover()
            tasks.extend(self._background(url))
            self.store.listen(self.changes.take)
            front.app = application(self.parts(), service=self.service, tokens=tokens, ready=self.ready)
            garbage.settled()
            log.info("serving workers at %s", url)
            await self._stop.wait()
        finally:
            await self._end(tasks, front)
        for task in (*tasks, http):
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise RuntimeError(f"{task.get_name()} ended unexpectedly") from task.exception()

    def parts(self) -> Parts:
        """What the routes for people are made from."""
        return Parts(
            settings=self.settings,
            auth=self.auth,
            kube=self.kube,
            store=self.store,
            board=self.board,
            history=self.history,
            learning=self.learning,
            funds=self.funds,
            leases=self.leases,
            prices=self.prices,
            records=self.records,
            notifier=self.notifier,
            runtime_of=self.hosts.runtime_of,
            changes=self.changes,
            clock=self.clock,
            refresh=self.beads.refresh,
        )

    def _background(self, url: str) -> list[asyncio.Task[None]]:
        state, namespace = self.state, self.settings.namespace
        self.watch = Watch(sink=state.take, began=state.began, namespace=namespace)
        self.watch.start()
        return [
            *(self._task(work, name) for work, name in self.hosts.start(url)),
            self._task(self.beads.queue.run(), "beads"),
            self._task(self.beads.scorer.run(), "scores"),
            self._task(self.backups.run(), "backups"),
            self._task(self.skills.run(), "skills"),
            self._task(self.reports.run(), "outbox"),
            self._task(self.prices.run(), "prices"),
            self._task(self.bead_costs.run(), "costs of beads"),
            self._task(self.records.run(), "records"),
            self._task(self.notifier.run(), "notifications"),
            self._task(self.service.expire(), "leases"),
            self._task(state.catch_up(), "sweep of a watch"),
            self._task(state.sweep(self.settings.sweep_seconds), "sweep"),
        ]

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._stop.set())
        return task

    async def _end(self, tasks: list[asyncio.Task[None]], front: Front) -> None:
        self.desk.close()
        self.changes.close()
        await front.close()
        await asyncio.gather(self.auth.close(), self.events.settled())
        if self.watch is not None:
            await self.watch.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.last_seen.flush()
