"""A screen as text with styles: what is to be seen, apart from how a terminal is told. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ringmaster_cli.cells import cut, fit, width


@dataclass(frozen=True)
class Span:
    """A piece of a line."""

    column: int
    text: str
    style: str = ""
    """Words: bold, dim, reverse, and colours by their meaning: good, bad, warn, ask, info."""


@dataclass
class Canvas:
    """Lines of spans. What is put outside is cut off."""

    columns: int
    rows: int
    lines: list[list[Span]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = [[] for _ in range(self.rows)]

    def put(self, row: int, column: int, text: str, style: str = "", *, cells: int | None = None) -> int:
        """One harmless line of text, in exactly so many cells if given; the column after it."""
        room = self.columns - column
        if not 0 <= row < self.rows or room <= 0:
            return column
        if cells is not None:
            shown = fit(text, min(cells, room))
        else:
            shown = text if width(text) <= room else cut(text, room)
        if shown:
            self.lines[row].append(Span(column, shown, style))
        return column + (cells if cells is not None else width(shown))

    def fill(self, row: int, column: int, cells: int, style: str) -> None:
        """Blank cells of a style."""
        if 0 <= row < self.rows and cells > 0:
            self.lines[row].append(Span(column, " " * min(cells, self.columns - column), style))

    def text(self) -> str:
        """As plain text, as a terminal would show it; later spans cover earlier ones."""
        return "\n".join(_plain(spans) for spans in self.lines)


def _plain(spans: list[Span]) -> str:
    cells: list[str] = []
    for span in spans:
        at = span.column
        cells += [" "] * (at - len(cells))
        for char in span.text:
            size = width(char)
            if size == 0:
                continue
            cells[at : at + size] = [char, *[""] * (size - 1)]
            at += size
    return "".join(cells).rstrip(" ")
