"""Lists of beads: every page as a sort of everything would give it, whatever changes between two of them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from ringmaster_operator.api.bead_lists import BeadLists, Sorting, Wanted
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.bead import Bead, Phase
from ringmaster_operator.resources.bead_api import BeadInfo, BeadList
from ringmaster_operator.store import Store
from support.manifests import bead
from support.sessions import seeded

NAMESPACE = "team"
PHASES = ("Ready", "Running", "Succeeded")


class Cluster:
    """Beads that come, change and go."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.store = Store()
        self.version = 0

    def change(self, number: int) -> None:
        """A bead as it may be next."""
        key = NAMESPACE, f"b{number:03}"
        known = self.store.bead(key)
        if known is not None and self.rng.random() < 0.2:
            self.store.forget("Bead", key, known.metadata.uid)
            return
        self.version += 1
        body: dict[str, Any] = bead(key[1], priority=self.rng.choice(["P0", "P1", "P4"]), title=f"Ω {number}")
        body["metadata"] |= {
            "namespace": NAMESPACE,
            "uid": known.metadata.uid if known is not None else f"u{self.version}",
            "resourceVersion": str(self.version),
            "creationTimestamp": f"2026-01-01T00:00:{self.rng.randrange(10):02}Z",
        }
        body["status"] = {"phase": self.rng.choice(PHASES)}
        if self.rng.random() < 0.5:
            body["status"]["effectivePriority"] = self.rng.choice(["P0", "P1"])
        self.store.observe(body)

    def listed(self, sort: Sorting, wanted: Wanted) -> list[dict[str, Any]]:
        """What should be there."""

        def place(bead: Bead) -> tuple[Any, ...]:
            made = bead.metadata.creation_timestamp
            first = {
                Sorting.NAME: "",
                Sorting.PRIORITY: str(bead.status.effective_priority or bead.spec.priority),
                Sorting.NEWEST: -made.timestamp() if made is not None else 0,
            }[sort]
            return first, bead.metadata.name

        found = sorted(filter(wanted, self.store.beads()), key=place)
        return [BeadInfo.of(item).body() for item in found]


def walked(lists: BeadLists, sort: Sorting, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = json.loads(lists.page(NAMESPACE, wanted, sort=sort, limit=limit, cursor=cursor))
        BeadList.check(page)
        found += page["items"]
        assert len(page["items"]) == limit or "next" not in page
        if (cursor := page.get("next")) is None:
            return found


def test_pages_are_those_of_a_sorted_list_after_every_change() -> None:
    rng = seeded(7)
    cluster = Cluster(rng)
    for number in range(30):
        cluster.change(number)
    lists = BeadLists(cluster.store)
    for _ in range(150):
        for _ in range(rng.randrange(4)):
            cluster.change(rng.randrange(40))
        sort = rng.choice(list(Sorting))
        wanted = Wanted(phase=frozenset({Phase.READY, Phase.RUNNING} if rng.random() < 0.5 else ()))
        assert walked(lists, sort, wanted, rng.randrange(1, 12)) == cluster.listed(sort, wanted)


def test_what_changes_between_two_pages_neither_repeats_nor_hides_others() -> None:
    cluster = Cluster(seeded(8))
    for number in range(60):
        cluster.change(number)
    lists = BeadLists(cluster.store)
    before = {item.metadata.uid for item in cluster.store.beads()}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = json.loads(lists.page(NAMESPACE, Wanted(), sort=Sorting.NAME, limit=7, cursor=cursor))
        seen += [item["uid"] for item in page["items"]]
        if (cursor := page.get("next")) is None:
            break
        for number in range(0, 60, 13):
            cluster.change(number)
    stayed = before & {item.metadata.uid for item in cluster.store.beads()}
    assert len(seen) == len(set(seen))
    assert stayed <= set(seen)


def test_other_namespaces_and_other_kinds_do_not_show() -> None:
    cluster = Cluster(seeded(9))
    cluster.change(1)
    lists = BeadLists(cluster.store)
    assert json.loads(lists.page("other", Wanted(), sort=Sorting.NAME, limit=5, cursor=None)) == {"items": []}
    worker = {"apiVersion": "ringmaster.dev/v1alpha1", "kind": "Worker", "spec": {"runtime": "Tmux"}}
    meta = {"namespace": NAMESPACE, "name": "b001", "uid": "w", "resourceVersion": "9"}
    cluster.store.observe({**worker, "metadata": meta})
    assert len(walked(lists, Sorting.NAME, Wanted(), 5)) == 1


def test_a_cursor_is_good_for_its_own_list_only() -> None:
    cluster = Cluster(seeded(10))
    for number in range(5):
        cluster.change(number)
    lists = BeadLists(cluster.store)
    page = json.loads(lists.page(NAMESPACE, Wanted(), sort=Sorting.NAME, limit=2, cursor=None))
    with pytest.raises(Refused, match="not one of this list"):
        lists.page(NAMESPACE, Wanted(text="x"), sort=Sorting.NAME, limit=2, cursor=page["next"])
