"""Random lives of a few beads: claims, reports, losses, and people who hold, cancel, retry and edit."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.ladder import wants_plan
from ringmaster_operator.board.lifecycle import derive, lost, order_for, released, reported
from ringmaster_operator.board.limits import EffectiveLimits
from ringmaster_operator.board.reporting import UNCOUNTED
from ringmaster_operator.resources.bead import (
    FINISHED,
    Bead,
    BeadStatus,
    Desired,
    OutcomeKind,
    Phase,
    Reason,
)
from ringmaster_operator.resources.protocol import Next, Order
from support.boards import BACKOFF, NOON, NS, bead, edited, examples, report, taken, worker

NAMES = ["a", "b", "c", "d"]
LIMITS = EffectiveLimits(max_iterations=3, max_attempts=2)
WORKER = worker()
names = st.sampled_from(NAMES)
HARD = [OutcomeKind.FAILED, OutcomeKind.LIKELY_FAILED]


class Life(RuleBasedStateMachine):
    """b depends on a; a and c share an exclusive key; d is c's child."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOON
        self.board = Board()
        self.retries = 0
        self.fences = dict.fromkeys(NAMES, 0)
        self.ends: dict[str, Phase] = {}
        self.failures = dict.fromkeys(NAMES, 0)
        for item in (
            bead("a", exclusive=["db"]),
            bead("b", depends_on=["a"]),
            bead("c", exclusive=["db"]),
            bead("d", parent="c"),
        ):
            self.board.put(item)
        self.board.refresh(self.now)

    def get(self, name: str) -> Bead:
        item = self.board.get((NS, name))
        assert item is not None
        return item

    def write(self, item: Bead, status: BeadStatus) -> Bead:
        written = item.model_copy(update={"status": status})
        self.board.put(written)
        self.board.refresh(self.now)
        return written

    def running(self) -> list[Bead]:
        return [item for item in map(self.get, NAMES) if item.status.claim is not None]

    @rule(session=st.sampled_from(["w-0", "w-1"]))
    def claim(self, session: str) -> None:
        item = self.board.pick(WORKER, self.now)
        if item is None:
            return
        before = item.status
        assert before.claim is None
        assert self.board.view(item.key).desired is Desired.RUN
        retried = item.spec.retry is not None and item.spec.retry != before.last_retry
        after = self.write(item, taken(item, now=self.now, session=session).status).status
        assert after.fence == before.fence + 1
        if retried and before.phase in FINISHED:
            self.forgive(item.metadata.name)
        assert after.attempts == self.failures[item.metadata.name] + 1

    @precondition(lambda self: self.running())
    @rule(data=st.data(), kind=st.sampled_from(OutcomeKind), reason=st.sampled_from([None, *Reason]))
    def report(self, data: st.DataObject, kind: OutcomeKind, reason: Reason | None) -> None:
        item = data.draw(st.sampled_from(self.running()))
        if wants_plan(item.status) and kind in (OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS):
            return  # nothing is a success there without a plan, and these reports bring none
        desired = self.board.view(item.key).desired
        told = report(item, kind, reason, now=self.now)
        moved = reported(item, told, LIMITS, self.now, backoff=BACKOFF, desired=desired)
        after = self.write(item, moved.status).status
        name = item.metadata.name
        hard = kind in HARD or (kind is OutcomeKind.INCOMPLETE and reason is Reason.TOO_LARGE)
        if hard and reason not in UNCOUNTED and desired is not Desired.CANCEL:
            self.failures[name] += 1
        assert (after.claim is not None) == (moved.next is Next.ITERATE)
        assert (moved.next is Next.DONE) == (after.phase in FINISHED)
        if moved.next is Next.ITERATE:
            assert (after.iteration, after.claim) == (item.status.iteration + 1, item.status.claim)
            assert desired is Desired.RUN
        if after.escalation_level > item.status.escalation_level:
            self.failures[name] = 0  # tried anew, in another way
        if moved.next is Next.STOP:
            assert after.attempts == self.failures[name]
        if kind in (OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS):
            assert after.phase is Phase.SUCCEEDED

    @precondition(lambda self: self.running())
    @rule(data=st.data(), gone=st.booleans(), reason=st.sampled_from([None, Reason.PROVIDER]))
    def give_back(self, data: st.DataObject, gone: bool, reason: Reason | None) -> None:
        item = data.draw(st.sampled_from(self.running()))
        if gone:
            status = lost(item, now=self.now, backoff=BACKOFF)
        else:
            status = released(item, reason=reason, now=self.now, backoff=BACKOFF)
        assert (status.claim, status.attempts) == (None, self.failures[item.metadata.name])
        assert status.iteration == item.status.iteration
        self.write(item, status)

    @rule(name=names, desired=st.sampled_from([Desired.RUN, Desired.RUN, Desired.HOLD, Desired.CANCEL]))
    def want(self, name: str, desired: Desired) -> None:
        item = self.get(name)
        self.board.put(edited(item, desired=desired))
        self.board.refresh(self.now)
        claim = item.status.claim
        if claim is not None and desired is not Desired.RUN:
            order, _ = order_for(self.get(name), claim.fence, desired=desired, worker=WORKER)
            assert order is (Order.CANCEL if desired is Desired.CANCEL else Order.FINISH)

    @rule(name=names)
    def retry(self, name: str) -> None:
        self.retries += 1
        self.board.put(edited(self.get(name), retry=str(self.retries)))
        self.board.refresh(self.now)

    @rule(minutes=st.sampled_from([1, 90]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.board.refresh(self.now)

    @rule(order=st.permutations(NAMES))
    def reconcile(self, order: list[str]) -> None:
        for name in order:
            item = self.get(name)
            status = derive(item, self.board.view(item.key), self.now)
            if item.status.phase in FINISHED and status.phase not in FINISHED:
                assert item.status.phase is not Phase.SUCCEEDED
                assert item.spec.retry != item.status.last_retry
                self.forgive(name)
            written = self.write(item, status)
            assert derive(written, self.board.view(item.key), self.now) == status

    def forgive(self, name: str) -> None:
        self.failures[name] = 0
        self.ends.pop(name, None)

    @invariant()
    def fences_only_grow(self) -> None:
        for name in NAMES:
            status = self.get(name).status
            assert status.fence >= self.fences[name]
            if status.claim is not None:
                assert status.claim.fence == status.fence
            self.fences[name] = status.fence

    @invariant()
    def exclusive_beads_never_run_together(self) -> None:
        held = [key for item in self.running() for key in item.spec.exclusive]
        assert len(held) == len(set(held))

    @invariant()
    def finished_stays_finished_unless_retried(self) -> None:
        for name in NAMES:
            status = self.get(name).status
            if status.phase in FINISHED:
                assert status.phase is self.ends.setdefault(name, status.phase)
                assert (status.claim, status.finished_at is None) == (None, False)
            else:
                assert name not in self.ends

    @invariant()
    def attempts_are_bounded_and_counted_once(self) -> None:
        for name in NAMES:
            status = self.get(name).status
            assert status.attempts <= LIMITS.max_attempts
            assert status.iteration <= LIMITS.max_iterations
            assert self.failures[name] <= LIMITS.max_attempts

    @invariant()
    def dependents_wait(self) -> None:
        for name, needed in (("b", "a"), ("c", "d")):
            item = self.get(name)
            if self.board.view(item.key).ready:
                assert self.get(needed).status.phase is Phase.SUCCEEDED


TestLife = Life.TestCase
TestLife.settings = examples(60)
