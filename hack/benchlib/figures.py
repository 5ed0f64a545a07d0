"""What a scenario found, and how it is shown: medians with their spread, beside the goal and the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

Body = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One line of the table: samples of a run, in `unit`; a ratio has none."""

    scenario: str
    name: str
    samples: list[float]
    unit: str = ""
    at_most: float | None = None
    """The goal for the median; so is `at_least`."""
    at_least: float | None = None

    @property
    def middle(self) -> float:
        return statistics.median(self.samples)

    @property
    def value(self) -> str:
        """Median (minimum to maximum), or the one sample."""
        unit = f" {self.unit}" if self.unit else ""
        if len(set(self.samples)) == 1:
            return number(self.middle) + unit
        return f"{number(self.middle)} ({number(min(self.samples))} to {number(max(self.samples))}){unit}"

    @property
    def goal(self) -> str:
        """In words, and whether it is reached."""
        if self.at_most is not None:
            return f"≤ {number(self.at_most)}: {'yes' if self.middle <= self.at_most else 'no'}"
        if self.at_least is not None:
            return f"≥ {number(self.at_least)}: {'yes' if self.middle >= self.at_least else 'no'}"
        return "—"

    def body(self) -> Body:
        """As JSON has it; `read` is its inverse."""
        return {**self.__dict__, "median": self.middle, "goal": self.goal}

    @classmethod
    def read(cls, body: Body) -> Figure:
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})


def number(value: float) -> str:
    """Three digits that count."""
    if value == round(value):
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def percentile(samples: list[float], share: float) -> float:
    """The nearest rank: no sample is made up between two."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> Body:
    """What the figures depend on."""
    revision = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memoryGiB": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "revision": revision.stdout.strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def facts(found: Body) -> str:
    """The machine in one line."""
    return (
        f"{found['cores']} cores ({found['processor']}), {found['memoryGiB']} GiB, {found['system']}, "
        f"Python {found['python']}, revision {found['revision']}, {found['date']}, load {found['load']}"
    )


def table(figures: Iterable[Figure]) -> str:
    """Markdown."""
    lines = ["| scenario | figure | median (spread) | samples | goal |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.scenario} | {each.name} | {each.value} | {len(each.samples)} | {each.goal} |"
        for each in figures
    ]
    return "\n".join(lines)
