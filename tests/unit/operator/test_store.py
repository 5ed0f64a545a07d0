"""The store: the newest version wins, whoever brings it; what is gone stays gone."""

from __future__ import annotations

from typing import Any

import pytest

from ringmaster_operator.store import Key, Resource, Store


def bead(name: str, *, uid: str = "u1", version: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "ringmaster.dev/v1alpha1",
        "kind": "Bead",
        "metadata": {"name": name, "namespace": "n", "uid": uid, "resourceVersion": str(version)},
        "spec": {"title": name, **spec},
    }


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.observe(bead("a", version=5, priority="P0"))
    assert not store.observe(bead("a", version=4, priority="P4"))
    assert not store.observe(bead("a", version=5, priority="P4"))
    kept = store.bead(("n", "a"))
    assert kept is not None
    assert kept.spec.priority == "P0"


def test_versions_are_compared_as_numbers() -> None:
    store = Store()
    store.observe(bead("a", version=9))
    assert store.observe(bead("a", version=10))


def test_a_late_echo_does_not_bring_back_what_was_deleted() -> None:
    store = Store()
    store.observe(bead("a", version=3))
    store.forget("Bead", ("n", "a"), "u1")
    assert not store.observe(bead("a", version=9))
    assert store.bead(("n", "a")) is None


def test_one_made_anew_under_the_same_name_is_another_one() -> None:
    store = Store()
    store.observe(bead("a", uid="old", version=9))
    assert store.observe(bead("a", uid="new", version=10))
    store.forget("Bead", ("n", "a"), "old")
    kept = store.bead(("n", "a"))
    assert kept is not None
    assert kept.metadata.uid == "new"


def test_a_late_echo_of_its_namesake_does_not_hide_one_made_anew() -> None:
    store = Store()
    store.observe(bead("a", uid="new", version=10))
    assert not store.observe(bead("a", uid="old", version=9))
    assert not store.is_stale("Bead", bead("a", uid="old", version=9)["metadata"])
    kept = store.bead(("n", "a"))
    assert kept is not None
    assert kept.metadata.uid == "new"


def test_one_that_was_replaced_does_not_come_back_after_its_namesake_is_gone() -> None:
    store = Store()
    store.observe(bead("a", uid="old", version=9))
    store.observe(bead("a", uid="new", version=10))
    store.forget("Bead", ("n", "a"), "new")
    assert not store.observe(bead("a", uid="old", version=9))
    assert store.bead(("n", "a")) is None


def test_a_sweep_drops_ghosts_but_not_what_came_after_it_began() -> None:
    store = Store()
    store.observe(bead("ghost", uid="g"))
    store.observe(bead("alive", uid="a"))
    before = store.uids("Bead")
    store.observe(bead("young", uid="y"))
    assert store.sweep("Bead", ["a"], before) == [("n", "ghost")]
    assert {item.metadata.name for item in store.beads()} == {"alive", "young"}


def test_listeners_hear_the_old_and_the_new() -> None:
    store = Store()
    heard: list[tuple[str, Key, bool, bool]] = []

    def listen(kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        heard.append((kind, key, old is not None, new is not None))

    store.listen(listen)
    store.observe(bead("a", version=1))
    store.observe(bead("a", version=2))
    store.observe(bead("a", version=2))
    store.forget("Bead", ("n", "a"), "u1")
    key = ("n", "a")
    assert heard == [
        ("Bead", key, False, True),
        ("Bead", key, True, True),
        ("Bead", key, True, False),
    ]


def test_fields_of_a_newer_version_are_dropped_and_what_cannot_be_read_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    assert store.observe(bead("a", someday="x"))
    assert not store.observe(bead("b", uid="u2", priority="P9"))
    assert "priority" in store.unreadable[("Bead", ("n", "b"))]
    assert "n/b" in caplog.text
