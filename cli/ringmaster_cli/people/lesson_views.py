"""Lessons on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ringmaster_cli.agents.terminal import one_line, plain

Body = dict[str, Any]
HEAD = ("ID", "WEIGHT", "SEEN", "HELPED", "WHERE", "LESSON")
FOUND = ("ID", "SCORE", "LESSON", "WHY")
WIDTH = 72


def row(item: Body) -> tuple[str, ...]:
    """Of the list."""
    uses = item["successes"] + item["failures"]
    note = "" if item["given"] else "(retired) " if item["state"] == "retired" else "(to be endorsed) "
    return (
        str(item["id"]),
        f"{item['weight']:.2f}",
        str(item["seen"]),
        f"{item['successes']}/{uses}" if uses else "-",
        one_line(item["applies"].get("repository", "everywhere"), 30),
        note + one_line(item["lesson"], WIDTH),
    )


def page(item: Body) -> list[str]:
    """A lesson for people."""
    applies, uses = item["applies"], item["successes"] + item["failures"]
    facts = {
        "Cause": item.get("cause"),
        "Repository": applies.get("repository", "any"),
        "Paths": ", ".join(applies.get("paths", [])),
        "Capabilities": ", ".join(applies.get("capabilities", [])),
        "After": ", ".join(item.get("failureClasses", [])),
        "Profile": applies.get("profile"),
        "From": f"{item['origin']} ({item['author']})",
        "Endorsed by": ", ".join(item.get("endorsedBy", [])),
        "Seen": f"{item['seen']} times, contradicted {item['contradicted']} times",
        "Told": f"to {uses} attempts, of which {item['successes']} succeeded" if uses else "to nobody yet",
        "Weight": f"{item['weight']:.2f}",
        "Retired": item.get("retiredReason"),
    }
    lines = [f"Lesson {item['id']} ({item['state']}): {item['lesson']}"]
    if item["state"] == "active" and not item["given"]:
        lines.append("  It names commands that reach out: no agent is told before a person endorses it.")
    lines += [f"  {name + ':':13} {' '.join(str(value).split())}" for name, value in facts.items() if value]
    for fact in item.get("evidence", []):
        who = fact.get("person") or f"bead {fact.get('bead')}, attempt {fact.get('attempt')}"
        lines.append(f"  {fact['at']}  {fact['kind']} ({who})")
    return lines


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print it."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(plain("  ".join(cells).rstrip()))
