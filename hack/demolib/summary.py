"""The last table: what was done, by whom, in what order and why, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

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
    """Print it in the order in which the beads were first claimed; those that nobody works come last."""
    order = list(dict.fromkeys(attempt.bead for attempt in attempts))
    names = order + sorted({bead["metadata"]["name"] for bead in beads} - set(order))
    known = {bead["metadata"]["name"]: bead for bead in beads}
    table = Table(box=None, pad_edge=False)
    for title in ("#", "BEAD", "RESULT", "BY", "TRIES", "ROUNDS", "TOKENS", "USD", "COMMIT"):
        numeric = title in ("#", "TRIES", "ROUNDS", "TOKENS", "USD")
        table.add_column(title, overflow="fold", justify="right" if numeric else "left")
    reasons = []
    for number, name in enumerate((name for name in names if name in known), 1):
        status, own = known[name].get("status", {}), [attempt for attempt in attempts if attempt.bead == name]
        reason = status.get("outcome", {}).get("reason")
        result = f"{phase(known[name])} ({reason})" if reason else phase(known[name])
        by = ", ".join(dict.fromkeys(attempt.session for attempt in own)) or "nobody"
        numbers = _numbers(own, status.get("cost", {})) if own else [""] * 4
        table.add_row(str(number), name, result, by, *numbers, status.get("commit", "")[:10])
        why = explain(known[name], own, seen.get(name, Seen()), answers.get(name, ""))
        reasons.append(f"{number:>3} {name}: {why}")
    console.print("\nWhat was done, in the order in which it was begun:")
    console.print(table)
    console.print("\nWhy in this order, and what happened:")
    for line in reasons:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    total = sum(bead.get("status", {}).get("cost", {}).get("usd", 0) for bead in beads)
    tokens, iterations = sum(a.tokens for a in attempts), sum(a.iterations for a in attempts)
    console.print(
        f"\n{len(beads)} beads, {len(attempts)} attempts, {iterations} iterations, "
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
        words.append(bead["status"].get("outcome", {}).get("summary", "")[:120])
    return "; ".join(words)
