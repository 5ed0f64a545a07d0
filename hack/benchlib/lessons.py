"""`hack/bench lessons`: what lessons do, and how well they are found.

The same beads are worked twice, with lessons and without. The agent is a coin: it mostly fails a bead whose
trap it does not know, and mostly manages one if the prompt that Ringmaster built for it holds the right
lesson. A wrong lesson distracts it. Where it fails it may learn the trap, and says so in one of several ways.
History, choice, prompt and reading of the agent's words are the product's own.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchlib.lesson_fleet import Fleet, Run
from benchlib.lesson_retrieval import table
from benchlib.lesson_world import Task, Trap, rankings, tasks, traps
from ringmaster_operator.recall import mean, wilson


def main(
    beads: Annotated[int, typer.Option(help="Beads.", min=20)] = 300,
    seed: Annotated[int, typer.Option(help="Of traps, beads and coins.")] = 1,
    seeds: Annotated[int, typer.Option(help="Worlds: this seed and the following ones.", min=1)] = 3,
    retrieval: Annotated[
        bool, typer.Option("--retrieval", help="Only how long a claim looks for lessons, among up to 5,000.")
    ] = False,
) -> None:
    """Work the beads with and without lessons, then search 200 lessons for 200 beads."""
    if retrieval:
        table([100, 1000, 5000], seed)
        return
    print("| lessons | beads | succeeded, 95 % | iterations a bead, 95 % | found |\n|---|---|---|---|---|")
    worlds = [asyncio.run(both(beads, seed + number)) for number in range(seeds)]
    for place, name in enumerate(("off", "on")):
        print(f"| {name} | {row([run for world in worlds for run in world[place]])} |")
    print(f"\n{difference(worlds)}\n")
    print(
        "| 200 lessons, 200 beads | mean reciprocal rank | first | told | told a wrong one |\n"
        "|---|---|---|---|---|"
    )
    for name, ranking in asyncio.run(rankings(seed)).items():
        print(f"| {name} | {ranking.row()} |")


async def both(count: int, seed: int) -> tuple[list[Run], list[Run]]:
    """The same beads without lessons and with them."""
    world = traps(seed)
    work = tasks(world, count, seed)
    return await worked(work, world, seed, enabled=False), await worked(work, world, seed, enabled=True)


async def worked(work: list[Task], world: list[Trap], seed: int, *, enabled: bool) -> list[Run]:
    with tempfile.TemporaryDirectory() as folder:
        async with Fleet(Path(folder), world, seed, enabled=enabled) as fleet:
            return [await fleet.work(task) for task in work]


def row(runs: list[Run]) -> str:
    good = sum(run.success for run in runs)
    low, high = wilson(good, len(runs))
    middle, least, most = mean([float(run.iterations) for run in runs])
    told = sum(run.right for run in runs)
    rate = f"{good / len(runs):.1%} ({low:.1%} to {high:.1%})"
    return f"{len(runs)} | {rate} | {middle:.2f} ({least:.2f} to {most:.2f}) | {told / len(runs):.0%}"


def difference(worlds: list[tuple[list[Run], list[Run]]]) -> str:
    """Bead by bead, with and without: the mean difference and its interval."""
    pairs = [pair for off, on in worlds for pair in zip(off, on, strict=True)]
    gain = mean([float(on.success) - float(off.success) for off, on in pairs])
    saved = mean([float(off.iterations - on.iterations) for off, on in pairs])
    return (
        f"With lessons {gain[0]:+.1%} of the beads succeed (95 %: {gain[1]:+.1%} to {gain[2]:+.1%}), and "
        f"a bead takes {saved[0]:.2f} iterations less ({saved[1]:.2f} to {saved[2]:.2f})."
    )


if __name__ == "__main__":
    typer.run(main)
