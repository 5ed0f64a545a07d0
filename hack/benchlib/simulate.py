"""`hack/bench simulate`: what routing by learned confidence and inherited urgency are worth, as a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Annotated

import typer

from benchlib.similar import table
from benchlib.simulated_world import world
from benchlib.simulation import Result, Routing, Simulation


def main(
    seed: Annotated[int, typer.Option(help="Of the first world; each further one has the next.")] = 1,
    worlds: Annotated[int, typer.Option(min=1, help="Worlds to simulate; figures are their medians.")] = 3,
    beads: Annotated[int, typer.Option(min=10, help="Beads of each world.")] = 1000,
    workers: Annotated[int, typer.Option(min=1, help="Workers of each world.")] = 20,
    similar: Annotated[
        bool,
        typer.Option("--similar", help="Only what leaving beads to who did better at like ones is worth."),
    ] = False,
) -> None:
    """Simulate a fleet with known skills; needs no cluster. The same seed gives the same figures.

    Done after: hours from arrival to success of half of the beads (of 90 %), those never done counted too.
    """
    seeds = range(seed, seed + worlds)
    if similar:
        table(seeds, beads=beads, workers=workers)
        return
    print(f"{worlds} worlds of {beads} beads and {workers} Workers, seeds {seed} to {seeds[-1]}\n")
    print("| routing | beads done | attempts that succeed | P0 done after | all done after | $ a bead done |")
    print("|---|---|---|---|---|---|")
    made = [world(number, beads=beads, workers=workers) for number in seeds]
    for routing in Routing:
        found = [Simulation(item, routing).run() for item in made]
        print(f"| {routing} | {' | '.join(_routed(found))} |")
    print("\nAll Workers able, so that order alone decides:\n")
    print("| urgency | P0 that wait for others done after | all P0 done after | all done after |")
    print("|---|---|---|---|")
    made = [world(number, beads=beads, workers=workers, able=True) for number in seeds]
    for title, inherit in (("inherited", True), ("not inherited", False)):
        found = [Simulation(item, Routing.LEARNED, inherit=inherit).run() for item in made]
        print(f"| {title} | {' | '.join(_ordered(found))} |")


def _routed(found: list[Result]) -> tuple[str, ...]:
    return (
        f"{_median(found, lambda r: r.success_rate):.1%}",
        f"{_median(found, lambda r: r.attempt_rate):.1%}",
        _hours(found, lambda r: r.urgent),
        _hours(found, lambda r: r.hours),
        f"{_median(found, lambda r: r.usd_per_bead):.2f}",
    )


def _ordered(found: list[Result]) -> tuple[str, ...]:
    return (
        _hours(found, lambda r: r.behind),
        _hours(found, lambda r: r.urgent),
        _hours(found, lambda r: r.hours),
    )


def _median(found: list[Result], figure: Callable[[Result], float]) -> float:
    return statistics.median(map(figure, found))


def _hours(found: list[Result], figure: Callable[[Result], dict[str, float]]) -> str:
    """When half of the beads are done, and when nine in ten."""
    half = _median(found, lambda result: _at(sorted(figure(result).values()), 0.5))
    most = _median(found, lambda result: _at(sorted(figure(result).values()), 0.9))
    return " / ".join("never" if math.isinf(value) else f"{value:.2f} h" for value in (half, most))


def _at(hours: list[float], share: float) -> float:
    return hours[min(len(hours) - 1, int(len(hours) * share))]


if __name__ == "__main__":
    typer.run(main)
