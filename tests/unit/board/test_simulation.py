"""Routing by learned confidence does better than routing by declaration or by chance, in simulated time."""

from __future__ import annotations

from pathlib import Path

import pytest

HACK = Path(__file__).resolve().parents[3] / "hack"
SEEDS = (1, 2, 3)


@pytest.fixture(autouse=True)
def hack_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HACK))


@pytest.mark.parametrize("seed", SEEDS)
def test_learning_who_can_do_what_gets_more_done_for_less(seed: int) -> None:
    from benchlib.simulated_world import world
    from benchlib.simulation import Routing, Simulation

    print(f"seed {seed}: replay with hack/bench simulate --seed {seed} --worlds 1 --beads 300 --workers 12")
    given = world(seed, beads=300, workers=12)
    learned, declared, random = (Simulation(given, routing).run() for routing in Routing)
    assert learned.success_rate > declared.success_rate > random.success_rate
    assert learned.attempt_rate > declared.attempt_rate + 0.05
    assert learned.usd_per_bead < declared.usd_per_bead < random.usd_per_bead
    assert Simulation(given, Routing.LEARNED).run() == learned


def test_what_the_urgent_waits_for_is_done_sooner_where_urgency_is_inherited() -> None:
    from benchlib.simulated_world import world
    from benchlib.simulation import Routing, Simulation

    waited = {True: 0.0, False: 0.0}
    for seed in SEEDS:
        given = world(seed, beads=200, workers=4, able=True)
        for inherit in waited:
            hours = Simulation(given, Routing.LEARNED, inherit=inherit).run().behind.values()
            waited[inherit] += sum(min(24.0, one) for one in hours)
    assert waited[True] < 0.8 * waited[False]
