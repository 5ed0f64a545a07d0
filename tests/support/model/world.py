"""One run: an operator, its API server, its database and its sessions, moved one step at a time.

`choices()` says what may happen next. The first is what happens when nothing goes wrong and everything is
quick; the others are other orders and, marked so, faults.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import KubeUnavailable
from ringmaster_operator.process import Operator
from ringmaster_operator.resources.bead import OutcomeKind
from ringmaster_operator.settings import Settings
from support.boards import NOON, NS
from support.model.apiserver import Answer, ApiServer, Body, Where
from support.model.faults import faults
from support.model.history import SteppedHistory, fresh_database
from support.model.laws import DONE, Broken, Laws
from support.model.loop import stepped
from support.model.parts import Choice, Flight, Plan, SimulatedKube
from support.model.sessions import SUCCESS, UNFORESEEN, Call, Session, Wish, ask

LEASE_SECONDS = 10.0
OUTBOX = "SELECT 1 FROM report WHERE NOT applied"


class World:
    """The state of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = stepped()
        self.database = fresh_database()
        self.api = ApiServer(self._wall)
        self.clock = Clock(now=self._wall, monotonic=self.now)
        self.weights: dict[str, int] = {}
        self.by_weight: dict[int, str] = {}
        self.flights: list[Flight] = []
        self.calls: list[Call] = []
        self.seen: dict[Where, deque[tuple[str, Body]]] = {}
        """Watch events on their way, by object."""
        self.operator: Operator | None = None
        self.serving = False
        self.watching = False
        self.crashes = 0
        self._flown = 0
        self.written = self.database.connection.total_changes
        self._duties: list[asyncio.Task[Any]] = []
        self._make(plan)
        self.laws = Laws(self)
        self.api.listeners.append(self._watched)
        self.sessions = [Session(f"s{number}", self) for number in range(plan.sessions)]

    def _make(self, plan: Plan) -> None:
        self._create("workers", {"metadata": {"name": "w"}, "spec": {"runtime": "Tmux"}})
        for name, spec in plan.beads.items():
            self.person_creates(name, spec)

    def _create(self, plural: str, body: Body) -> None:
        self.api.handle("POST", f"/apis/ringmaster.dev/v1alpha1/namespaces/{NS}/{plural}", body=body)

    def person_creates(self, name: str, spec: Mapping[str, Any]) -> None:
        self._create("beads", {"metadata": {"name": name}, "spec": {"title": name, **spec}})

    # What the others ask.

    def now(self) -> float:
        return self.loop.now

    def _wall(self) -> datetime:
        return NOON + timedelta(seconds=int(self.loop.now))

    def beads(self) -> list[Body]:
        return [body for where, body in self.api.objects.items() if where[0] == "beads"]

    def unfinished(self) -> bool:
        return any((body.get("status") or {}).get("phase") not in DONE for body in self.beads())

    def outcome(self, bead: str, attempt: int, iteration: int) -> OutcomeKind:
        return self.plan.outcomes.get((bead, attempt, iteration), SUCCESS)

    def weight(self, report_id: str) -> int:
        """Tokens that no other report has."""
        if report_id not in self.weights:
            self.weights[report_id] = 1 << len(self.weights)
            self.by_weight[self.weights[report_id]] = report_id
        return self.weights[report_id]

    async def fly(self, method: str, path: str, rest: dict[str, Any]) -> Answer:
        self._flown += 1
        flight = Flight(self._flown, method, path, rest, asyncio.get_running_loop().create_future())
        self.flights.append(flight)
        assert flight.future is not None
        return await flight.future

    def carry(self, session: Session, wish: Wish) -> Call:
        """A call reaches the operator."""
        assert self.operator is not None
        work = ask(self.operator.service, wish, session.worker)
        call = Call(session, wish, self.loop.create_task(work))
        self.calls.append(call)
        return call

    # The operator's life.

    def start(self) -> None:
        """A process begins, with what is durable and nothing else."""
        self.loop = stepped(self.loop.now)
        self._duties = []
        self.loop.within(self._wire)

    def _wire(self) -> None:
        settings = Settings(
            namespace=NS, lease_seconds=LEASE_SECONDS, backoff_seconds=2.0, reconcile_workers=2
        )
        history = SteppedHistory(self.database)
        self.history, self.seen = history, {}
        operator = Operator(
            settings=settings, kube=SimulatedKube(self.fly), history=history, clock=self.clock
        )
        self.operator = operator
        self._duty(self._boot(operator))

    async def _boot(self, operator: Operator) -> None:
        """As Operator.serve(), without what has no part in the protocol."""
        await operator.state.fill()
        await operator.learning.load()
        await operator.funds.load()
        await operator.service.recover()
        for where, body in self.api.objects.items():  # what is found as a watch begins
            self.seen.setdefault(where, deque()).append(("", body))
        self.watching = True
        self._duty(operator.beads.queue.run())
        self._duty(operator.reports.run())
        self._duty(operator.service.expire())
        self._duty(operator.state.sweep(20.0))
        self.serving = True

    def _duty(self, work: Coroutine[Any, Any, Any]) -> None:
        self._duties.append(self.loop.create_task(work))

    def crash(self) -> None:
        """SIGKILL. What it had sent is still on its way to the API server; nobody gets an answer."""
        self.loop.end()
        self.operator, self.serving, self.watching = None, False, False
        self.seen = {}
        self.crashes += 1
        self.flights = [flight for flight in self.flights if flight.answer is None]
        for flight in self.flights:
            flight.future = None
        for call in self.calls:
            if call.wanted:
                call.session.cut_off()
        self.calls = []

    def close(self) -> None:
        """The run is over."""
        if self.operator is not None:
            self.crash()

    def _watched(self, event: str, where: Where, old: Body | None, new: Body | None) -> None:
        body = new or old
        if self.watching and body is not None and where[0] in ("beads", "workers"):
            self.seen.setdefault(where, deque()).append((event, body))

    # What may happen next.

    def choices(self) -> list[Choice]:
        """At least one, until all is quiet."""
        found: list[Choice] = []
        if self.operator is None:
            found.append(Choice("start", self.start))
        elif self.loop.due():
            found.append(Choice("turn", self.loop.turn))
        found += [*self._storage(), *self._network(), *self._replies(), *self._watch(), *self._acts()]
        when = self._next_time()
        if when is not None:
            found.append(Choice(f"time {when:g}", partial(self._pass, when)))
        orphans = [flight for flight in self.flights if flight.future is None]
        found += [Choice(f"late {flight.label}", partial(self._serve, flight)) for flight in orphans]
        return found + faults(self)

    def step(self, choice: Choice) -> None:
        """Do it, and hold the laws against what came of it."""
        choice.act()
        for call in [call for call in self.calls if call.task.done()]:
            if not call.judged:
                call.judged = True
                self.laws.answered(call)
            if not call.wanted:
                self.calls.remove(call)
        for task in list(self._duties):
            if not task.done() or task.cancelled() or task.exception() is None:
                continue
            if self.serving or not isinstance(task.exception(), UNFORESEEN):
                raise Broken(f"the operator ended: {task.exception()!r}")
            self.crash()  # it could not begin: the process ends and is started again

    def quiet(self) -> bool:
        """Nothing is under way but timers, and nobody wants anything."""
        if self.operator is None or not self.serving or any(self.operator.leases):
            return False
        if self.unfinished() or not all(session.idle() for session in self.sessions):
            return False
        flying = any(flight.future is not None for flight in self.flights)
        busy = self.loop.due() or self.loop.jobs or flying or self.calls or any(self.seen.values())
        return not busy and not self.history.writer.waiting() and not self.database.rows(OUTBOX)

    def _storage(self) -> list[Choice]:
        if self.operator is None:
            return []
        found = []
        if self.history.writer.waiting():
            found.append(Choice("commit", self.history.writer.commit))
        for number, job in enumerate(self.loop.jobs):
            found.append(Choice(f"thread {number}", partial(self.loop.work, job)))
        return found

    def _network(self) -> list[Choice]:
        found = []
        for flight in self.flights:
            if flight.future is None:
                continue
            if flight.answer is None:
                found.append(Choice(f"serve {flight.label}", partial(self._serve, flight)))
            else:
                found.append(Choice(f"answer {flight.label}", partial(self.land, flight)))
        return found

    def _serve(self, flight: Flight) -> None:
        flight.answer = self.api.handle(flight.method, flight.path, **flight.rest)
        if flight.future is None:
            self.flights.remove(flight)

    def land(self, flight: Flight, error: KubeUnavailable | None = None) -> None:
        """Its answer arrives, or what stands for none."""
        future = flight.future
        assert future is not None
        if flight.answer is not None or error is None:
            self.flights.remove(flight)
        flight.future = None
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            assert flight.answer is not None
            future.set_result(flight.answer)

    def _replies(self) -> list[Choice]:
        return [
            Choice(f"reply {call.session.name} {call.wish.verb}", partial(self._reply, call))
            for call in self.calls
            if call.task.done()
        ]

    def _reply(self, call: Call) -> None:
        self.calls.remove(call)
        call.session.take(call)

    def _watch(self) -> list[Choice]:
        return [
            Choice(f"watch {where[2]}", partial(self._see, where))
            for where, waiting in self.seen.items()
            if waiting
        ]

    def _see(self, where: Where) -> None:
        event, body = self.seen[where].popleft()
        assert self.operator is not None
        self.loop.call_soon(self.operator.state.take, event, body)

    def _acts(self) -> list[Choice]:
        if not self.serving:
            return []
        return [
            Choice(f"{session.name} {wish.verb}", partial(session.send, wish))
            for session in self.sessions
            if session.free()
            for wish in session.wishes()
        ]

    def _next_time(self) -> float | None:
        times = [
            session.wakes for session in self.sessions if session.wakes > self.now() and not session.dead
        ]
        timer = self.loop.next_timer()
        if timer is not None and timer > self.now():
            times.append(timer)
        return min(times, default=None)

    def _pass(self, when: float) -> None:
        self.loop.now = when
