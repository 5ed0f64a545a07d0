"""What is known from lists and changes, server-sent events, and the words for a change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.people.happenings import words
from ringmaster_cli.people.known import Known, Step
from ringmaster_cli.people.stream import Event, frames
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.worker import Worker


def info(name: str = "a", version: int = 1, uid: str = "u", **more: Any) -> dict[str, Any]:
    body = {"name": name, "uid": uid, "resourceVersion": str(version), "title": name, "type": "task"}
    return {**body, "priority": "P2", "effectivePriority": "P2", **more}


def changed(kind: str, what: str, body: dict[str, Any]) -> Event:
    data = {"type": what, "name": body["name"], "uid": body["uid"]}
    return Event(kind, data if what == "DELETED" else {**data, "object": body})


def test_a_change_is_taken_once_and_never_backwards() -> None:
    known = Known()
    assert known.take(changed("bead", "ADDED", info(version=5))) is not None
    assert known.take(changed("bead", "MODIFIED", info(version=5, title="again"))) is None
    assert known.take(changed("bead", "MODIFIED", info(version=4, title="old"))) is None
    step = known.take(changed("bead", "MODIFIED", info(version=10, title="new")))
    assert step is not None
    assert (step.before, step.after) == (BeadInfo.read(info(version=5)), known.beads["a"])


def test_what_was_deleted_is_not_brought_back_by_an_older_list() -> None:
    known = Known()
    known.listed("bead", [BeadInfo.read(info())])
    assert known.take(changed("bead", "DELETED", info())) is not None
    assert known.listed("bead", [BeadInfo.read(info())]) == []
    assert known.beads == {}
    anew = known.take(changed("bead", "ADDED", info(uid="another", version=9)))
    assert anew is not None
    assert known.take(changed("bead", "DELETED", info())) is None  # a late word of the former one
    assert "a" in known.beads


def test_a_list_tells_what_was_missed() -> None:
    known = Known()
    known.listed("bead", [BeadInfo.read(info(name, uid=name)) for name in "abc"])
    steps = known.listed(
        "bead",
        [BeadInfo.read(info("a", uid="a")), BeadInfo.read(info("b", 2, uid="b")), BeadInfo.read(info("d"))],
    )
    told = {(step.name, step.before is None, step.after is None) for step in steps}
    assert told == {("c", False, True), ("b", False, False), ("d", True, False)}


@given(st.permutations(range(1, 9)))
def test_whatever_the_order_the_newest_stays(order: list[int]) -> None:
    known = Known()
    for version in order:
        known.take(changed("bead", "MODIFIED", info(version=version)))
    assert known.beads["a"].resource_version == "8"


def test_server_sent_events_are_read_as_the_standard_says() -> None:
    lines = [": hello", "", "event: bead", "id: e-1", 'data: {"a":', "data: 1}", "", "event: lost", ""]
    assert list(frames([*lines, 'data: {"b":2}', ""])) == [
        ("bead", {"a": 1}, "e-1"),
        ("lost", {"b": 2}, ""),
    ]
    for bad in ("data: [1]", "data: {"):
        with pytest.raises(ValueError, match=r"."):
            list(frames([bad, ""]))


def said(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    one, two = (BeadInfo.read(body) if body is not None else None for body in (before, after))
    return list(words(Step("bead", "a", one, two)))


def test_words_for_what_becomes_of_a_bead() -> None:
    ready = info(phase="Ready")
    on: dict[str, Any] = {"worker": "w", "session": "w-0", "attempts": 1, "iteration": 1}
    assert said(None, ready) == ["is made, Ready, P2: a"]
    assert said(ready, info(phase="Running", **on)) == ["Ready -> Running on w-0, attempt 1, iteration 1"]
    assert said(info(phase="Running", **on), info(phase="Running", **{**on, "iteration": 2})) == [
        "iteration 2 on w-0"
    ]
    done = info(phase="Succeeded", outcome="success", usd=0.5)
    assert said(info(phase="Running", **on), done) == ["Running -> Succeeded (success, $0.50)"]
    assert said(ready, {**ready, "effectivePriority": "P0", "desired": "Hold"}) == [
        "priority P2 -> P0",
        "is wished to Hold",
    ]
    assert said(ready, info(phase="Blocked", blockedBy=["x", "y"])) == ["Ready -> Blocked by x, y"]
    assert (said(ready, ready), said(ready, None)) == ([], ["is deleted"])


def test_words_for_what_becomes_of_sessions() -> None:
    def worker(*sessions: dict[str, Any], **status: Any) -> Worker:
        meta = {"name": "w", "namespace": "n", "uid": "u"}
        return Worker.read(
            {"metadata": meta, "spec": {"runtime": "Tmux"}, "status": {"sessions": sessions, **status}}
        )

    idle, working = {"name": "w-0", "state": "Idle"}, {"name": "w-0", "state": "Working", "bead": "a"}
    crashed = {"name": "w-1", "state": "Crashed", "message": "exit 1"}
    step = Step("worker", "w", worker(idle), worker(working, crashed, desiredReplicas=2))
    assert list(words(step)) == ["0 -> 2 sessions wanted", "w-0 Working on a", "w-1 Crashed: exit 1"]
    assert list(words(Step("worker", "w", worker(idle), worker()))) == ["w-0 is gone"]
