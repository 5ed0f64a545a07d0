"""A soak's result, as JSON and as Markdown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict

from soaklib.plan import KINDS
from soaklib.run import Carried, Result


def as_json(result: Result) -> str:
    """All of it."""
    return json.dumps(asdict(result), indent=2)


def as_markdown(result: Result) -> str:
    """What people read: the faults with their recovery, the figures, what was broken."""
    figures = result.figures
    lines = [
        f"Seed {result.seed}, {result.minutes:g} minutes, {len(result.carried)} faults;"
        f" {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "",
        "| fault | times | recovered after, p50 / longest |",
        "|---|---|---|",
    ]
    for kind in KINDS:
        done = [carried for carried in result.carried if carried.fault.kind == kind]
        if done:
            lines.append(f"| {kind} | {len(done)} | {_recovery(done)} |")
    stalls = [carried.measured for carried in result.carried if carried.measured is not None]
    lines += ["", "| figure | value |", "|---|---|"]
    if stalls:
        lines.append(f"| longest that a bead went unseen while watches were silent | {max(stalls):.0f} s |")
    lines += [
        f"| beads: all, done, failed | {figures['beads']:g}, {figures['done']:g}, {figures['failed']:g} |",
        f"| claims, acknowledged reports | {figures['claims']:g}, {figures['acknowledged']:g} |",
        f"| calls of sessions, of which repeated | {figures['calls']:g}, {figures['repeated']:g} |",
        f"| calls of sessions that had lost their claim | {figures['refused']:g} |",
        f"| requests answered 429 | {figures['throttled']:g} |",
        f"| all finished after the last fault | {figures['settle_seconds']:.1f} s |",
        f"| most memory, descriptors, tasks | {figures['most_rss'] / 1e6:.0f} MB, {figures['most_fds']:g},"
        f" {figures['most_tasks']:g} |",
        f"| largest WAL, database | {figures['most_wal'] / 1e6:.1f} MB, {figures['database'] / 1e6:.1f} MB |",
    ]
    if slopes := result.slopes:
        lines.append(
            f"| growth an hour over {slopes['seconds']:.0f} s of one life: memory, descriptors, tasks |"
            f" {slopes['rss'] / 1e6:+.1f} MB, {slopes['fds']:+.1f}, {slopes['tasks']:+.1f} |"
        )
    lines.append(f"| starts of the operator that ended again | {len(result.revived)} |")
    lines.append(f"| **invariants broken** | **{len(result.broken)}** |")
    lines += ["", *(f"- {words}" for words in result.broken)] if result.broken else []
    return "\n".join(lines) + "\n"


def _recovery(done: Sequence[Carried]) -> str:
    own = sorted(carried.recovered for carried in done if carried.recovered is not None)
    if not own:
        return "only together with another"
    return f"{own[len(own) // 2]:.2f} s / {own[-1]:.2f} s"
