"""How records look in a terminal: in colours where it has and wants them, and never steering it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ringmaster_cli.agents.terminal import plain

if TYPE_CHECKING:
    from rich.console import Console

    from ringmaster_operator.resources.records import (
        Diff,
        FileChange,
        PromptText,
        Transcript,
        TranscriptEvent,
    )

LINES = 12
"""Of what a tool was given or gave back, unless all is wanted."""
BAR = 30
STYLES = {
    "thinking": "italic dim",
    "tool": "cyan",
    "result": "dim",
    "error": "red",
    "note": "dim",
    "omitted": "yellow",
}


def console() -> Console:
    """Prints as it is told: no colours of its own, no wrapping."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def diff(found: Diff, *, stat: bool) -> None:
    """The files, then the patch."""
    _stat(found)
    if stat or not found.patch:
        return
    out = console()
    out.print()
    head = False
    for line in plain(found.patch).rstrip("\n").split("\n"):
        head = line.startswith("diff ") or (head and not line.startswith("@@"))
        out.print(line, style=_patch_style(line, head))


def _patch_style(line: str, head: bool) -> str:
    if head:
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan", "[": "yellow"}.get(line[:1], "")


def _stat(found: Diff) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    out, names = console(), [_name(file) for file in found.files]
    width = min(max(map(cell_len, names), default=0), 80)
    most = max((file.added + file.removed for file in found.files), default=0)
    for file, name in zip(found.files, names, strict=True):
        line = Text(f"{file.status} {name}{' ' * (width - cell_len(name))} | ")
        if file.binary:
            line.append("binary")
        else:
            line.append(f"{file.added + file.removed:>{len(str(most))}} ")
            scale = min(1.0, BAR / most) if most else 0.0
            line.append("+" * _cells(file.added, scale), style="green")
            line.append("-" * _cells(file.removed, scale), style="red")
        line.rstrip()
        out.print(line)
    added, removed = (sum(getattr(file, name) for file in found.files) for name in ("added", "removed"))
    count = len(found.files) + found.more_files
    more = f" ({found.more_files} not listed)" if found.more_files else ""
    out.print(f"{count} file{'s' * (count != 1)} changed{more}, {added} lines added, {removed} removed")


def _cells(lines: int, scale: float) -> int:
    return max(round(lines * scale), 1) if lines else 0


def _name(file: FileChange) -> str:
    return plain(f"{file.old_path} -> {file.path}" if file.old_path else file.path)


def transcript(found: Transcript, *, full: bool) -> None:
    """Event by event, each with the time at which it was read."""
    out = console()
    for event in found.events:
        stamp = event.at.astimezone().strftime("%H:%M:%S") if event.at else " " * 8
        out.print(f"{stamp}  ", style="dim", end="")
        for number, line in enumerate(_shown(event, full=full)):
            out.print((" " * 10 * bool(number) + line).rstrip(), style=STYLES.get(event.kind.value, ""))


def _shown(event: TranscriptEvent, *, full: bool) -> list[str]:
    mark = {"tool": f"> {event.tool} ", "error": "! ", "result": "  "}.get(event.kind.value, "")
    lines = plain(mark + event.text).rstrip().split("\n")
    lines = [lines[0], *(f"  {line}" for line in lines[1:])] if mark else lines
    if full or event.kind.value == "text" or len(lines) <= LINES:
        return lines
    return [*lines[:LINES], f"  … {len(lines) - LINES} more lines (--full)"]


def parts(found: PromptText) -> None:
    """A table of the parts: sizes, origin, what was shortened or left out and why."""
    rows = [("PART", "TOKENS", "BUDGET", "RELEVANCE", "FROM", "NOTE")]
    for part in found.parts:
        shown = plain(part.origin) if len(part.origin) <= 60 else plain(part.origin)[:59] + "…"
        sizes = str(part.tokens), str(part.budget_tokens), f"{part.relevance:.2f}"
        rows.append((plain(part.name), *sizes, shown, plain(part.note)))
    rows.append(("total", str(found.tokens), str(found.budget_tokens), "", f"sha256 {found.digest[:12]}", ""))
    table(rows, right=(1, 2, 3))


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Columns in line, whatever the width of their characters."""
    from rich.cells import cell_len

    out = console()
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            room = " " * (widths[column] - cell_len(cell))
            cells.append(room + cell if column in right else cell + room)
        out.print("  ".join(cells).rstrip())
