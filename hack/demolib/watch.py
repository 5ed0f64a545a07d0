"""Watches the backlog until it is done: a live table, and the decisions that a person must make."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demolib.feed import Feed
from demolib.shell import Cluster, DemoError

Body = dict[str, Any]
FINISHED = frozenset({"Succeeded", "Failed", "Cancelled"})
COLORS = {
    "Succeeded": "green",
    "Failed": "red",
    "Running": "cyan",
    "NeedsDecision": "yellow",
    "Ready": "bold",
}
LOOK_SECONDS = 1.0
"""How long at most until the operator and the time are looked at again."""


@dataclass
class Seen:
    """What the watch has learned of a bead that its last status does not say any more."""

    lender: str = ""
    priority: str = ""
    told: str = ""


class Checked(Protocol):
    """An operator."""

    def check(self) -> None:
        """Raises DemoError when it has ended by itself."""


class Watch:
    """One look after another at the beads."""

    def __init__(
        self, *, cluster: Cluster, operator: Checked, console: Console, yes: bool, limit: float
    ) -> None:
        self.seen: dict[str, Seen] = {}
        self.answers: dict[str, str] = {}
        self._cluster = cluster
        self._operator = operator
        self._console = console
        self._yes = yes
        self._limit = limit

    def until_done(self) -> list[Body]:
        """The beads once all are finished; raises DemoError when that takes too long."""
        end = time.monotonic() + self._limit
        with Feed(self._cluster) as feed:
            while True:
                beads, question = self._show(feed, end)
                if question is None:
                    return beads
                self._answer(question)

    def _show(self, feed: Feed, end: float) -> tuple[list[Body], Body | None]:
        """Show the table until all is done or a person is asked."""
        live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        with live or contextlib.nullcontext():
            while True:
                self._operator.check()
                beads, news = feed.look(LOOK_SECONDS)
                for bead in news:
                    self._learn(bead, tell=live is None)
                if live is not None:
                    live.update(as_table(beads), refresh=True)
                question = next((bead for bead in beads if self._is_open(bead)), None)
                if question or (beads and all(phase(bead) in FINISHED for bead in beads)):
                    return beads, question
                if time.monotonic() > end:
                    state = self._cluster.run("get", "beads,workers")
                    raise DemoError(f"not done after {self._limit:.0f} s:\n{state}")

    def _learn(self, bead: Body, *, tell: bool) -> None:
        name, status = bead["metadata"]["name"], bead.get("status", {})
        seen = self.seen.setdefault(name, Seen())
        if lender := status.get("inheritedFrom"):
            seen.lender, seen.priority = lender, status.get("effectivePriority", "")
        now = f"{phase(bead)} {why(bead)}"
        if phase(bead) and seen.told != now:
            seen.told = now
            if tell:
                self._console.print(f"  {name}: {now}", markup=False, highlight=False, soft_wrap=True)

    def _is_open(self, bead: Body) -> bool:
        """A question that is to be answered now. Its answer may not have come back yet."""
        decision, name = bead["spec"].get("decision"), bead["metadata"]["name"]
        waits = bool(decision) and not decision.get("answer") and phase(bead) == "NeedsDecision"
        return waits and bead["spec"].get("parent", name) not in self.answers

    def _answer(self, bead: Body) -> None:
        name, decision = bead["metadata"]["name"], bead["spec"]["decision"]
        options = [option["name"] for option in decision.get("options", [])]
        advice = decision.get("recommendation", "")
        default = advice if advice in options else (options or [advice or "yes"])[0]
        self._console.print(
            f"\nA decision is asked ({name}): {decision['question']}", style="yellow", markup=False
        )
        for option in decision.get("options", []):
            self._console.print(f"  {option['name']}: {option.get('consequence', '')}", markup=False)
        answer = default
        if not self._yes:
            asked = self._console.input(f"Your answer, or Return for {default}: ").strip()
            answer = asked or default
            while options and answer not in options:
                answer = self._console.input(f"One of {', '.join(options)}: ").strip() or default
        self._console.print(f"  answered: {answer}", markup=False)
        patch = json.dumps({"spec": {"decision": {"answer": answer}}})
        self._cluster.run("patch", "bead", name, "--type=merge", "-p", patch)
        self.answers[bead["spec"].get("parent", name)] = answer


def phase(bead: Body) -> str:
    """Its phase, '' before the operator has seen it."""
    return str(bead.get("status", {}).get("phase", ""))


def why(bead: Body) -> str:
    """What it waits for, or who works on it."""
    status = bead.get("status", {})
    if claim := status.get("claim"):
        rounds = f"attempt {status.get('attempts', 1)}, iteration {status.get('iteration', 1)}"
        return f"by {claim['session']}, {rounds}"
    if phase(bead) in FINISHED:
        return str(status.get("outcome", {}).get("summary", ""))
    messages = [item.get("message", "") for item in status.get("conditions", []) if item["type"] == "Ready"]
    return str(messages[0]) if messages else ""


def as_table(beads: list[Body]) -> Table:
    """The beads for a terminal."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name, width in (("BEAD", 16), ("PRIORITY", 22), ("PHASE", 13), ("COST", 8)):
        table.add_column(name, min_width=min(width, 8), max_width=width, no_wrap=True)
    table.add_column("WHY", ratio=1, no_wrap=True, overflow="ellipsis")
    for bead in sorted(
        beads, key=lambda bead: bead["metadata"]["creationTimestamp"] + bead["metadata"]["name"]
    ):
        status = bead.get("status", {})
        priority = bead["spec"].get("priority", "P2")
        if lender := status.get("inheritedFrom"):
            priority = f"{priority} as {status.get('effectivePriority')} ({lender})"
        cost = status.get("cost", {}).get("usd", 0)
        shown = Text(phase(bead), style=COLORS.get(phase(bead), ""))
        money = f"${cost:.3f}" if cost else ""
        table.add_row(Text(bead["metadata"]["name"]), Text(priority), shown, money, Text(why(bead)))
    return table
