"""`hack/bench`: runs the scenarios and prints a Markdown table, or JSON."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from benchlib.compare import compare, known
from benchlib.figures import Figure, facts, machine, table
from benchlib.registry import PROGRAMS, SCENARIOS, listing


def main() -> int:
    """Entry point; the exit code is 1 where a scenario failed."""
    if sys.argv[1:2] and sys.argv[1] in PROGRAMS:
        _program(*sys.argv[1:])
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cluster and operators end with it
    parser = _parser()
    asked = parser.parse_args()
    names = asked.scenarios or [name for name, scenario in SCENARIOS.items() if scenario.usual]
    for name in names:
        if name not in SCENARIOS:
            alone = " (it has options of its own: run it alone)" if name in PROGRAMS else ""
            parser.exit(2, f"hack/bench: there is no scenario {name}{alone}; see --list\n")
    for option in ("beads", "rounds", "turns"):
        if getattr(asked, option) is not None and getattr(asked, option) < 1:
            parser.exit(2, f"hack/bench: --{option} is at least 1\n")
    if asked.compare and not known(asked.compare):
        parser.exit(2, f"hack/bench: there is no revision {asked.compare}\n")
    if asked.list:
        print(listing())
        return 0
    with _cluster(asked.on) as name:
        if asked.compare:
            return compare(asked.compare, names, asked, name)
        figures, failures, load = _run(names, asked, name)
    about = machine() | {"load": load}
    if asked.as_json:
        print(json.dumps({"machine": about, "figures": [each.body() for each in figures]}, indent=2))
    elif figures:
        print(f"\n{facts(about)}\n\n{table(figures)}")
    return 1 if failures else 0


def _program(name: str, *options: str) -> None:
    """Give the options to a program of their own."""
    entry = importlib.import_module(f"benchlib.{PROGRAMS[name].module}").main
    if not inspect.signature(entry).parameters:
        sys.argv = [f"hack/bench {name}", *options]
        entry()
        return
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(entry)
    app(list(options), prog_name=f"hack/bench {name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/bench",
        description="Measure Ringmaster beside the machine that it runs on: every figure that matters is a "
        "ratio within one run, or a count.",
        epilog=listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="what to measure; see below")
    parser.add_argument("--list", action="store_true", help="the scenarios")
    parser.add_argument("--beads", type=int, help="beads, in place of what a scenario takes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a scenario (5)")
    parser.add_argument("--seconds", type=float, default=300, help="the longest that a scenario takes (300)")
    parser.add_argument("--json", dest="as_json", action="store_true", help="figures as JSON")
    parser.add_argument("--compare", metavar="REV", help="measure that revision of the product too, in turns")
    parser.add_argument("--turns", type=int, default=3, help="with --compare: turns of each revision (3)")
    parser.add_argument("--on", metavar="CLUSTER", help="a cluster of hack/cluster that is up already")
    return parser


@contextmanager
def _cluster(given: str | None) -> Iterator[str]:
    """Its name. One of the bench's own ends with it."""
    from support.clusters import hack_cluster

    if given:
        yield given
        return
    name = f"bench-{os.getpid()}"
    try:
        hack_cluster("up", "--name", name)
        yield name
    finally:
        hack_cluster("down", "--name", name)


def _run(names: list[str], asked: argparse.Namespace, cluster: str) -> tuple[list[Figure], int, str]:
    """Figures, how many scenarios failed, and the load before and after."""
    figures, failures, before = [], 0, os.getloadavg()[0]
    for name in names:
        print(f"hack/bench: {name} …", file=sys.stderr, flush=True)
        try:
            figures += asyncio.run(_scenario(name, asked, cluster))
        except TimeoutError:
            failures += 1
            print(f"hack/bench: {name} took longer than {asked.seconds:g} s", file=sys.stderr)
        except (RuntimeError, AssertionError, subprocess.SubprocessError) as fault:
            failures += 1
            print(f"hack/bench: {name} failed: {fault}", file=sys.stderr)
    return figures, failures, f"{before:.1f} to {os.getloadavg()[0]:.1f}"


async def _scenario(name: str, asked: argparse.Namespace, cluster: str) -> list[Figure]:
    from benchlib.bench import PRODUCT, Bench
    from support.clusters import Cluster, named

    ready = named(Cluster, "--name", cluster)
    ready.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(PRODUCT / "crds"))
    ready.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    module = importlib.import_module(f"benchlib.{SCENARIOS[name].module}")
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        bench = Bench(ready, Path(folder), asked.beads, asked.rounds, asked.seconds)
        try:
            async with asyncio.timeout(asked.seconds):
                found: list[Figure] = await module.measure(bench)
        finally:
            with suppress(AssertionError):
                ready.kubectl("delete", "namespace", "--wait=false", *bench.made)
    return found


if __name__ == "__main__":
    sys.exit(main())
