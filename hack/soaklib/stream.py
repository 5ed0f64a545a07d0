"""A steady stream of beads with dependencies, for light sessions and for real agents in tmux."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from soaklib.world import POOL, World, light
from support.manifests import bead

EVERY_SECONDS = 1.0
AGENT_EVERY = 7
"""One bead in so many is worked by a real agent program with git."""
HELD_EVERY = 40
"""One in so many is held, and another one waits for it: they are rightly waiting at the end."""
WORK_SECONDS = 1.0
RECENT = 6
TTL_SECONDS = 90


@dataclass
class Stream:
    """Creates beads until stopped. `waits_for` has each bead's dependencies."""

    world: World
    rng: random.Random
    waits_for: dict[str, list[str]] = field(default_factory=dict)
    agents: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    stopped: bool = False

    async def run(self) -> None:
        """Until stopped; what is being created then is created."""
        number = 0
        while not self.stopped:
            number += 1
            await self._one(number)
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * EVERY_SECONDS)

    async def _one(self, number: int) -> None:
        world, name = self.world, f"b{number:05d}"
        if number % HELD_EVERY == HELD_EVERY // 2:
            self.held.append(name)
            self.waits_for[name] = []
            self.waits_for[f"{name}-next"] = [name]
            await world.direct.create(world.namespace, light(bead(name, desired="Hold")))
            await world.direct.create(world.namespace, light(bead(f"{name}-next", dependsOn=[name])))
        elif number % AGENT_EVERY == 0:
            self.agents.append(name)
            self.waits_for[name] = []
            body = world.fleet.bead(name, world.fleet.alone(name, WORK_SECONDS))
            body["spec"]["routing"] = {"workerSelector": {POOL: "tmux"}}
            await world.direct.create(world.namespace, body)
        else:
            recent = [other for other in list(self.waits_for)[-RECENT:] if other.isalnum()]
            recent = [other for other in recent if other not in self.held and other not in self.agents]
            needs = self.rng.sample(recent, min(len(recent), self.rng.choice([0, 0, 1, 2])))
            self.waits_for[name] = needs
            body = bead(
                name,
                priority=self.rng.choice(["P1", "P2", "P3"]),
                dependsOn=needs,
                ttlSecondsAfterFinished=TTL_SECONDS,
                limits={"maxAttempts": 20},
            )
            await world.direct.create(world.namespace, light(body))

    def rightly_waiting(self) -> set[str]:
        """Beads that are held, or wait for one that is, that failed, or that is gone."""
        stuck = set(self.held)
        for name, needs in self.waits_for.items():  # in the order of their creation: needs come first
            if stuck.intersection(needs) or any(map(self._never, needs)):
                stuck.add(name)
        return stuck

    def _never(self, name: str) -> bool:
        seen = self.world.observer.named(name)
        return seen is not None and (seen.phase in ("Failed", "Cancelled") or seen.deleted)
