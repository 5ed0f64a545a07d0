"""A long random life of a Worker settles, whatever happens to its sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ringmaster_operator.reconcilers.session_memory import Memory
from ringmaster_operator.reconcilers.session_plan import (
    RUNS,
    Busy,
    Facts,
    SessionPlan,
    plan_sessions,
)
from ringmaster_operator.reconcilers.worker_status import worker_status
from ringmaster_operator.resources.worker import SessionState, Spent
from ringmaster_operator.runtimes.protocol import SessionInfo
from ringmaster_operator.runtimes.protocol import SessionState as Found
from support.plans import BUSY, NOW, found, worker

EVENTS = st.one_of(
    st.tuples(st.just("scale"), st.integers(0, 5)),
    st.tuples(st.just("ask"), st.integers(0, 5)),
    st.tuples(st.just("claim"), st.integers(0, 5)),
    st.tuples(st.just("finish"), st.integers(0, 5)),
    st.tuples(st.just("crash"), st.integers(0, 5)),
    st.tuples(st.just("change"), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 700])),
    st.tuples(st.just("reconcile"), st.integers(0, 0)),
)


class Life:
    """A Worker, its sessions, and a host that does what the plans say."""

    def __init__(self) -> None:
        self.worker = worker(replicas=1)
        self.infos: dict[str, SessionInfo] = {}
        self.busy: dict[str, Busy] = {}
        self.claiming: set[str] = set()
        self.memories: dict[str, Memory] = {}
        self.fingerprint = "f0"
        self.now = NOW

    def facts(self) -> Facts:
        return Facts(
            infos=dict(self.infos),
            busy=dict(self.busy),
            memories=dict(self.memories),
            claimable=0,
            fingerprint=self.fingerprint,
            startable=True,
            now=self.now,
            claiming=frozenset(self.claiming),
        )

    def reconcile(self) -> SessionPlan:
        plan = plan_sessions(self.worker, self.facts())
        wanted = self.worker.spec.replicas
        assert plan.wanted == wanted
        assert not set(plan.start) & set(self.infos)
        for order in plan.stop:
            info = self.infos.pop(order.name, None)
            running = info is not None and info.state in RUNS
            held = order.name in self.busy or order.name in self.claiming
            assert not (running and held), "a session is stopped that has a bead, or is just given one"
            if order.abandon:
                self.busy.pop(order.name, None)
        for name, memory in plan.memories.items():
            self.memories.pop(name, None)
            if memory is not None:
                self.memories[name] = memory
        for name in plan.start:
            self.infos[name] = found(name, fingerprint=self.fingerprint, started_at=self.now)
        kept = [item for item in plan.sessions if item.state is not SessionState.DRAINING]
        assert len(kept) <= plan.wanted
        status = worker_status(
            self.worker,
            sessions=plan.sessions,
            wanted=plan.wanted,
            spent=Spent(),
            over_budget="",
            obstacle=None,
            now=self.now,
        )
        self.worker = self.worker.model_copy(update={"status": status})
        return plan

    def act(self, what: str, number: int) -> None:
        name = f"w-{number}"
        info = self.infos.get(name)
        state = next((item.state for item in self.worker.status.sessions if item.name == name), None)
        if what == "scale":
            spec = self.worker.spec.model_copy(update={"replicas": number})
            self.worker = self.worker.model_copy(update={"spec": spec})
        elif what == "ask" and info and info.state in RUNS and state is SessionState.IDLE:
            self.claiming.add(name)
        elif what == "claim" and name in self.claiming:
            self.claiming.discard(name)
            if info and info.state in RUNS:
                self.busy[name] = BUSY
        elif what == "finish" and info and info.state in RUNS:
            self.busy.pop(name, None)
        elif what == "crash" and info and info.state in RUNS:
            self.infos[name] = replace(info, state=Found.EXITED, exit_code=1, message="exit code 1")
        elif what == "change":
            self.fingerprint = f"f{number}"
        elif what == "wait":
            self.now += timedelta(seconds=number)
        elif what == "reconcile":
            self.reconcile()


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_a_life_of_a_worker_settles_on_what_is_wanted(events: list[tuple[str, int]]) -> None:
    life = Life()
    for what, number in events:
        life.act(what, number)
    life.busy.clear()
    life.claiming.clear()
    for _ in range(12):
        plan = life.reconcile()
        life.now += timedelta(minutes=11)
    assert (plan.start, plan.stop, plan.memories) == ([], [], {})
    assert len(life.infos) == life.worker.spec.replicas
    assert {info.fingerprint for info in life.infos.values()} <= {life.fingerprint}
    assert all(item.state is SessionState.IDLE for item in plan.sessions)
