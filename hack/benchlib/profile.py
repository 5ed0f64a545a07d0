"""`hack/bench flames`: samples an operator on its hottest paths, and draws where the time goes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from benchlib import flames
from benchlib.bench import PRODUCT, Bench
from benchlib.compare import environment, known
from benchlib.figures import number
from benchlib.flames import Stack
from benchlib.paths import Paths, walked
from support.clusters import Cluster, add_definitions, hack_cluster, named

RATE = 250
"""Samples a second."""
ATTACH_SECONDS = 2.0
Row = tuple[str, float, dict[str, float]]


def main(
    out: Annotated[Path, typer.Option(help="Folder for claim.svg, look.svg and report.svg.")] = Path(
        "build/flames"
    ),
    beads: Annotated[int, typer.Option(min=200, help="Beads that are claimed and reported.")] = 800,
    rev: Annotated[str, typer.Option(help="Another revision, in place of this checkout.")] = "",
) -> None:
    """Draw flame graphs of a claim, a look at the Overview or the board, and a report.

    Prints what the libraries take of each. Samples are of the thread that holds Python's lock (GIL):
    there is one of it.
    """
    if rev:
        _elsewhere(rev, out, beads)
        return
    out.mkdir(parents=True, exist_ok=True)
    name = f"bench-{os.getpid()}"
    try:
        hack_cluster("up", "--name", name)
        cluster = named(Cluster, "--name", name)
        add_definitions(cluster)
        with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
            rows = asyncio.run(_draw(Bench(cluster, Path(folder), beads, 1), out))
    except RuntimeError as fault:
        print(f"hack/bench: flames failed: {fault}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        hack_cluster("down", "--name", name)
    print(_table(rows))


def _elsewhere(rev: str, out: Path, beads: int) -> None:
    """The same with that revision's product and environment."""
    if not known(rev):
        raise typer.BadParameter(f"there is no revision {rev}")
    with environment(rev) as python:
        command = [str(python), "-m", "benchlib", "flames", f"--out={out.absolute()}", f"--beads={beads}"]
        if (ended := subprocess.run(command, check=False).returncode) != 0:
            raise typer.Exit(ended)


async def _draw(bench: Bench, out: Path) -> list[Row]:
    rows = []
    async with walked(bench) as paths:
        await paths.prepare(bench.size(800))
        for name, walk in (("claim", paths.claims), ("look", paths.looks), ("report", paths.reports)):
            stacks, spent = await _sampled(paths, walk, bench.folder / f"{name}.raw")
            title = f"Ringmaster {_revision()}: a {name}, {number(spent)} ms of processor"
            (out / f"{name}.svg").write_text(flames.draw(stacks, title), encoding="utf-8")
            rows.append((name, spent, flames.shares(stacks)))
    return rows


async def _sampled(
    paths: Paths, walk: Callable[[], Awaitable[int]], raw: Path
) -> tuple[Counter[Stack], float]:
    """Stacks while a path is walked, and milliseconds of processor for each time."""
    process = paths.running.operator.process
    assert process is not None
    command = [str(Path(sys.executable).parent / "py-spy"), "record", f"--pid={process.pid}"]
    command += [f"--rate={RATE}", "--gil", "--format=raw", f"--output={raw}", "--duration=unlimited"]
    spy = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    await asyncio.sleep(ATTACH_SECONDS)
    before = paths.cpu()
    count = await walk()
    spent = (paths.cpu() - before) / count * 1e3
    if spy.returncode is None:
        spy.send_signal(signal.SIGINT)
    said, _ = await spy.communicate()
    return _stacks(raw, said.decode(errors="replace")), spent


def _stacks(raw: Path, said: str) -> Counter[Stack]:
    if not raw.exists():
        raise RuntimeError(f"py-spy took no samples: {said.strip()}")
    return flames.read(raw.read_text(encoding="utf-8").splitlines())


def _revision() -> str:
    """Of what is measured."""
    command = ["git", "-C", str(PRODUCT), "describe", "--always"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _table(rows: list[Row]) -> str:
    """Milliseconds of processor, by whose function runs."""
    lines = [f"| | ms | {' | '.join(flames.PARTS)} |", "|---|---|" + "---|" * len(flames.PARTS)]
    for name, spent, shares in rows:
        cells = (f"{share * spent:.2f}" for share in shares.values())
        lines.append(f"| a {name} | {spent:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)
