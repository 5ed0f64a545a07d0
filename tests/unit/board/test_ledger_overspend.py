"""Sixteen workers against one limit: never more than one turn each beyond it, whatever happens meanwhile.

A small world of sessions that spend real money turn by turn, with an operator that knows only what it is told
and forgets its memory at any time. Money is counted by the world, not by the ledger.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.budgets import NOTHING, Amount, Payer, Purse
from ringmaster_operator.board.ledger import Estimates, Ledger
from ringmaster_operator.resources.budget import Period
from support.boards import NOON, NS, examples

WORKERS = 16
KIND = ("p", "m", "task")


@dataclass
class Run:
    """A session's iteration: what it has really used, and what it was allowed."""

    claim_id: str
    worker: str
    turns: int
    used: Amount = NOTHING
    allowance: Amount = NOTHING
    lost: bool = False


@dataclass
class World:
    rng: random.Random
    purse: Purse
    dearest: float
    ledger: Ledger = field(default_factory=Ledger)
    estimates: Estimates = field(default_factory=lambda: Estimates(Amount(1.0, 1000)))
    booked: list[tuple[Payer, Amount]] = field(default_factory=list)
    """What the history has."""
    heard: dict[str, Amount] = field(default_factory=dict)
    """What was booked for lost sessions."""
    granted: dict[str, Amount] = field(default_factory=dict)
    """What the history has of the parts of running claims."""
    runs: dict[str, Run] = field(default_factory=dict)
    spent: Amount = NOTHING
    last: dict[str, Amount] = field(default_factory=dict)
    """Each worker's dearest unit: a turn, or an iteration where those are finished."""
    claims: int = 0

    @property
    def strict(self) -> bool:
        return self.purse.stops_sessions

    def payer(self, worker: str) -> Payer:
        return Payer(NS, worker)

    def step(self) -> None:
        worker = f"w-{self.rng.randrange(WORKERS)}"
        dice = self.rng.random()
        if dice < 0.02:
            self.restart()
        elif worker not in self.runs:
            self.claim(worker)
        elif dice < 0.05 and not self.runs[worker].lost:
            self.lose(self.runs[worker])
        else:
            self.turn(self.runs[worker])

    def claim(self, worker: str) -> None:
        estimate = self.estimates.of(KIND)
        if self.ledger.refusal([self.purse], estimate, NOON):
            return
        self.claims += 1
        run = Run(f"c{self.claims}", worker, turns=self.rng.randint(1, 8))
        run.allowance = self.ledger.reserve(run.claim_id, self.payer(worker), [self.purse], estimate, NOON)
        self.granted[run.claim_id] = run.allowance
        self.runs[worker] = run

    def turn(self, run: Run) -> None:
        cost = Amount(self.rng.uniform(0, self.dearest), self.rng.randint(0, 1000))
        self.spent += cost
        run.used += cost
        self.note(run.worker, cost if self.strict else run.used)
        run.turns -= 1
        if run.lost:  # at its next word it hears that it is fenced off, and reports what it used
            return self.late(run)
        beyond = run.used.usd > run.allowance.usd or run.used.tokens > run.allowance.tokens
        stop = ""
        if beyond or self.rng.random() < 0.5:
            stop = self.use(run)
            run.allowance = self.granted[run.claim_id]
        if stop or run.turns == 0:
            self.report(run, goes_on=not stop and self.rng.random() < 0.5)
        return None

    def use(self, run: Run) -> str:
        """A heartbeat: a greater part is kept before the session hears of it."""
        stop = self.ledger.use(run.claim_id, [self.purse], run.used, NOON)
        item = self.ledger.of(run.claim_id)
        assert item is not None
        self.granted[run.claim_id] = item.granted
        return stop

    def report(self, run: Run, *, goes_on: bool) -> None:
        who, estimate = self.payer(run.worker), self.estimates.of(KIND)
        refusal = self.ledger.refusal(
            [self.purse], estimate, NOON, claim_id=run.claim_id, gone=run.used
        )  # fmt: skip
        goes_on = goes_on and not refusal
        if goes_on:
            allowance = self.ledger.reserve(
                run.claim_id, who, [self.purse], estimate, NOON, gone=run.used
            )  # fmt: skip
        for other in list(self.runs.values()):  # while the report is being committed, others ask
            if other is not run and not other.lost and self.rng.random() < 0.2:
                self.use(other)  # the answer is lost on the way
        self.booked.append((who, run.used))
        self.ledger.settle(run.claim_id, who, run.used, NOON, goes_on=goes_on)
        self.estimates.learn(KIND, run.used)
        if goes_on:
            run.used, run.allowance, run.turns = NOTHING, allowance, self.rng.randint(1, 8)
            self.granted[run.claim_id] = allowance
        else:
            del self.runs[run.worker]

    def lose(self, run: Run) -> None:
        """The lease ran out: all that it may have used is booked; with StopClaims what was last heard."""
        item = self.ledger.of(run.claim_id)
        assert item is not None
        heard = item.held if self.strict else item.used
        self.heard[run.claim_id] = heard
        self.booked.append((self.payer(run.worker), heard))
        self.ledger.settle(run.claim_id, self.payer(run.worker), heard, NOON, goes_on=False)
        run.lost = True

    def late(self, run: Run) -> None:
        rest = run.used - self.heard[run.claim_id]
        self.booked.append((self.payer(run.worker), rest))
        self.ledger.post(self.payer(run.worker), rest, NOON)
        del self.runs[run.worker]

    def restart(self) -> None:
        """The operator forgets everything, and reads the history and the running claims."""
        self.ledger, self.estimates = Ledger(), Estimates(Amount(1.0, 1000))
        for who, amount in self.booked:
            self.ledger.post(who, amount, NOON)
            self.estimates.learn(KIND, amount)
        for run in self.runs.values():
            if not run.lost:
                granted, estimate = self.granted[run.claim_id], self.estimates.of(KIND)
                self.ledger.recover(run.claim_id, self.payer(run.worker), granted, estimate)

    def note(self, worker: str, unit: Amount) -> None:
        self.last[worker] = self.last.get(worker, NOTHING).most(unit)

    def check(self) -> None:
        slack = sum(self.last.values(), NOTHING)
        if self.purse.usd is not None:
            assert self.spent.usd <= self.purse.usd + slack.usd + 1e-9
        if self.purse.tokens is not None:
            assert self.spent.tokens <= self.purse.tokens + slack.tokens


def play(seed: int, *, strict: bool) -> World:
    rng = random.Random(seed)
    usd = rng.choice([None, rng.uniform(0.5, 60)])
    tokens = rng.randint(1_000, 60_000) if usd is None else rng.choice([None, rng.randint(1_000, 60_000)])
    purse = Purse(NS, "all", "here", Period.DAY, usd=usd, tokens=tokens, stops_sessions=strict)
    world = World(rng, purse, dearest=rng.choice([0.1, 1.0, 5.0]))
    for _ in range(rng.randint(200, 1500)):
        world.step()
        world.check()
    return world


@pytest.mark.parametrize("strict", [True, False])
@given(seed=st.integers(0, 2**32))
@examples(25)
def test_no_more_than_one_turn_each_beyond_the_limit(strict: bool, seed: int) -> None:
    """With StopSessions a turn of the agent each; with StopClaims an iteration each."""
    play(seed, strict=strict)


def test_the_limit_is_used_not_only_kept() -> None:
    """A ledger that refuses everything would keep every limit."""
    world = World(random.Random(7), Purse(NS, "all", "here", Period.DAY, usd=50.0), dearest=0.5)
    for _ in range(5000):
        world.step()
    assert world.spent.usd >= 49


def test_many_start_together_only_while_all_of_them_fit() -> None:
    ledger, purse = Ledger(), Purse(NS, "all", "here", Period.DAY, usd=10.0)
    started = 0
    for number in range(WORKERS):
        if not ledger.refusal([purse], Amount(2.5), NOON):
            ledger.reserve(f"c{number}", Payer(NS, f"w-{number}"), [purse], Amount(2.5), NOON)
            started += 1
    assert started == 4
    assert "set aside" in ledger.refusal([purse], Amount(2.5), NOON)
    ledger.settle("c0", Payer(NS, "w-0"), Amount(0.5), NOON, goes_on=False)
    assert ledger.refusal([purse], Amount(2.0), NOON) == ""
    assert ledger.spent(purse, NOON + timedelta(days=1)) == NOTHING


def test_a_running_session_keeps_its_part_over_a_restart() -> None:
    ledger, purse = Ledger(), Purse(NS, "all", "here", Period.DAY, usd=3.0, stops_sessions=True)
    ledger.recover("a", Payer(NS, "w-a"), Amount(2.0), Amount(1.0))
    assert "set aside" in ledger.refusal([purse], Amount(1.5), NOON)
    assert ledger.refusal([purse], Amount(1.0), NOON) == ""


def test_a_part_that_could_not_be_kept_is_not_given() -> None:
    ledger, purse = Ledger(), Purse(NS, "all", "here", Period.DAY, usd=3.0, stops_sessions=True)
    granted = ledger.reserve("a", Payer(NS, "w-a"), [purse], Amount(1.0), NOON)
    ledger.use("a", [purse], Amount(0.9), NOON)
    grown = ledger.of("a")
    assert grown is not None
    assert grown.granted.usd > 1.0
    ledger.cut("a", granted)
    assert "set aside" in ledger.refusal([purse], Amount(2.1), NOON)
    assert ledger.refusal([purse], Amount(2.0), NOON) == ""
