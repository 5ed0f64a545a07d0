"""The operator's processor time for one claim, one report, one look: what bounds its speed."""

from __future__ import annotations

from benchlib.bench import Bench
from benchlib.figures import Figure
from benchlib.paths import walked


async def measure(bench: Bench) -> list[Figure]:
    """In turns: beads are claimed, looked at, reported."""
    spent: dict[str, list[float]] = {}
    async with walked(bench) as paths:
        for _ in bench.turns():
            await paths.prepare(bench.size(200))
            for name, walk in (("claim", paths.claims), ("look", paths.looks), ("report", paths.reports)):
                before = paths.cpu()
                count = await walk()
                spent.setdefault(name, []).append((paths.cpu() - before) / count * 1e3)
    return [Figure("cpu", f"operator's processor for a {name}", each, "ms") for name, each in spent.items()]
