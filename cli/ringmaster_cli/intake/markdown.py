"""Markdown checklists as records of bd's JSONL. Pure.

`- [ ] words` is a bead, a ticked one is closed; boxes below it, indented, are its children, and it becomes an
epic. Numbered boxes wait for the one before them. Indented text below a box is its description. `(P1)` at the
end of the words is a priority. A box is known again by its words and those above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ringmaster_cli.intake.draft import Item
from ringmaster_cli.intake.names import digest, slug
from ringmaster_cli.intake.record import CHILD, Record

BOX = re.compile(r"^(\s*)([-*+]|\d+[.)])\s+\[([ xX])\]\s+(.*\S)\s*$")
HEADING = re.compile(r"^#{1,6}\s+(.*\S)\s*#*\s*$")
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
PRIORITY = re.compile(r"\s*\(P([0-4])\)$", re.IGNORECASE)


@dataclass
class _Box:
    """A box that may still get children and text."""

    indent: int
    record: Record
    path: str
    lines: list[str] = field(default_factory=list)
    previous: str = ""
    """The numbered child that was seen last."""


def parse(text: str, file: str, source: str) -> list[Item]:
    """One record for each box."""
    items: list[Item] = []
    times: dict[str, int] = {}
    root = _Box(-1, {}, source)
    open_boxes, all_boxes, fence = [root], [], ""
    for number, line in enumerate(text.expandtabs(4).split("\n"), 1):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        found = None if fence or mark else BOX.match(line)
        if found is None:
            heading = None if fence or mark else HEADING.match(line)
            if heading:
                root = _Box(-1, {}, f"{source}/{heading[1]}")
                open_boxes = [root]
            else:
                open_boxes = _describe(open_boxes, line)
            continue
        indent = len(found[1])
        while open_boxes[-1].indent >= indent:
            open_boxes.pop()
        parent = open_boxes[-1]
        path = f"{parent.path}/{PRIORITY.sub('', found[4])}"
        times[path] = times.get(path, 0) + 1
        if times[path] > 1:
            path += f"#{times[path]}"
        box = _Box(indent, _record(found, path, parent), path)
        open_boxes.append(box)
        all_boxes.append(box)
        items.append(Item(box.record, f"{file}:{number}", path))
    for box in all_boxes:
        if description := _dedent(box.lines):
            box.record["description"] = description
    return items


def _describe(open_boxes: list[_Box], line: str) -> list[_Box]:
    """Text belongs to the innermost box that it is indented below; other text ends all of them."""
    if not line.strip():
        open_boxes[-1].lines.append("")
        return open_boxes
    indent = len(line) - len(line.lstrip())
    kept = [box for box in open_boxes if box.indent < indent] or open_boxes[:1]
    kept[-1].lines.append(line)
    return kept


def _record(found: re.Match[str], path: str, parent: _Box) -> Record:
    title, priority = found[4], PRIORITY.search(found[4])
    identifier = f"{slug(PRIORITY.sub('', title), 40) or 'box'}-{digest(path, 8)}"
    record: Record = {
        "id": identifier.replace(".", "-"),
        "title": PRIORITY.sub("", title),
        "status": "open" if found[3] == " " else "closed",
        "priority": int(priority[1]) if priority else 2,
        "issue_type": "task",
    }
    edges = []
    if parent.record:
        parent.record["issue_type"] = "epic"
        edges.append({"depends_on_id": parent.record["id"], "type": CHILD})
    if found[2][0].isdigit():
        if parent.previous:
            edges.append({"depends_on_id": parent.previous})
        parent.previous = record["id"]
    else:
        parent.previous = ""
    if edges:
        record["dependencies"] = edges
    return record


def _dedent(lines: list[str]) -> str:
    import textwrap

    return textwrap.dedent("\n".join(lines)).strip()
