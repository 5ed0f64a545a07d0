"""What top shows, from lists, changes and overviews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.people.known import Step
from ringmaster_cli.top.model import GROUPS, World
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.overview_api import Overview
from ringmaster_operator.resources.worker import Worker

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
NS = "team"


def info(name: str, phase: str = "Ready", priority: str = "P2", **more: Any) -> BeadInfo:
    body = {"name": name, "uid": name, "resourceVersion": "1", "title": f"Do {name}", "type": "task"}
    known = {"phase": phase, "priority": priority, "effectivePriority": priority}
    return BeadInfo.read({**body, **known, "createdAt": NOON.isoformat(), **more})


def made(bead: BeadInfo) -> Step:
    return Step("bead", bead.name, None, bead)


def gone(name: str) -> Step:
    return Step("bead", name, None, None)


def view(**parts: Any) -> Overview:
    sums = {"usd": 0, "tokens": 0}
    month = {"spent": 0, "method": "", "month": "2026-11"}
    usual: dict[str, Any] = {"at": NOON, "version": "1", "phases": {}, "needs": [], "needed": {}}
    usual |= {"running": [], "ready": 0, "sessions": [], "done": [], "backup": {}}
    return Overview.read({**usual, "spend": {"today": sums, "running": sums, "month": month}, **parts})


def worker(*sessions: dict[str, Any], name: str = "w") -> Worker:
    meta = {"name": name, "namespace": NS, "uid": name}
    return Worker.read({"metadata": meta, "spec": {"runtime": "Tmux"}, "status": {"sessions": sessions}})


BEADS = st.builds(
    info,
    st.sampled_from([f"bead-{number}" for number in range(12)]),
    st.sampled_from([str(phase) for phase in GROUPS]),
    st.sampled_from(["P0", "P2", "P4"]),
)


@given(st.lists(BEADS | st.sampled_from([f"bead-{number}" for number in range(12)]), max_size=60))
def test_the_queue_kept_change_by_change_is_the_queue_of_one_list(changes: list[BeadInfo | str]) -> None:
    slowly, beads = World([NS]), dict[str, BeadInfo]()
    for change in changes:
        if isinstance(change, str):
            slowly.apply(NS, [gone(change)])
            beads.pop(change, None)
        else:
            slowly.apply(NS, [made(change)])
            beads[change.name] = change
    at_once = World([NS])
    at_once.begun(NS, [made(bead) for bead in beads.values()])
    for wanted in ("", "succeeded", "bead-1", "failed p0"):
        assert list(slowly.queue(wanted)) == list(at_once.queue(wanted))
    for place, ref in enumerate(slowly.queue("")):
        assert slowly.place(ref) == place
    assert +slowly.phases == +at_once.phases
    assert {(row.namespace, row.need.name) for row in slowly.needs()} == {
        (NS, name) for name, bead in beads.items() if bead.phase == "Failed"
    }


def test_the_queue_has_what_runs_then_the_ranked_then_what_waits() -> None:
    world = World([NS])
    beads = [info("a"), info("b", priority="P0"), info("c"), info("d", "Blocked"), info("e", "Running")]
    world.begun(NS, [made(bead) for bead in [*beads, info("f", "Succeeded"), info("g", "Failed")]])
    world.seen(NS, view(), {"c": (1, None), "a": (2, NOON)}, NOON)
    assert [name for _, name in world.queue("")] == ["e", "c", "a", "b", "d", "g"]
    assert [name for _, name in world.queue("SUCCEEDED")] == ["f"]
    assert [name for _, name in world.queue("do C")] == ["c"]
    assert (world.rank((NS, "a")), world.waiting_since((NS, "a"))) == (2, NOON)


def test_what_needs_a_person_follows_changes_before_the_operator_is_asked_again() -> None:
    def asked(name: str, phase: str = "NeedsDecision") -> BeadInfo:
        return info(name, phase, type="decision")

    world = World([NS])
    world.begun(NS, [made(asked("old")), made(info("broken", "Failed")), made(info("lost", "Blocked"))])
    needs = [
        {"kind": "decision", "name": "old", "priority": "P2", "why": "Which?"},
        {"kind": "failed", "name": "broken", "priority": "P2"},
        {"kind": "stuck", "name": "lost"},
        {"kind": "budget", "name": "the project"},
    ]
    world.seen(NS, view(needs=needs), {}, NOON)
    assert [row.need.name for row in world.needs()] == ["old", "the project", "broken", "lost"]
    later = (NOON + timedelta(seconds=5)).isoformat()
    world.apply(NS, [made(asked("old", "Succeeded")), made(asked("new")), made(info("lost", "Running"))])
    world.apply(NS, [made(info("broken", "Running")), made(info("worse", "Failed", finishedAt=later))])
    assert [row.need.name for row in world.needs()] == ["new", "the project", "worse"]


def test_an_old_failure_that_the_operator_does_not_name_is_not_brought_up() -> None:
    world = World([NS])
    earlier = (NOON - timedelta(days=30)).isoformat()
    world.begun(NS, [made(info("old", "Failed", finishedAt=earlier))])
    world.seen(NS, view(), {}, NOON)
    assert world.needs() == []


def test_sessions_in_trouble_come_first_and_changes_beat_the_overview() -> None:
    world = World([NS])
    sessions = [{"name": f"w-{number}", "state": "Working", "bead": f"b{number}"} for number in (0, 2, 10)]
    world.begun(NS, [Step("worker", "w", None, worker(*sessions))])
    told = [
        {**session, "worker": "w", "runtime": "Tmux", "activity": mood}
        for session, mood in zip(sessions, ("working", "working", "stalled"), strict=True)
    ]
    run = {"name": "b2", "title": "t", "priority": "P1", "worker": "w", "session": "w-2", "attempt": 1}
    run |= {"since": NOON.isoformat(), "iteration": 1, "maxIterations": 5, "note": "reads"}
    world.seen(NS, view(sessions=told, running=[run]), {}, NOON)
    rows = world.fleet()
    assert [(row.info.name, row.info.activity) for row in rows] == [
        ("w-10", "stalled"),
        ("w-0", "working"),
        ("w-2", "working"),
    ]
    assert (rows[2].note, rows[2].most) == ("reads", 5)
    world.apply(NS, [Step("worker", "w", None, worker({"name": "w-10", "state": "Idle"}))])
    [row] = world.fleet()
    assert (row.info.activity, row.info.bead) == ("idle", None)


def test_the_operator_s_clock_is_gone_by() -> None:
    world = World([NS])
    world.seen(NS, view(), {}, NOON - timedelta(hours=1))
    assert world.now(NOON) == NOON + timedelta(hours=1)
