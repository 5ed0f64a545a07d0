"""Sessions race for one bead and for a hundred, 2 to 64 of them: nobody may hold what another one holds.

Who wins gives the bead back when the race is over, so that the next one is about the same beads.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure, percentile
from ringmaster_operator.resources.protocol import Claimed
from support.sessions import Session

RACERS = (2, 4, 8, 16, 32, 64)
ONE = "one"
SINGLE_RACES = 4
"""Races for a single bead beside each race for many."""


@dataclass
class Referee:
    """Sees every claim that is granted. `double` counts what must never be."""

    holders: dict[str, str] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    claims: int = 0
    double: int = 0

    def granted(self, claimed: Claimed, session: str) -> None:
        """A claim of a bead that somebody holds, or without a higher fence than before, is a double one."""
        name = claimed.bead.name
        self.claims += 1
        self.double += name in self.holders or claimed.fence <= self.fences.get(name, 0)
        self.holders[name], self.fences[name] = session, claimed.fence


async def measure(bench: Bench) -> list[Figure]:
    """Each round: a race for many beads and some for one, with each number of racers."""
    many, single = bench.namespace("races"), bench.namespace("races-one")
    names = [f"b{number:03d}" for number in range(bench.size(100))]
    referee = Referee()
    rates: dict[int, list[float]] = {count: [] for count in RACERS}
    waits: dict[int, list[float]] = {count: [] for count in RACERS}
    with bench.running(many) as there, bench.running(single) as alone:
        await bench.create(many, names)
        await bench.ready(many, names)
        await bench.create(single, [ONE])
        await bench.ready(single, [ONE])
        for _ in bench.turns():
            for count in RACERS:
                took, won = await _race(there, count, len(names), referee, waits[count])
                rates[count].append(won / took)
                for _ in range(SINGLE_RACES):
                    await _race(alone, count, 1, referee, [])
    figures = [
        Figure("races", "claims", [float(referee.claims)]),
        Figure("races", "double claims", [float(referee.double)], at_most=0),
    ]
    for count in RACERS:
        p99 = percentile(waits[count], 0.99) * 1e3
        figures.append(Figure("races", f"{count} racers for {len(names)} beads", rates[count], "/s"))
        figures.append(Figure("races", f"{count} racers: a claim's p99", [p99], "ms"))
    return figures


async def _race(
    running: Running, count: int, beads: int, referee: Referee, waits: list[float]
) -> tuple[float, int]:
    """Seconds until nothing is left, and claims won. RuntimeError where a bead went to nobody."""
    won: list[tuple[Session, Claimed]] = []
    racers = [running.session(number) for number in range(count)]

    async def racer(session: Session) -> None:
        while True:
            asked = time.perf_counter()
            claimed = await session.pull()
            if claimed is None:
                return
            waits.append(milliseconds(asked) / 1e3)
            referee.granted(claimed, session.name)
            won.append((session, claimed))
            if beads == 1:
                return

    began = time.perf_counter()
    await asyncio.gather(*map(racer, racers))
    took = time.perf_counter() - began
    if len({claimed.bead.name for _, claimed in won}) != beads:
        raise RuntimeError(f"{beads} beads, and claims of {len(won)}")
    await asyncio.gather(*(_give_back(session, won, referee) for session in racers))
    return took, len(won)


async def _give_back(session: Session, won: list[tuple[Session, Claimed]], referee: Referee) -> None:
    for holder, claimed in won:
        if holder is session:
            referee.holders.pop(claimed.bead.name, None)
            status, said = await session.release(claimed)
            if status != 200:
                raise RuntimeError(f"{claimed.bead.name} was not given back: {said}")
    await session.close()
