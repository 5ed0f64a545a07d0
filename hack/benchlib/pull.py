"""`ringmaster pull-bead`: from the start of the process to the claimed bead, beside `python -c pass`."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure
from support.manifests import bead

SIZES = (1000, 5000)
PULLS = 5
"""In each round; a round counts with their median."""


async def measure(bench: Bench) -> list[Figure]:
    """At each size: processes that only start and processes that pull, in turns."""
    found = []
    for size in (bench.beads,) if bench.beads else SIZES:
        namespace = bench.namespace("pull")
        with bench.running(namespace) as running:
            await bench.fill(namespace, [bead(f"b{number:05d}") for number in range(size)])
            await running.settled(size)
            plain, pulls = [], []
            for turn in bench.turns():
                taken = [
                    await asyncio.to_thread(_pull, bench.folder, running, namespace, f"{turn}-{pull}")
                    for pull in range(PULLS)
                ]
                plain.append(statistics.median(pair[0] for pair in taken))
                pulls.append(statistics.median(pair[1] for pair in taken))
        ratios = [ours / theirs for ours, theirs in zip(pulls, plain, strict=True)]
        name = f"pull-bead of {size:,} beads: process start → claimed"
        found += [Figure("pull", name, pulls, "ms", at_most=250)]
        found += [Figure("pull", f"as a multiple of python -c pass, {size:,} beads", ratios)]
    return [*found, Figure("pull", "python -c pass", plain, "ms")]


def _pull(folder: Path, running: Running, namespace: str, place: str) -> tuple[float, float]:
    """Milliseconds of a bare process and of a pull, by a session that holds nothing."""
    token = folder / "token"
    token.write_text(running.token)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RINGMASTER_URL": running.operator.url,
        "RINGMASTER_TOKEN_FILE": str(token),
        "RINGMASTER_NAMESPACE": namespace,
        "RINGMASTER_WORKER": "fleet",
        "RINGMASTER_SESSION": f"fleet-{place}",
        "RINGMASTER_HOME": str(folder / namespace / place),
    }
    python = Path(sys.executable)
    began = time.perf_counter()
    subprocess.run([python, "-c", "pass"], env=environment, check=True)
    bare = milliseconds(began)
    began = time.perf_counter()
    program = [str(python.parent / "ringmaster"), "pull-bead", "--json"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    taken = milliseconds(began)
    if done.returncode:
        raise RuntimeError(f"pull-bead: {done.stderr.strip()}")
    return bare, taken
