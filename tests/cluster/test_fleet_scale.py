"""What a user does to a fleet that is at work, with kubectl alone: scale, suspend, cancel, delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fleet import Fleet

pytestmark = [pytest.mark.cluster, pytest.mark.tmux, pytest.mark.timeout(300)]

ENDLESS = {"run": "sleep 300"}


@pytest.fixture
def fleet(own_cluster: Any, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(own_cluster, tmp_path)
    made.operator.start()
    try:
        yield made
    finally:
        made.clean()
        print(made.operator.tail(200))


def working(fleet: Fleet) -> set[str]:
    """The beads that agents are at."""
    return {item["bead"] for item in fleet.sessions().values() if item.get("bead")}


def test_kubectl_scale_lets_beads_be_finished(fleet: Fleet) -> None:
    def scale(count: int) -> None:
        fleet.cluster.kubectl("scale", "-n", fleet.namespace, "worker/w", f"--replicas={count}")

    def printed() -> str:
        path = "-ojsonpath={.spec.replicas}/{.status.replicas}/{.status.busyReplicas}"
        text: str = fleet.cluster.kubectl("get", "worker", "w", "-n", fleet.namespace, path)
        return text

    go = fleet.folder / "go"
    wait = {"run": f"while [ ! -e {go} ]; do sleep 0.1; done"}
    fleet.apply(fleet.worker(), fleet.bead("one", wait), fleet.bead("two", wait))
    fleet.until(lambda: len(working(fleet)) == 1, "one is worked")
    scale(2)
    fleet.until(lambda: working(fleet) == {"one", "two"}, "the second session takes the other")
    fleet.until(lambda: printed() == "2/2/2", "kubectl shows it")
    before = fleet.workers()
    scale(0)
    fleet.until(
        lambda: [item["state"] for item in fleet.sessions().values()] == ["Draining"] * 2, "both drain"
    )
    assert "finish their bead first: w-0, w-1" in fleet.condition("Progressing")["message"]
    assert fleet.workers() == before
    go.touch()
    fleet.done("one", "two")
    fleet.idle()
    assert (fleet.tmux(), fleet.processes(), printed()) == (set(), {}, "0/0/0")
    fleet.once_each(["one", "two"])


def test_a_suspended_worker_finishes_its_bead_and_takes_no_other(fleet: Fleet) -> None:
    fleet.apply(fleet.worker(), fleet.bead("one", fleet.alone("one", 2)))
    fleet.until((fleet.folder / "one.lock").exists, "one is worked")
    fleet.patch(suspend=True)
    fleet.apply(fleet.bead("two"))
    fleet.done("one")
    fleet.until(lambda: fleet.condition("Progressing")["reason"] == "Suspended", "the Worker says so")
    fleet.until(lambda: fleet.status("two").get("phase") == "Ready", "two waits")
    fleet.idle("w-0")
    assert fleet.status("two")["fence"] == 0
    fleet.patch(suspend=False)
    fleet.done("two")


def test_deleting_a_worker_with_stop_mode_now_gives_its_bead_to_another(fleet: Fleet) -> None:
    once = f"mkdir {fleet.folder}/first 2>/dev/null && sleep 300"
    fleet.apply(fleet.worker(stopMode="Now"), fleet.bead("one", {"run": f"{once}; true"}))
    fleet.until((fleet.folder / "first").exists, "one is worked")
    fleet.nothing_left()
    fleet.until(lambda: "claim" not in fleet.status("one"), "one is given back")
    assert fleet.status("one")["phase"] in ("Pending", "Ready")
    fleet.apply(fleet.worker())
    fleet.done("one")
    assert fleet.status("one")["attempts"] == 1
    assert fleet.commits("one") == 1


def test_a_cancelled_bead_ends_its_agent_and_the_session_goes_on(fleet: Fleet) -> None:
    fleet.apply(fleet.worker(), fleet.bead("one", ENDLESS))
    fleet.until(lambda: len(fleet.processes().get("w-0", [])) > 1, "the agent runs")
    before = fleet.workers()
    patch = '-p={"spec":{"desired":"Cancel"}}'
    fleet.cluster.kubectl("patch", "-n", fleet.namespace, "bead/one", "--type=merge", patch)
    fleet.until(lambda: fleet.status("one").get("phase") == "Cancelled", "it is cancelled")
    fleet.apply(fleet.bead("two"))
    fleet.done("two")
    assert fleet.workers() == before
    fleet.idle("w-0")
    fleet.until(lambda: len(fleet.processes().get("w-0", [])) == 1, "nothing but the worker runs")


def test_a_deleted_bead_ends_its_agent_and_keeps_its_history(fleet: Fleet) -> None:
    fleet.apply(fleet.worker(), fleet.bead("one", ENDLESS))
    fleet.until(lambda: len(fleet.processes().get("w-0", [])) > 1, "the agent runs")
    fleet.cluster.kubectl("delete", "-n", fleet.namespace, "bead/one", "--timeout=60s")
    fleet.apply(fleet.bead("two"))
    fleet.done("two")
    fleet.idle("w-0")
    fleet.until(lambda: len(fleet.processes().get("w-0", [])) == 1, "nothing but the worker runs")
    kept = "select count(*) from bead where name = 'one' and deleted_at is not null"
    fleet.until(lambda: fleet.query(kept) == [(1,)], "the history knows it as deleted")
    running = "select count(*) from attempt where ended_at is null"
    fleet.until(lambda: fleet.query(running) == [(0,)], "no attempt is left open")
