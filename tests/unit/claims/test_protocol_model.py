"""The protocol under every order of events, with a fault at every step: the real code, a simulated world.

RINGMASTER_LONG=1 tries every deviation of one place, RINGMASTER_EXAMPLES=N as many random ones; a failure
names the deviations or the seed that show it again.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator

import pytest

from support.model.explore import Deviations, Found, neighbours, run, wander
from support.model.parts import Plan
from support.model.sessions import FAILED, INCOMPLETE

CHAIN = Plan(
    beads={"a": {}, "b": {"dependsOn": ["a"]}},
    sessions=2,
    outcomes={("a", 1, 1): INCOMPLETE, ("b", 1, 1): FAILED},
)
RACE = Plan(beads={"a": {}, "b": {"exclusive": ["x"]}}, sessions=3, outcomes={("a", 1, 1): FAILED})
PLANS = {"chain": CHAIN, "race": RACE}
LONG = bool(os.environ.get("RINGMASTER_LONG"))
SEED = int(os.environ.get("RINGMASTER_SEED", "20261129"))
FEW = int(os.environ.get("RINGMASTER_EXAMPLES", "40"))


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    """Thousands of warnings about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def told(what: str, found: Found) -> None:
    print(f"{what}: {found}")


def few(known: list[Deviations]) -> list[Deviations]:
    """One of each kind, and some more."""
    rng, kinds = random.Random(SEED), dict[str, list[Deviations]]()
    for each in known:
        kinds.setdefault(each[0][1].split()[0], []).append(each)
    return [*map(rng.choice, kinds.values()), *rng.sample(known, FEW)]


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", PLANS)
def test_one_deviation_anywhere_breaks_no_law(name: str) -> None:
    plan, found, known = PLANS[name], Found(), set[int]()
    run(plan, (), found, known=known)
    all_of_them = list(neighbours(plan, 1, found))
    some = all_of_them if LONG else few(all_of_them)
    for deviations in some:
        run(plan, deviations, found, known=known)
    told(f"{name}, {len(some)} of {len(all_of_them)} deviations, seed {SEED}", found)
    assert found.crashes


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", PLANS)
def test_the_operator_may_end_at_any_step(name: str) -> None:
    plan, found, known = PLANS[name], Found(), set[int]()
    run(plan, (), found, known=known)
    crashes = [after for after in neighbours(plan, 1, found) if after[0][1] == "crash"]
    for deviations in crashes[:: 1 if LONG else 12]:
        run(plan, deviations, found, known=known)
    told(f"{name}, crashes at {len(crashes)} steps", found)


@pytest.mark.parametrize("name", PLANS)
def test_a_write_that_is_refused_is_made_up_for(name: str) -> None:
    """Also where the session's next report comes first: it waits for the one before it."""
    plan, found, known = PLANS[name], Found(), set[int]()
    run(plan, (), found, known=known)
    refused = [after for after in neighbours(plan, 1, found) if after[0][1].startswith("refused PATCH")]
    for deviations in refused:
        run(plan, deviations, found, known=known)
    told(f"{name}, {len(refused)} refused writes", found)
    assert len(refused) > 5


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", PLANS)
def test_random_faults_break_no_law(name: str) -> None:
    found = Found()
    for seed in range(SEED, SEED + FEW * (25 if LONG else 1)):
        wander(PLANS[name], seed, found, odds=random.Random(seed).choice([0.02, 0.1, 0.3]))
    told(f"{name}, seeds from {SEED}", found)
    assert len(found.states) > found.runs


def during(plan: Plan, call: str, label: str) -> list[Deviations]:
    """The label at every step between a session's call and its answer."""
    session, steps = call.split()[0], list[Deviations]()
    for step, (_, labels) in enumerate(run(plan, (), Found())):
        if label in labels and f"{session} cut off" in labels:
            steps.append(((step, label),))
        elif steps:
            break
    return steps


@pytest.mark.parametrize("call", ["claim", "report"])
def test_a_call_that_comes_twice_at_once_counts_once(call: str) -> None:
    """The session heard nothing and asked again while the first copy was still being dealt with."""
    found = Found()
    several = during(RACE, f"s0 {call}", f"s0 repeats {call}")
    for deviations in several:
        run(RACE, deviations, found)
    told(f"{call}, at {len(several)} steps", found)
    assert len(several) > 5


def test_a_run_can_be_had_again() -> None:
    """By its deviations alone."""
    once, again = Found(), Found()
    crash = next(after for after in neighbours(CHAIN, 1, Found()) if after[0] == (100, "crash"))
    assert run(CHAIN, crash, once) == run(CHAIN, crash, again)
    assert str(once) == str(again)
