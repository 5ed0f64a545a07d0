"""`hack/bench growth`: every figure at 1,000 objects and at 50,000, with a history that grows alike.

Objects are beads in all phases, with dependencies, and pods of Workers that KWOK lets run. A figure may grow
as N log N at most. Both sizes are measured in one run on one cluster, the small one first.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchlib.bench import PRODUCT, Bench
from benchlib.figures import facts, machine, number
from benchlib.growth_figures import CLAIMERS, Figures, Size, measured
from support.clusters import Cluster, hack_cluster, named

PODS = 0.05
"""The share of the objects that are pods."""
PATIENCE = 600.0
"""Seconds that an operator may take to start on a busy machine."""


def main(
    objects: Annotated[
        int, typer.Option(help="Objects on the API server at the full size.", min=100)
    ] = 50_000,
    history: Annotated[int, typer.Option(help="Finished beads in the history then.", min=0)] = 100_000,
    small: Annotated[int, typer.Option(help="Objects at the small size.", min=50)] = 1_000,
    turns: Annotated[int, typer.Option(help="Samples of what is measured more than once.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of the random beads.")] = 1,
) -> None:
    """Measure; prints a Markdown table. Exit code 1 where something grows faster than N log N."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cluster and operators end with it
    if small >= objects:
        raise typer.BadParameter(f"--small is less than --objects ({objects})")
    sizes = [size(small, round(history * small / objects), turns), size(objects, history, turns)]
    before = os.getloadavg()[0]
    name = f"bench-growth-{os.getpid()}"
    try:
        hack_cluster("up", "--name", name, "--level", "simulated")
        found = [asyncio.run(_measured(name, each, seed)) for each in sizes]
    except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as fault:
        print(f"hack/bench growth: {fault}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        hack_cluster("down", "--name", name)
    load = f"{before:.1f} to {os.getloadavg()[0]:.1f}"
    print(f"\n{facts(machine() | {'load': load})}\n\n{table(found, small, objects)}")
    if not all(holds(found[0][what], after, small, objects) for what, after in found[1].items()):
        raise typer.Exit(1)


def size(objects: int, finished: int, turns: int) -> Size:
    """Beads and pods of so many objects."""
    pods = round(objects * PODS)
    beads = objects - pods
    return Size(beads, pods, finished, turns, claims=max(CLAIMERS, min(64, beads // 10)))


async def _measured(name: str, size: Size, seed: int) -> Figures:
    cluster = named(Cluster, "--name", name)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(PRODUCT / "crds"))
    cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        return await measured(Bench(cluster, Path(folder), None, size.turns, patience=PATIENCE), size, seed)


def bound(small: int, full: int) -> float:
    """How much more N log N is at the full size."""
    return full * math.log(full) / (small * math.log(small))


def holds(before: float, after: float, small: int, full: int) -> bool:
    """Whether it grows no faster than that."""
    return after <= before * bound(small, full)


def table(found: list[Figures], small: int, full: int) -> str:
    """Markdown."""
    limit = number(bound(small, full))
    lines = [
        f"| figure | {small:,} objects | {full:,} objects | ratio | no more than N log N ({limit}) |",
        "|---|---|---|---|---|",
    ]
    for (what, unit), before in found[0].items():
        after = found[1][what, unit]
        held = "yes" if holds(before, after, small, full) else "no"
        values = f"{number(before)} {unit} | {number(after)} {unit}"
        lines.append(f"| {what} | {values} | {number(after / before)} | {held} |")
    return "\n".join(lines)
