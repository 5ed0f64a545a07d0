"""The last table: what was done, by whom, in what order and why, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demolib.history import Attempt
from demolib.watch import Seen, phase

Body = dict[str, Any]


def show(
    console: Console,
    beads: list[Body],
    attempts: list[Attempt],
    *,
    seen: Mapping[str, Seen],
    answers: Mapping[str, str],
) -> None:
    """Print it, in the order in which the beads were first claimed; those that nobody works come last."""
    order = {bead: number for number, bead in reversed(list(enumerate((a.bead for a in attempts), 1)))}
    table = Table(box=None, pad_edge=False)
    for name in ("#", "BEAD", "RESULT", "BY", "TRIES", "ROUNDS", "TOKENS", "USD", "COMMIT"):
        table.add_column(
            name,
            no_wrap=True,
            justify="right" if name in ("#", "TRIES", "ROUNDS", "TOKENS", "USD") else "left",
        )
    table.add_column("WHY THEN", overflow="fold")
    first: dict[str, int] = {}
    for bead in sorted(
        beads, key=lambda bead: (order.get(bead["metadata"]["name"], 10**6), bead["metadata"]["name"])
    ):
        name, status = bead["metadata"]["name"], bead.get("status", {})
        own = [attempt for attempt in attempts if attempt.bead == name]
        if own:
            first[name] = len(first) + 1
        cost = status.get("cost", {})
        reason = status.get("outcome", {}).get("reason")
        shown = f"{phase(bead)} ({reason})" if reason else phase(bead)
        table.add_row(
            str(first.get(name, "")), name, shown, ", ".join(dict.fromkeys(a.session for a in own)) or "-",
            *(_numbers(own, cost) if own else [""] * 4), status.get("commit", "")[:10],
            Text(explain(bead, own, seen.get(name, Seen()), answers.get(name, ""))),
        )  # fmt: skip
    console.print()
    console.print(table)
    total = sum(bead.get("status", {}).get("cost", {}).get("usd", 0) for bead in beads)
    tokens = sum(attempt.tokens for attempt in attempts)
    console.print(
        f"\n{len(beads)} beads, {len(attempts)} attempts, {sum(a.iterations for a in attempts)} iterations, "
        f"{tokens:,} tokens, ${total:.4f}",
        highlight=False,
    )


def _numbers(own: list[Attempt], cost: Body) -> list[str]:
    """Tries, rounds, tokens, dollars."""
    iterations, tokens = sum(a.iterations for a in own), sum(a.tokens for a in own)
    return [str(len(own)), str(iterations), f"{tokens:,}", f"{cost.get('usd', 0):.4f}"]


def explain(bead: Body, own: list[Attempt], seen: Seen, answer: str) -> str:
    """Why it was done when it was, in a few words."""
    spec = bead["spec"]
    words = [spec.get("priority", "P2")]
    if seen.lender:
        words[0] += f", as {seen.priority} because {seen.lender} waits for it"
    if spec.get("dependsOn"):
        words.append(f"after {', '.join(spec['dependsOn'])}")
    if spec.get("exclusive"):
        words.append(f"alone on {', '.join(spec['exclusive'])}")
    if spec["type"] == "epic":
        words.append("done when its children are")
    if spec["type"] == "decision":
        words.append(
            f"asked by {spec.get('parent', 'a person')}, answered {spec['decision'].get('answer', '')}"
        )
    if answer:
        words.append(f"resumed with the answer {answer}")
    failed = [attempt for attempt in own if attempt.kind == "failed"]
    if failed and phase(bead) == "Succeeded":
        words.append(f"again after: {failed[0].summary[:60]}")
    if phase(bead) == "Failed":
        words.append(bead["status"].get("outcome", {}).get("summary", "")[:80])
    return "; ".join(words)
