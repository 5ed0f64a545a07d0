"""A fleet in simulated time: the real board, lifecycle and confidence, with Workers whose skills are known.

Nothing sleeps and nothing is random but by the seed. The same bead given to the same Worker for the same
attempt ends the same under every policy, so that policies differ by whom they choose alone.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from benchlib.simulated_world import CAPABILITIES, NS, START, World
from ringmaster_operator.board import lifecycle
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import subject_of, verdicts
from ringmaster_operator.board.lifecycle import Backoff
from ringmaster_operator.board.limits import EffectiveLimits
from ringmaster_operator.board.preference import arm_of, traits_of
from ringmaster_operator.recall import Past
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, Outcome, OutcomeKind, Phase
from ringmaster_operator.resources.project import Project, RoutingRules
from ringmaster_operator.resources.protocol import Next, ReportRequest
from ringmaster_operator.resources.worker import Capability, Worker

SCORED_EVERY = timedelta(minutes=30)
LIMITS = EffectiveLimits()
BACKOFF = Backoff()


class Routing(StrEnum):
    """Who may take a bead."""

    LEARNED = "learned"
    """By confidence, which outcomes move."""
    DECLARED = "declared only"
    """By the confidence that the Workers declare."""
    RANDOM = "random"
    """Anyone: whoever is free takes the most urgent bead."""


@dataclass
class Result:
    """How a run ended."""

    beads: int
    done: int = 0
    attempts: int = 0
    successes: int = 0
    usd: float = 0.0
    hours: dict[str, float] = field(default_factory=dict)
    """By bead, from its arrival to its success; infinite for one that was never done."""
    urgent: dict[str, float] = field(default_factory=dict)
    """The same of the P0 beads alone."""
    behind: dict[str, float] = field(default_factory=dict)
    """The same of the P0 beads that wait for others."""

    @property
    def success_rate(self) -> float:
        """Share of all beads that were done."""
        return self.done / self.beads

    @property
    def attempt_rate(self) -> float:
        """Share of attempts that succeeded."""
        return self.successes / max(1, self.attempts)

    @property
    def usd_per_bead(self) -> float:
        """Dollars for each bead that was done."""
        return self.usd / max(1, self.done)


class Simulation:
    """One run of a world under one policy."""

    def __init__(
        self, given: World, routing: Routing, *, inherit: bool = True, similar: bool = False
    ) -> None:
        """similar: whether beads are left to whoever does better at beads like them."""
        self._world = given
        self._routing = routing
        self._inherit = inherit
        self._similar = similar
        self._board = Board()
        self._board.set_project(NS, Project(routing=RoutingRules(similar=similar)))
        self._team = [_anyone(item) if routing is Routing.RANDOM else item for item in given.workers]
        for item in self._team:
            self._board.put_worker(item)
        self._idle = {item.metadata.name: item for item in self._team}
        self._events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._count = 0
        self._scored = START
        self.result = Result(beads=len(given.beads))
        for bead in given.beads:
            self._finished(bead, math.inf)

    def run(self) -> Result:
        """Until nothing more can happen."""
        for bead in self._world.beads:
            self._at(_arrival(bead), partial(self._arrive, bead))
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
            if now >= self._scored + SCORED_EVERY:
                self._board.rescore()
                self._scored = now
            self._board.refresh(now)
            self._hand_out(now)
        return self.result

    def _arrive(self, bead: Bead, _: datetime) -> None:
        self._board.put(bead)

    def _at(self, time: datetime, happen: Callable[[datetime], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, happen))

    def _hand_out(self, now: datetime) -> None:
        """Free Workers ask, in an order that favours none."""
        asking = sorted(self._idle)
        random.Random(f"{self._world.seed}/{self._count}").shuffle(asking)
        for name in asking:
            bead = self._pick(self._idle[name], now)
            if bead is not None:
                self._begin(bead, self._idle.pop(name), now)
        if len(self._idle) < len(asking) and self._similar and self._idle:
            self._hand_out(now)  # who left a bead to one that took another looks again

    def _pick(self, worker: Worker, now: datetime) -> Bead | None:
        if self._inherit:
            return self._board.pick(worker, now, spare=lambda other, _: other.metadata.name in self._idle)
        self._board.refresh(now)
        fits = self._board.fits(worker, now)
        waiting = self._board.waiting(NS)
        fitting = [bead for bead, wanted, priority in waiting if fits(bead, wanted, priority)]
        return min(fitting, key=lambda bead: (bead.spec.priority, bead.metadata.name), default=None)

    def _begin(self, bead: Bead, worker: Worker, now: datetime) -> None:
        name = worker.metadata.name
        claim = f"{bead.metadata.name}-{bead.status.fence + 1}"
        status = lifecycle.claimed(bead, claim_id=claim, worker=name, session=f"{name}-0", now=now)
        running = bead.model_copy(update={"status": status})
        self._board.put(running)
        minutes = self._world.minutes[bead.metadata.name]
        self.result.attempts += 1
        self.result.usd += self._world.usd_per_hour[name] * minutes / 60
        self._at(now + timedelta(minutes=minutes), lambda then: self._end(running, worker, then))

    def _end(self, bead: Bead, worker: Worker, now: datetime) -> None:
        success = self._world.success(bead, worker.metadata.name, bead.status.attempts)
        outcome = Outcome(kind=OutcomeKind.SUCCESS if success else OutcomeKind.FAILED)
        report = ReportRequest(
            report_id=f"report-{bead.metadata.name}-{bead.status.fence}",
            fence=bead.status.fence,
            iteration=bead.status.iteration,
            outcome=outcome,
            started_at=now,
            finished_at=now,
        )
        moved = lifecycle.reported(bead, report, LIMITS, now, backoff=BACKOFF)
        ended = bead.model_copy(update={"status": moved.status})
        self._board.put(ended)
        self._idle[worker.metadata.name] = worker
        self.result.successes += success
        if self._similar:
            self._remember(bead, worker, success, now)
        if self._routing is Routing.LEARNED:
            self._learn(bead, worker, outcome, after=moved.next, now=now)
        if moved.status.phase is Phase.SUCCEEDED:
            self.result.done += 1
            self._finished(bead, (now - _arrival(bead)) / timedelta(hours=1))
        if moved.status.retry_after is not None:
            self._at(moved.status.retry_after, lambda _: None)

    def _remember(self, bead: Bead, worker: Worker, success: bool, now: datetime) -> None:
        repository = bead.spec.repository
        past = Past(
            bead_uid=bead.metadata.uid,
            fence=bead.status.fence,
            arm=arm_of(worker, bead),
            success=success,
            at=now,
            traits=traits_of(bead, repository.url if repository is not None else None),
        )
        self._board.remember(NS, past)

    def _learn(self, bead: Bead, worker: Worker, outcome: Outcome, *, after: Next, now: datetime) -> None:
        rules = self._board.rules(NS)
        standings = self._board.registry.standings(worker, rules, now)
        said = verdicts(bead, outcome, after=after, counted=True, standings=standings)
        for verdict in said:
            subject = subject_of(worker, verdict.capability)
            known = self._board.registry.evidence(subject)
            added = known.added(
                success=verdict.success,
                weight=verdict.weight,
                now=now,
                half_life_days=rules.half_life_days,
            )
            self._board.registry.put(subject, added)

    def _finished(self, bead: Bead, hours: float) -> None:
        self.result.hours[bead.metadata.name] = hours
        if bead.spec.priority is Priority.P0:
            self.result.urgent[bead.metadata.name] = hours
            if bead.spec.depends_on:
                self.result.behind[bead.metadata.name] = hours


def _anyone(worker: Worker) -> Worker:
    """The Worker as if it could do everything."""
    entries = [Capability(name=name, override=1.0) for name in CAPABILITIES]
    return worker.model_copy(update={"spec": worker.spec.model_copy(update={"capabilities": entries})})


def _arrival(bead: Bead) -> datetime:
    return bead.metadata.creation_timestamp or START
