"""The graph of beads as Mermaid, as DOT for Graphviz, and as a tree for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.board.ranking import PRIORITIES
from ringmaster_operator.insight.scene import Scene
from ringmaster_operator.resources.bead import Phase

MARKS = {
    "done": ("✓", "#d5e8d4"),
    "failed": ("✗", "#f8cecc"),
    "running": ("▶", "#dae8fc"),
    "ready": ("●", "#fff2cc"),
    "asks": ("?", "#e1d5e7"),
    "waits": ("○", "#f5f5f5"),
}
LONGEST_TITLE = 60


class Edge(NamedTuple):
    """What comes first, and what waits for it."""

    first: str
    then: str
    child: bool
    """It belongs to what waits for it."""


def edges(scene: Scene, names: Iterable[str]) -> list[Edge]:
    """Dependencies and parents among the named beads, sorted."""
    wanted, graph = set(names), scene.room.graph
    found = []
    for name in sorted(wanted):
        facts = graph.facts[name]
        found += [Edge(other, name, child=False) for other in sorted(facts.depends_on) if other in wanted]
        if facts.parent in wanted:
            found.append(Edge(name, str(facts.parent), child=True))
    return sorted(found)


def around(scene: Scene, name: str) -> set[str]:
    """A bead, all that it waits for and all that waits for it, done or not."""
    links = edges(scene, scene.room.graph.facts)
    found = {name}
    for at, to in ((0, 1), (1, 0)):
        step, stack = {name}, [name]
        ways: dict[str, list[str]] = {}
        for edge in links:
            ends = (edge.first, edge.then)
            ways.setdefault(ends[at], []).append(ends[to])
        while stack:
            for other in ways.get(stack.pop(), ()):
                if other not in step:
                    step.add(other)
                    stack.append(other)
        found |= step
    return found


def state(scene: Scene, name: str) -> str:
    """One word for where a bead stands."""
    standing, readiness = scene.room.graph.facts[name].standing, scene.view(name).readiness
    if standing is not None:
        return "done" if standing is Phase.SUCCEEDED else "failed"
    words = {
        Readiness.RUNNING: "running",
        Readiness.READY: "ready",
        Readiness.NEEDS_DECISION: "asks",
        Readiness.DEPENDENCY_FAILED: "failed",
        Readiness.DEPENDENCY_CYCLE: "failed",
        Readiness.DEPENDENCY_MISSING: "failed",
    }
    return words.get(readiness, "waits")


def label(scene: Scene, name: str) -> str:
    """Name, priority and title in short."""
    title = scene.beads[name].spec.title
    cut = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    return f"{name} {scene.view(name).effective_priority} {cut}"


def mermaid(scene: Scene, names: Iterable[str]) -> str:
    """A flowchart: what comes first points to what waits for it, children by a dotted line."""
    listed = sorted(names)
    at = {name: f"b{number}" for number, name in enumerate(listed)}
    lines = ["flowchart LR"]
    lines += [f'  {at[name]}["{_entities(label(scene, name))}"]:::{state(scene, name)}' for name in listed]
    lines += [f"  {at[e.first]} {'-.->' if e.child else '-->'} {at[e.then]}" for e in edges(scene, listed)]
    lines += [f"  classDef {word} fill:{colour},color:#000" for word, (_, colour) in MARKS.items()]
    return "\n".join(lines)


def dot(scene: Scene, names: Iterable[str]) -> str:
    """The same for Graphviz."""
    listed = sorted(names)
    lines = ["digraph beads {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled"];']
    for name in listed:
        colour = MARKS[state(scene, name)][1]
        lines.append(f'  "{name}" [label="{_quoted(label(scene, name))}", fillcolor="{colour}"];')
    for edge in edges(scene, listed):
        lines.append(f'  "{edge.first}" -> "{edge.then}"{" [style=dotted]" if edge.child else ""};')
    return "\n".join([*lines, "}"])


def tree(scene: Scene, names: Iterable[str], *, root: str | None = None) -> str:
    """What is wanted in the end, and below it what it waits for; what was shown is not shown again."""
    listed = sorted(names)
    below: dict[str, list[str]] = {name: [] for name in listed}
    awaited = set()
    for edge in edges(scene, listed):
        below[edge.then].append(edge.first)
        awaited.add(edge.first)
    roots = [root] if root is not None else [name for name in listed if name not in awaited]
    shown: set[str] = set()
    lines: list[str] = []
    for name in [*roots, *([] if root is not None else listed)]:  # the second time: what only rings lead to
        if name not in shown:
            lines += _branch(scene, name, below, shown)
    marks = "  ".join(f"{mark} {word}" for word, (mark, _) in MARKS.items())
    return "\n".join([*lines, "", marks]) if lines else "no beads"


def _branch(scene: Scene, start: str, below: dict[str, list[str]], shown: set[str]) -> list[str]:
    lines: list[str] = []
    stack = [(start, "", "")]
    while stack:
        name, lead, rest = stack.pop()
        again = name in shown
        more = below[name]
        age = scene.view(name).age
        counted = f", counts as {PRIORITIES[age.rank]}" if age.steps and scene.view(name).ready else ""
        note = " (above)" if again and more else counted
        lines.append(f"{lead}{MARKS[state(scene, name)][0]} {label(scene, name)}{note}")
        if again:
            continue
        shown.add(name)
        for number, other in reversed(list(enumerate(more))):
            last = number == len(more) - 1
            stack.append((other, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")))
    return lines


def _entities(text: str) -> str:
    return "".join(f"#{ord(sign)};" if sign in '"#<>&;`\\[](){}|' else sign for sign in text)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
