"""`hack/bench dashboard`: the web dashboard with 10,000 beads and 50 sessions that work, in a real Chromium.

Everything is on this machine. `viewers` measures people who look from it, with browsers that take the
processors as everything else does; `apart` gives them what is left (dashboard_apart.py), as if they looked
from machines of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchlib import dashboard_scene as scenes
from benchlib.dashboard_pages import PAGES, Chromium, changes, chromium, paints, scrolled
from benchlib.dashboard_scene import Scene
from benchlib.dashboard_watched import watched
from benchlib.figures import Figure, facts, machine, percentile, table
from ringmaster_operator.kube import Kube
from support.clusters import hack_cluster

PARTS = ("paint", "live", "scroll", "viewers", "apart")
LIVE = ("Board", "Board as a table", "Overview")
PAINT, SEEN, LONG = 1.5, 500.0, 50.0
"""Goals: seconds to the first useful paint, ms to a change that is seen, ms of a task."""


@dataclass(frozen=True)
class How:
    """The size of it all."""

    sessions: int
    viewers: int
    rounds: int
    changes: int
    seconds: float
    hold: float
    seed: int


async def paint(browser: Chromium, rounds: int) -> list[Figure]:
    """Each page's first useful paint, in an empty browser and in one that was there before."""
    found = []
    for name in PAGES:
        print(f"{name} …", file=sys.stderr, flush=True)
        for state, values in zip(("cold", "warm"), await paints(browser, name, rounds), strict=True):
            found.append(Figure("paint", f"{name}, {state}", values, "s", at_most=PAINT))
    return found


async def live(browser: Chromium, scene: Scene, count: int, seed: int) -> list[Figure]:
    """From a patch that is sent to the API server until the page shows it."""
    kube = await Kube.connect(str(scene.cluster.kubeconfig))
    found = []
    for name in LIVE:
        values = [value * 1e3 for value in await changes(browser, kube, name, count, seed)]
        found.append(Figure("live", f"{name}: patch sent → seen", values, "ms"))
        late = percentile(values, 0.95)
        found.append(Figure("live", f"{name}: the same, p95", [late], "ms", at_most=SEEN))
    await kube.close()
    return found


async def scroll(browser: Chromium) -> list[Figure]:
    """The longest task while all rows are scrolled through."""
    tasks, rows = await scrolled(browser)
    longest = max(tasks, default=0.0) * 1e3
    return [
        Figure("scroll", "rows/s", [rows]),
        Figure("scroll", f"tasks of more than {LONG:g} ms", [float(len(tasks))], at_most=0),
        Figure("scroll", "the longest of them (0: none)", [longest], "ms", at_most=LONG),
    ]


async def measure(scene: Scene, parts: list[str], how: How) -> list[Figure]:
    """All parts, one after another, while the sessions work."""
    found = [Figure("start", f"{scene.beads} beads taken in by a fresh operator", [scene.settled], "s")]
    fleet = (scene.operator.url, str(how.sessions), str(how.hold), str(how.seed))
    with scenes.process("dashboard_fleet", *fleet, output=scene.claims, BENCH_TOKEN=scene.token):
        await asyncio.sleep(how.hold)
        for part in filter(parts.__contains__, PARTS):
            figures = await _part(part, scene, how)
            found.extend(figures)
            print(table(figures), file=sys.stderr, flush=True)
    return found


async def _part(part: str, scene: Scene, how: How) -> list[Figure]:
    if part in ("viewers", "apart"):
        return await watched(scene, how.viewers, how.rounds, how.seconds, apart=part == "apart")
    async with chromium(scene) as browser:
        match part:
            case "paint":
                return await paint(browser, how.rounds)
            case "live":
                return await live(browser, scene, how.changes, how.seed)
            case _:
                return await scroll(browser)


async def _run(parts: list[str], beads: int, how: How) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        scene = await scenes.started(Path(folder), beads, how.sessions, how.seed)
        try:
            return await measure(scene, parts, how)
        finally:
            scene.operator.stop()


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Parts: {', '.join(PARTS)}.")] = None,
    beads: Annotated[int, typer.Option(help="Beads.", min=100)] = 10_000,
    sessions: Annotated[int, typer.Option(help="Sessions that work.", min=1)] = 50,
    viewers: Annotated[int, typer.Option(help="People who look.", min=2)] = 20,
    rounds: Annotated[int, typer.Option(help="Of paints, and without and with viewers.", min=1)] = 5,
    changes: Annotated[int, typer.Option(help="Live changes of each page.", min=2)] = 100,
    seconds: Annotated[float, typer.Option(help="Of a round without or with viewers.", min=2)] = 15,
    hold: Annotated[float, typer.Option(help="Seconds that a session works on a bead.", min=0.5)] = 6,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave cluster and beads for another run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Start a cluster with thousands of beads, an operator, sessions that work, and look at the dashboard."""
    if unknown := set(only or ()) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(unknown)}: known are {', '.join(PARTS)}")
    how, before = How(sessions, viewers, rounds, changes, seconds, hold, seed), os.getloadavg()[0]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the operator and all others end with it
    try:
        figures = asyncio.run(_run(list(only or PARTS), beads, how))
    except (RuntimeError, TimeoutError, AssertionError, OSError, subprocess.SubprocessError) as fault:
        print(f"hack/bench dashboard: {fault or 'it took too long'}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        if not keep:
            hack_cluster("down", "--name", scenes.NAME)
    about = machine() | {"load": f"{before:.1f} to {os.getloadavg()[0]:.1f}"}
    if as_json:
        print(json.dumps({"machine": about, "figures": [each.body() for each in figures]}, indent=2))
    else:
        print(f"\n{facts(about)}\n\n{table(figures)}")


if __name__ == "__main__":
    typer.run(main)
