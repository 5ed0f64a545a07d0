"""How these commands print: tables for people, JSON and YAML for programs, names for pipes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ringmaster_cli.agents.terminal import plain

UNPIPED = 100_000
"""Columns when nobody looks: no cell is broken."""


def structured(form: str, data: Any, names: Sequence[str]) -> bool:
    """Print for a program, if that is asked for."""
    if form == "json":
        print(json.dumps(data, ensure_ascii=False, indent=2))
    elif form == "yaml":
        import yaml

        print(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), end="")
    elif form == "name":
        print("".join(f"bead.ringmaster.dev/{name}\n" for name in names), end="")
    else:
        return False
    return True


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns side by side; the last may take several lines on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="", padding=(0, 2, 0, 0))
    for number, title in enumerate(head):
        last = number == len(head) - 1
        made.add_column(title, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        made.add_row(*(Text(plain(str(cell))) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNPIPED
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(made)
    say("\n".join(line.rstrip() for line in capture.get().splitlines()))


def say(text: str) -> None:
    """Lines for people."""
    print(plain(text), flush=True)


def span(length: timedelta) -> str:
    """A stretch of time in its two greatest units."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def minutes(count: int) -> str:
    """Estimated work."""
    return span(timedelta(minutes=count))
