"""Text in columns of a terminal: what is wide (CJK, emoji) takes two cells, what is strange does no harm."""

from __future__ import annotations

from rich.cells import cell_len

from ringmaster_cli.agents.terminal import plain

MOST = 4
"""Characters looked at for each cell of a column: a title of 64 KB is not walked through."""
_JOINERS = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFE0E, 0xFE0F, 0xFEFF))
"""Joiners and selectors of emoji: terminals do not agree about the width of what they make."""


def line(text: str, most: int = 4096) -> str:
    """Text as one line, without what steers a terminal."""
    return " ".join(plain(text[:most]).translate(_JOINERS).split())


def width(text: str) -> int:
    """Cells that a line takes."""
    return cell_len(text)


def fit(text: str, cells: int) -> str:
    """The text in exactly so many cells: cut with … or filled up with spaces."""
    if cells <= 0:
        return ""
    words = line(text, cells * MOST + 16)
    taken = cell_len(words)
    if taken <= cells:
        return words + " " * (cells - taken)
    return cut(words, cells)


def cut(words: str, cells: int) -> str:
    """A line that is too long, cut with … and filled up to exactly so many cells."""
    kept, taken = [], 0
    for char in words:
        size = cell_len(char)
        if taken + size > cells - 1:
            break
        kept.append(char)
        taken += size
    return "".join(kept) + "…" + " " * (cells - 1 - taken)


def clip(words: str, cells: int) -> str:
    """A harmless line, its spaces as they are, cut where it is too long."""
    return words if cell_len(words) <= cells else cut(words, cells).rstrip(" ")


def right(text: str, cells: int) -> str:
    """As fit(), to the right."""
    words = fit(text, cells)
    bare = words.rstrip(" ")
    return " " * (len(words) - len(bare)) + bare


def wrapped(text: str, cells: int) -> list[str]:
    """A text of many lines, none wider than so many cells."""
    lines: list[str] = []
    for paragraph in plain(text).translate(_JOINERS).expandtabs(4).splitlines() or [""]:
        row, taken = "", 0
        for word in _pieces(paragraph, cells):
            size = cell_len(word)
            if taken + size > cells and row:
                lines.append(row.rstrip(" "))
                row, taken = "", 0
                word = word.lstrip(" ")
                size = cell_len(word)
            row, taken = row + word, taken + size
        lines.append(row.rstrip(" "))
    return lines


def _pieces(paragraph: str, cells: int) -> list[str]:
    """Words with the space before them; what is wider than a line in parts."""
    pieces: list[str] = []
    for number, word in enumerate(paragraph.split(" ")):
        piece = word if number == 0 else f" {word}"
        while cell_len(piece) > cells:
            part, taken = "", 0
            for char in piece:
                if taken + cell_len(char) > cells:
                    break
                part, taken = part + char, taken + cell_len(char)
            part = part or piece[0]
            pieces.append(part)
            piece = piece[len(part) :]
        pieces.append(piece)
    return pieces
