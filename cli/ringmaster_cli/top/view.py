"""What `ringmaster top` looks like at any size: a title, panes, what is spent, a line for words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ringmaster_cli.cells import clip
from ringmaster_cli.people.spans import ago, short
from ringmaster_cli.top import spending
from ringmaster_cli.top.canvas import Canvas
from ringmaster_cli.top.items import Rows
from ringmaster_cli.top.model import Ref, World
from ringmaster_cli.top.pages import HINTS, draw_page
from ringmaster_cli.top.ui import Pane, Ui
from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.bead_api import BeadInfo

LEAST = (40, 10)
WIDE = 150
"""Columns from which on panes stand beside each other."""
STYLES = {
    "working": "good",
    "waiting": "ask",
    "stalled": "bad",
    "down": "bad",
    "decision": "ask",
    "escalation": "ask",
    "failed": "bad",
    "stuck": "warn",
    "worker": "bad",
    "budget": "warn",
    "Running": "good",
    "Failed": "bad",
    "NeedsDecision": "ask",
    "Blocked": "warn",
    "Held": "dim",
    "Pending": "dim",
}
TITLES = {Pane.NEEDS: "NEEDS YOU", Pane.FLEET: "FLEET", Pane.QUEUE: "QUEUE"}


@dataclass(frozen=True)
class Cell:
    """One column of a line: its text, and so many cells, or (negative) a share of what is left."""

    text: str
    cells: int
    style: str = ""


@dataclass(frozen=True)
class Box:
    """Where a pane is."""

    row: int
    column: int
    rows: int
    columns: int


def draw(world: World, ui: Ui, rows: Rows, columns: int, lines: int, now: datetime) -> Canvas:
    """The whole picture."""
    canvas = Canvas(columns, lines)
    if columns < LEAST[0] or lines < LEAST[1]:
        canvas.put(0, 0, f"too small: {LEAST[0]}x{LEAST[1]} at least; q quits")
        return canvas
    spending.title(canvas, world, sum(1 for _ in rows.needs))
    if ui.page or (ui.prompt is not None and ui.prompt.lines):
        draw_page(canvas, ui)
    else:
        for pane, box in boxes(columns, lines, rows).items():
            _pane(canvas, world, ui, rows, pane, box, now)
        spending.draw(canvas, world, spend_box(columns, lines), now)
    _last_line(canvas, ui)
    return canvas


def boxes(columns: int, lines: int, rows: Rows) -> dict[Pane, Box]:
    """Where the panes are: beside each other where there is room, else one below the other."""
    body = lines - 2 - spend_rows(columns, lines)
    if columns >= WIDE:
        left = columns // 2
        high = max(3, min(len(rows.needs) + 2, (lines - 2) // 2))
        return {
            Pane.NEEDS: Box(1, 0, high, left - 1),
            Pane.FLEET: Box(1 + high, 0, lines - 2 - high, left - 1),
            Pane.QUEUE: Box(1, left, body, columns - left),
        }
    needs = min(len(rows.needs) + 1, max(2, body // 4))
    fleet = min(len(rows.fleet) + 1, max(2, body // 3))
    needs, fleet = max(needs, 2), max(fleet, 2)
    return {
        Pane.NEEDS: Box(1, 0, needs, columns),
        Pane.FLEET: Box(1 + needs, 0, fleet, columns),
        Pane.QUEUE: Box(1 + needs + fleet, 0, body - needs - fleet, columns),
    }


def spend_rows(columns: int, lines: int) -> int:
    return spending.ROWS if columns >= WIDE or lines >= 36 else 1


def spend_box(columns: int, lines: int) -> tuple[int, int, int, int]:
    """Row, column, rows and columns of what is spent."""
    rows = spend_rows(columns, lines)
    column = columns // 2 if columns >= WIDE else 0
    return lines - 1 - rows, column, rows, columns - column


def _pane(canvas: Canvas, world: World, ui: Ui, rows: Rows, pane: Pane, box: Box, now: datetime) -> None:
    items = rows.items(world, pane)
    chosen, focused = ui.settle(pane, items), ui.pane is pane
    canvas.fill(box.row, box.column, box.columns, "bold reverse" if focused else "bold head")
    style = "bold reverse" if focused else "bold head"
    heading = f" {int(pane) + 1} {TITLES[pane]} {len(items)}"
    if pane is Pane.QUEUE and (ui.filter or ui.filtering):
        heading += f"   / {ui.filter}"
    canvas.put(box.row, box.column, clip(heading, box.columns), style)
    room = box.rows - 1
    top = max(0, min(ui.tops[pane], len(items) - room), chosen - room + 1)
    ui.tops[pane] = top = min(top, chosen) if items else 0
    make = {Pane.NEEDS: _need, Pane.FLEET: _session, Pane.QUEUE: _bead}[pane]
    if not items and room > 0:
        canvas.put(box.row + 1, box.column + 2, _empty(world, ui, pane), "dim", cells=box.columns - 2)
    for at in range(top, min(top + room, len(items))):
        cells = make(world, rows, at, now)
        row = box.row + 1 + at - top
        mark = ">" if at == chosen and focused else " "
        _line(canvas, row, box, mark, cells, chosen=at == chosen and focused)


def _empty(world: World, ui: Ui, pane: Pane) -> str:
    if world.loading:
        return "loading ..."
    if pane is Pane.QUEUE and ui.filter:
        return "no bead fits; Esc shows all"
    return {
        Pane.NEEDS: "nothing needs you",
        Pane.FLEET: "no sessions: ringmaster worker spawn makes a Worker",
        Pane.QUEUE: "no open beads: ringmaster create makes one",
    }[pane]


def _line(canvas: Canvas, row: int, box: Box, mark: str, cells: Sequence[Cell], *, chosen: bool) -> None:
    fixed = sum(cell.cells for cell in cells if cell.cells > 0) + len(cells) + 1
    shares = -sum(cell.cells for cell in cells if cell.cells < 0) or 1
    free = max(0, box.columns - fixed)
    if chosen:
        canvas.fill(row, box.column, box.columns, "chosen")
    canvas.put(row, box.column, mark, "bold chosen" if chosen else "", cells=1)
    column, end = box.column + 1, box.column + box.columns
    for cell in cells:
        size = cell.cells if cell.cells > 0 else free * -cell.cells // shares
        style = f"{cell.style} chosen" if chosen else cell.style
        canvas.put(row, column, cell.text, style, cells=max(0, min(size, end - column)))
        column += size + 1


def _named(world: World, namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if len(world.namespaces) > 1 else name


def _need(world: World, rows: Rows, at: int, now: datetime) -> list[Cell]:
    row = rows.needs[at]
    need = row.need
    choice = f" ({' | '.join(need.options)})" if need.options else ""
    holds = f"[{need.blocks} wait] " if need.blocks else ""
    return [
        Cell(need.kind, 10, STYLES.get(need.kind, "")),
        Cell(_named(world, row.namespace, need.name), -2, "bold"),
        Cell(str(need.priority or ""), 2),
        Cell(ago(need.since, now), 4),
        Cell(f"{holds}{need.why or need.title}{choice}", -4),
    ]


def _session(world: World, rows: Rows, at: int, now: datetime) -> list[Cell]:
    row = rows.fleet[at]
    info = row.info
    turn = f"{info.iteration}/{row.most}" if info.bead and row.most else str(info.iteration or "")
    rate = f"{short(info.tokens_per_minute)}/m" if info.tokens_per_minute is not None else ""
    bead = world.beads.get((row.namespace, info.bead or ""))
    title = bead.title if bead is not None else ""
    return [
        Cell(info.activity, 8, STYLES.get(info.activity, "dim")),
        Cell(_named(world, row.namespace, info.name), -2),
        Cell(info.bead or "-", -3, "bold" if info.bead else "dim"),
        Cell(turn if info.bead else "", 5),
        Cell(rate if info.bead else "", 6),
        Cell(ago(info.progress_at, now) if info.bead else "", 4),
        Cell(info.message or row.note or title, -4, "bad" if info.message else ""),
    ]


def _bead(world: World, rows: Rows, at: int, now: datetime) -> list[Cell]:
    ref = rows.queue[at]
    bead = world.beads[ref]
    rank = world.rank(ref) if bead.phase is Phase.READY else None
    return [
        Cell(f"#{rank}" if rank is not None else "", 4, "dim"),
        Cell(bead.effective_priority, 2, "bold" if bead.effective_priority in ("P0", "P1") else ""),
        Cell(_named(world, ref[0], bead.name), -3, "bold"),
        Cell("decide" if bead.phase is Phase.NEEDS_DECISION else bead.phase, 9, STYLES.get(bead.phase, "")),
        Cell(_why(world, ref, bead, now), -3),
        Cell(bead.title, -3, "dim"),
    ]


def _why(world: World, ref: Ref, bead: BeadInfo, now: datetime) -> str:
    """Why it stands where it does."""
    if bead.phase is Phase.RUNNING:
        return f"{bead.session}, iteration {bead.iteration}"
    if bead.phase is Phase.BLOCKED:
        return f"waits for {', '.join(bead.blocked_by)}" if bead.blocked_by else "blocked"
    if bead.phase is Phase.READY:
        lent = f"lent, own {bead.priority}; " if bead.effective_priority < bead.priority else ""
        since = world.waiting_since(ref)
        return lent + (f"no session for {ago(since, now)}" if since is not None else "may be claimed")
    if bead.outcome is not None and bead.phase is not Phase.PENDING:
        return f"{bead.outcome} after {bead.attempts} attempts"
    return f"attempt {bead.attempts} so far" if bead.attempts else ""


def _last_line(canvas: Canvas, ui: Ui) -> None:
    row = canvas.rows - 1
    if ui.prompt is not None:
        column = canvas.put(row, 0, ui.prompt.label, "bold")
        shown = ui.prompt.text
        room = canvas.columns - column - 1
        canvas.put(row, column, (shown if len(shown) <= room else shown[-room:]) + "_" if room > 0 else "")
    elif ui.filtering:
        canvas.put(row, 0, f"/{ui.filter}_   words of name, title, label; or a phase (succeeded). Enter, Esc")
    elif ui.message:
        canvas.put(row, 0, ui.message, "bad" if ui.trouble else "bold")
    else:
        canvas.put(row, 0, clip(HINTS[ui.page], canvas.columns), "dim")
