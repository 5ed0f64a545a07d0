"""What a simulated fleet is given: beads, when they come, and Workers whose skills are known."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker

NS = "simulated"
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CAPABILITIES = ("api", "data", "docs", "infra", "tests", "ui")
DECLARED = 0.8
ARRIVE_HOURS = 8.0
_PRIORITIES = {"P0": 5.0, "P1": 15.0, "P2": 50.0, "P3": 20.0, "P4": 10.0}


@dataclass(frozen=True)
class World:
    """What is given: beads and when they come, Workers, what these can really do and what an hour costs."""

    seed: int
    beads: list[Bead]
    workers: list[Worker]
    skill: dict[tuple[str, str], float]
    """By Worker and capability: the share of attempts that succeed."""
    usd_per_hour: dict[str, float]
    minutes: dict[str, float]
    """By bead: how long an attempt takes."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """By bead: what it really asks for, where no capability says so."""

    def success(self, bead: Bead, worker: str, attempt: int) -> bool:
        """How the attempt ends; the same whenever it is asked."""
        asked = [self.hidden[bead.metadata.name]] if self.hidden else bead.spec.capabilities
        chance = math.prod(self.skill[worker, name] for name in asked)
        return random.Random(f"{self.seed}/{bead.metadata.name}/{worker}/{attempt}").random() < chance


def world(seed: int, *, beads: int = 1000, workers: int = 20, able: bool = False) -> World:
    """A backlog that comes in over some hours, and Workers that declare alike and differ in fact.

    able: all can do what they declare, so that order alone decides.
    """
    chance = random.Random(seed)
    team = [_worker(f"w{number:02d}", chance) for number in range(workers)]
    skill = {
        (worker.metadata.name, name): _skill(chance, name in _declared(worker), able)
        for worker in team
        for name in CAPABILITIES
    }
    arrivals = sorted(chance.uniform(0, ARRIVE_HOURS) for _ in range(beads))
    backlog: list[Bead] = []
    for number, hours in enumerate(arrivals):
        backlog.append(_bead(number, START + timedelta(hours=hours), backlog, chance))
    return World(
        seed=seed,
        beads=backlog,
        workers=team,
        skill=skill,
        usd_per_hour={worker.metadata.name: chance.uniform(1, 6) for worker in team},
        minutes={bead.metadata.name: chance.lognormvariate(math.log(12), 0.5) for bead in backlog},
    )


def _declared(worker: Worker) -> set[str]:
    return {item.name for item in worker.spec.capabilities}


def _skill(chance: random.Random, declared: bool, able: bool) -> float:
    if not declared:
        return chance.uniform(0.05, 0.4)
    return chance.uniform(0.85, 0.98) if able or chance.random() < 0.6 else chance.uniform(0.15, 0.5)


def _worker(name: str, chance: random.Random) -> Worker:
    declared = sorted(chance.sample(CAPABILITIES, 4))
    spec = {"runtime": "Tmux", "capabilities": [{"name": item, "confidence": DECLARED} for item in declared]}
    return Worker.model_validate({"metadata": {"name": name, "namespace": NS, "uid": name}, "spec": spec})


def _bead(number: int, created: datetime, earlier: list[Bead], chance: random.Random) -> Bead:
    depends = 0 if not earlier or chance.random() < 0.6 else chance.randint(1, 2)
    recent = [item.metadata.name for item in earlier[-100:]]
    spec = {
        "title": f"bead {number}",
        "priority": chance.choices(list(_PRIORITIES), list(_PRIORITIES.values()))[0],
        "capabilities": sorted(chance.sample(CAPABILITIES, 1 if chance.random() < 0.7 else 2)),
        "depends_on": sorted(chance.sample(recent, min(depends, len(recent)))),
    }
    meta = {"name": f"b{number:04d}", "namespace": NS, "uid": f"u{number}", "creation_timestamp": created}
    return Bead.model_validate({"metadata": {**meta, "resource_version": "1", "generation": 1}, "spec": spec})
