"""Text with a terminal's colours, taken apart: runs of text with their style. Everything else is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

Run = dict[str, Any]
"""`text`, and of its style what is not usual: color, background, bold, dim, italic, underline ..."""

Runs = tuple[Run, ...]
Style = tuple[tuple[str, Any], ...]

NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
ENDS = {
    21: ("bold",),
    22: ("bold", "dim"),
    23: ("italic",),
    24: ("underline",),
    27: ("reverse",),
    29: ("strike",),
}
LEVELS = (0, 95, 135, 175, 215, 255)
_PARTS = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"
    r"|(?P<out>\x0e)|(?P<back>\x0f)"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LINES = str.maketrans("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
"""The line drawing characters of the VT100, which some programs still use."""


def parsed(lines: Iterable[str]) -> list[Runs]:
    """Each line's runs. A style lasts until it is changed, over the ends of lines as well."""
    found: list[Runs] = []
    style: Style = ()
    for line in lines:
        runs, style = _line(line, style)
        found.append(runs)
    return found


def plain(runs: Runs) -> str:
    """A line's text alone."""
    return "".join(run["text"] for run in runs)


@lru_cache(maxsize=4096)
def _line(line: str, begin: Style) -> tuple[Runs, Style]:
    """A line's runs, and the style at its end."""
    found: list[Run] = []
    if "\r" in line.rstrip("\r"):
        line = line.rpartition("\r")[2]
    style: Run = {}
    for text, style in _stretches(line, dict(begin)):
        if not text:
            continue
        if found and {**found[-1], "text": ""} == {**style, "text": ""}:
            found[-1]["text"] += text
        else:
            found.append({"text": text, **style})
    if found and len(found[-1]) == 1:
        found[-1]["text"] = found[-1]["text"].rstrip()
        if not found[-1]["text"]:
            found.pop()
    return tuple(found), tuple(style.items())


def _stretches(line: str, style: Run) -> Iterator[tuple[str, Run]]:
    """Texts and their styles; last an empty one with the style at the end."""
    place, drawing = 0, False
    for part in _PARTS.finditer(line):
        text = line[place : part.start()]
        if text:
            yield text.translate(_LINES) if drawing else text, style
        place = part.end()
        if part["sgr"] is not None:
            style = _styled(style, part["sgr"])
        elif part["out"] or part["back"]:
            drawing = bool(part["out"])
    yield line[place:].translate(_LINES) if drawing else line[place:], style
    yield "", style


def _styled(style: Run, codes: str) -> Run:
    """The style after `ESC [ codes m`."""
    style = dict(style)
    numbers = iter([_number(word) for word in re.sub(r":[0-9:]*", _colons, codes).split(";")])
    for code in numbers:
        if code == 0:
            style.clear()
        elif code in FLAGS:
            style[FLAGS[code]] = True
        elif code in ENDS:
            for name in ENDS[code]:
                style.pop(name, None)
        elif code in (38, 48, 58):
            color = _extended(numbers)
            if code != 58:
                _set(style, "color" if code == 38 else "background", color)
        else:
            _basic(style, code)
    return style


def _basic(style: Run, code: int) -> None:
    for first, name, bright in ((30, "color", ""), (90, "color", "bright-")):
        if first <= code <= first + 7:
            style[name] = bright + NAMES[code - first]
        elif first + 10 <= code <= first + 17:
            style["background"] = bright + NAMES[code - first - 10]
    if code in (39, 49):
        style.pop("color" if code == 39 else "background", None)


def _colons(found: re.Match[str]) -> str:
    """Sub-parameters as parameters: 38:2::1:2:3 has an empty colour space; 4:3 is how a line is drawn."""
    words = found[0][1:].split(":")
    if words[0] == "2":
        return ";" + ";".join(["2", *words[-3:]])
    return f";5;{words[-1]}" if words[0] == "5" else ""


def _number(word: str) -> int:
    return int(word) if word.isdigit() and len(word) < 6 else 0


def _extended(numbers: Iterator[int]) -> str | None:
    kind = next(numbers, 0)
    if kind == 5:
        return _of_palette(next(numbers, 0))
    if kind == 2:
        red, green, blue = (min(next(numbers, 0), 255) for _ in range(3))
        return f"#{red:02x}{green:02x}{blue:02x}"
    return None


def _of_palette(number: int) -> str | None:
    if number < 16:
        return ("bright-" if number > 7 else "") + NAMES[number % 8]
    if number > 255:
        return None
    if number > 231:
        grey = 8 + (number - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    number -= 16
    parts = LEVELS[number // 36], LEVELS[number // 6 % 6], LEVELS[number % 6]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _set(style: Run, name: str, color: str | None) -> None:
    if color is not None:
        style[name] = color
