"""The whole fleet under SIGKILL: real sessions, real git, real agents' process trees.

Kills come by progress and at random moments; the seed is printed, RINGMASTER_SEED replays the plan.
RINGMASTER_LONG=1 runs the full form.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fleet import LONG, Fleet, least_hit

pytestmark = [pytest.mark.cluster, pytest.mark.tmux, pytest.mark.long, pytest.mark.timeout(1800)]

TREE_KILLS = 20 if LONG else 4
OPERATOR_KILLS = 30 if LONG else 3
SERVER_KILLS = 5 if LONG else 2
REPLICAS = 4 if LONG else 2
WORK_SECONDS = 4.0 if LONG else 1.5
FINISH_SECONDS = 900.0 if LONG else 240.0


@pytest.fixture
def fleet(own_cluster: Any, tmp_path: Path) -> Iterator[Fleet]:
    # A lease as long as by default: what resumes its own claim must not race with whoever gets it next.
    made = Fleet(own_cluster, tmp_path)
    made.operator.start()
    try:
        yield made
    finally:
        made.clean()
        print(made.operator.tail(200))


def backlog(fleet: Fleet, count: int) -> list[str]:
    """A Worker and so many beads, each of which takes a moment in which no second agent may be at it."""
    names = [f"b{number:02d}" for number in range(count)]
    beads = [fleet.bead(name, fleet.alone(name, WORK_SECONDS)) for name in names]
    fleet.apply(fleet.worker(replicas=REPLICAS), *beads)
    fleet.until(lambda: fleet.workers(), "a session works")
    return names


def unfinished(fleet: Fleet) -> bool:
    return any(status.get("phase") != "Succeeded" for status in fleet.beads().values())


def finish(fleet: Fleet, names: list[str]) -> None:
    """Everything is done once; as many sessions as replicas are left, and none after the Worker."""
    fleet.done(*names, seconds=FINISH_SECONDS)
    expected = {f"w-{number}" for number in range(REPLICAS)}
    fleet.idle(*sorted(expected))
    assert (fleet.tmux(), set(fleet.workers())) == (expected, expected)
    fleet.once_each(names)
    fleet.nothing_left()


def test_process_trees_of_sessions_are_killed(fleet: Fleet, rng: random.Random) -> None:
    names = backlog(fleet, 60 if LONG else 12)
    hits: dict[str, int] = {}
    killed = 0
    while sum(hits.values()) < TREE_KILLS:
        time.sleep(rng.uniform(0.0, 3.0))
        fleet.until(fleet.workers, "a session runs")
        victim = least_hit(hits, sorted(fleet.workers()), rng)
        if not hits:  # the first one for sure with an agent
            fleet.until(lambda victim=victim: len(fleet.processes().get(victim, [])) > 1, f"{victim} works")  # type: ignore[misc]
        assert unfinished(fleet), f"all done after {sum(hits.values())} kills: more beads are needed"
        killed += fleet.kill_tree(victim)
        hits[victim] = hits.get(victim, 0) + 1
    assert killed > TREE_KILLS, "whole trees were killed, not only workers"
    finish(fleet, names)


def test_the_operator_is_killed_under_real_sessions(fleet: Fleet, rng: random.Random) -> None:
    names = backlog(fleet, 60 if LONG else 8)
    fleet.until(lambda: len(fleet.workers()) == REPLICAS, "all sessions run")
    before = fleet.workers()
    for _ in range(OPERATOR_KILLS):
        time.sleep(rng.uniform(0.0, 1.5))
        fleet.operator.kill()
        # The workers go on meanwhile: what they finish is spooled until someone takes it.
        time.sleep(rng.uniform(0.0, 3.0))
        fleet.operator.start(wait=rng.random() < 0.7)
    fleet.operator.wait_ready()
    fleet.done(*names, seconds=FINISH_SECONDS)
    assert fleet.workers() == before, "the same processes as before the first kill"
    finish(fleet, names)


def test_the_api_server_is_killed_under_real_sessions(fleet: Fleet, rng: random.Random) -> None:
    names = backlog(fleet, 40 if LONG else 8)
    fleet.until(lambda: len(fleet.workers()) == REPLICAS, "all sessions run")
    before = fleet.workers()
    for _ in range(SERVER_KILLS):
        time.sleep(rng.uniform(0.0, 2.0))
        fleet.cluster.kill("apiserver")
        time.sleep(rng.uniform(0.0, 5.0))
        fleet.cluster.restore()
    fleet.done(*names, seconds=FINISH_SECONDS)
    assert fleet.workers() == before, "the same processes as before the first kill"
    finish(fleet, names)


def test_a_report_waits_for_an_operator_that_is_away(fleet: Fleet) -> None:
    names = ["b00"]
    fleet.apply(fleet.worker(replicas=REPLICAS), fleet.bead("b00", fleet.alone("b00", 2)))
    fleet.until((fleet.folder / "b00.lock").exists, "the agent runs")
    fleet.operator.kill()
    spool = fleet.folder / "state" / "home" / "claims"
    waiting: Callable[[], list[Path]] = lambda: list(spool.glob("*/*/spool/*.json"))  # noqa: E731
    fleet.until(waiting, "the report is spooled")
    fleet.operator.start()
    fleet.until(lambda: not waiting(), "the report is delivered")
    finish(fleet, names)
