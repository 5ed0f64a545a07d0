"""Flame graphs from the samples of a profiler: what calls what, each as wide as the time that it takes.

The pictures hold no script, no font and no date: the same samples make the same file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape

Stack = tuple[str, ...]

WIDTH, ROW, LEFT = 1200, 17, 10
LETTER = 6.3
"""Pixels of a letter, about."""
NARROWEST = 0.004
"""Of the whole: what is less is left out."""

_FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")
_PLUMBING = (
    "asyncio/base_events.py",
    "asyncio/events.py",
    "asyncio/runners.py",
    "concurrent/futures/thread.py",
    "ringmaster_operator/__main__.py",
    "ringmaster_operator/main.py",
    "runpy>",
    "threading.py",
    "typer/",
)
"""What is at the foot of every stack."""

PARTS = {
    "Ringmaster": ("#f2a93b", ("ringmaster_operator/",)),
    "SQLAlchemy": ("#7aa6da", ("sqlalchemy", "sqlmodel/", "pysqlite3/")),
    "HTTP server": ("#86c17a", ("fastapi/", "starlette/", "uvicorn/", "h11/", "anyio/", "httptools/")),
    "API server's client": ("#b793d6", ("kubernetes/", "aiohttp/", "yarl/", "multidict/", "ssl.py")),
    "kopf": ("#d98b8b", ("kopf/",)),
    "pydantic": ("#e58fb8", ("pydantic",)),
    "others": ("#c9c9c9", ("",)),
}
"""By name: colour, and how the file of a frame begins."""


@dataclass
class Node:
    """A function where it is called from there."""

    count: int = 0
    below: dict[str, Node] = field(default_factory=dict)


def read(lines: Iterable[str]) -> Counter[Stack]:
    """Samples of each stack, outermost frame first, from lines `frame;frame;frame COUNT`."""
    found: Counter[Stack] = Counter()
    for line in lines:
        text, _, count = line.rstrip("\n").rpartition(" ")
        frames = [_plain(frame) for frame in text.split(";")]
        while frames and any(_file(frames[0]).startswith(part) or part in frames[0] for part in _PLUMBING):
            frames.pop(0)
        if frames:
            found[tuple(frames)] += int(count)
    return found


def shares(stacks: Counter[Stack]) -> dict[str, float]:
    """The part of each library in all samples: a sample is the library's whose function runs."""
    total = sum(stacks.values()) or 1
    found: Counter[str] = Counter()
    for stack, count in stacks.items():
        found[_runs(stack)] += count
    return {name: found[name] / total for name in PARTS}


def draw(stacks: Counter[Stack], title: str) -> str:
    """The picture, as SVG."""
    root = Node(sum(stacks.values()))
    for stack, count in stacks.items():
        node = root
        for frame in stack:
            node = node.below.setdefault(frame, Node())
            node.count += count
    boxes = list(_boxes(root, root.count, 0.0, 0))
    depth = max((row for row, *_ in boxes), default=0) + 1
    height = (depth + 3) * ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="11" '
        'font-family="Verdana,DejaVu Sans,sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="{ROW}" font-size="13">{escape(title)}</text>',
        *_legend(),
    ]
    lines += [_box(row, at, share, frame) for row, at, share, frame in boxes]
    return "\n".join([*lines, "</svg>", ""])


def _boxes(node: Node, total: int, at: float, row: int) -> Iterator[tuple[int, float, float, str]]:
    """Row, place, width (both of the whole) and function; widest first."""
    for frame, below in sorted(node.below.items(), key=lambda item: (-item[1].count, item[0])):
        share = below.count / total
        if share >= NARROWEST:
            yield row, at, share, frame
            yield from _boxes(below, total, at, row + 1)
        at += share


def _box(row: int, at: float, share: float, frame: str) -> str:
    inner = WIDTH - 2 * LEFT
    x, width, y = LEFT + at * inner, share * inner, (row + 2.5) * ROW
    name, file = frame.rsplit(" ", 1)
    colour = PARTS[_part(frame)][0]
    room = int((width - 4) / LETTER)
    words = name if len(name) <= room else name[: room - 1] + "…" if room > 4 else ""
    text = f'<text x="{x + 2:.1f}" y="{y + 12:.1f}">{escape(words)}</text>' if words else ""
    about = f"<title>{escape(name)} {escape(file)} {share:.1%}</title>"
    return (
        f'<g>{about}<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}" '
        f'fill="{colour}"/>{text}</g>'
    )


def _legend() -> Iterator[str]:
    x = float(LEFT)
    for name, (colour, _) in PARTS.items():
        yield f'<rect x="{x:.0f}" y="{ROW + 6}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 14:.0f}" y="{ROW + 15}">{escape(name)}</text>'
        x += 34 + len(name) * LETTER


def _runs(stack: Stack) -> str:
    """Whose function runs; Python's own modules count for who calls them."""
    for frame in reversed(stack):
        if (part := _part(frame)) != "others":
            return part
    return "others"


def _part(frame: str) -> str:
    file = _file(frame)
    return next(name for name, (_, starts) in PARTS.items() if file.startswith(starts))


def _plain(frame: str) -> str:
    """Without the line, so that a function is one box wherever it stands."""
    found = _FRAME.match(frame)
    return f"{found['name']} ({found['file']})" if found else f"{frame} ()"


def _file(frame: str) -> str:
    return frame.rsplit(" ", 1)[1].strip("()")
