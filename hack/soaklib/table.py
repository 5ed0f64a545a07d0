"""A soak's result, as JSON and as Markdown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict

from soaklib.leaks import Heap
from soaklib.plan import KINDS
from soaklib.run import Carried, Result

MOST_TYPES = 8


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
        "| fault | times | recovered after: p50, p99, longest (s) | of |",
        "|---|---|---|---|",
    ]
    for kind in KINDS:
        done = [carried for carried in result.carried if carried.fault.kind == kind]
        if done:
            lines.append(f"| {kind} | {len(done)} | {_recovery(done)} |")
    broken = [carried for carried in result.carried if carried.fault.kind != "quiet"]
    lines.append(f"| all but `quiet` | {len(broken)} | {_recovery(broken)} |")
    lines += [
        "",
        "| a claim's holder is lost by | times | next claim after: p50, p99, longest (s) |",
        "|---|---|---|",
    ]
    lines += [
        f"| {how} | {len(took)} | {_spread(took)} |" for how, took in sorted(result.given_again.items())
    ]
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
        f"| most memory, descriptors, connections, tasks | {figures['most_rss'] / 1e6:.0f} MB,"
        f" {figures['most_fds']:g}, {figures['most_connections']:g}, {figures['most_tasks']:g} |",
        f"| largest WAL, database | {figures['most_wal'] / 1e6:.1f} MB, {figures['database'] / 1e6:.1f} MB |",
    ]
    if slopes := result.slopes:
        lines.append(
            f"| growth an hour over the last {slopes['seconds']:.0f} s of a life of {slopes['life']:.0f} s:"
            " memory, descriptors, connections, tasks |"
            f" {slopes['rss'] / 1e6:+.1f} MB, {slopes['fds']:+.1f}, {slopes['connections']:+.1f},"
            f" {slopes['tasks']:+.1f} |"
        )
    lines.append(f"| starts of the operator that ended again | {len(result.revived)} |")
    lines.append(f"| **invariants broken** | **{len(result.broken)}** |")
    lines += ["", *(f"- {words}" for words in result.broken)] if result.broken else []
    lines += _memory(result.heaps)
    return "\n".join(lines) + "\n"


def _recovery(done: Sequence[Carried]) -> str:
    own = [carried.recovered for carried in done if carried.recovered is not None]
    if not own:
        return "only together with another | 0"
    return f"{_spread(own)} | {len(own)}"


def _spread(seconds: Sequence[float]) -> str:
    own = sorted(seconds)
    return f"{own[len(own) // 2]:.2f}, {own[int(len(own) * 0.99)]:.2f}, {own[-1]:.2f}"


def _memory(heaps: Sequence[Heap]) -> list[str]:
    """Of the last life of the operator: what its memory is made of, and which objects became more."""
    life = [heap for heap in heaps if heap.pid == heaps[-1].pid] if heaps else []
    if len(life) < 2:
        return []
    lines = [
        "",
        "| memory of the last life | beads so far | in all | C library: used, unused | Python's blocks |",
    ]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| after {heap.at - life[0].at:.0f} s | {heap.beads} | {heap.rss / 1e6:.0f} MB |"
        f" {heap.used / 1e6:.0f}, {heap.free / 1e6:.0f} MB | {heap.blocks:,} |"
        for heap in life
    ]
    first, last = life[0].types, life[-1].types
    grown = sorted(last, key=lambda name: first.get(name, 0) - last[name])[:MOST_TYPES]
    more = ", ".join(f"{name} {last[name] - first.get(name, 0):+}" for name in grown)
    return [*lines, "", f"Objects that became more in it: {more}"]
