"""The prompt of one iteration, put together from parts that each have a budget. Same input, same prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ringmaster_cli.prompt import sections
from ringmaster_cli.prompt.context import context_files
from ringmaster_cli.prompt.text import cut, data, tokens
from ringmaster_operator.resources.protocol import Claimed

DEFAULT_BUDGET = 48_000
"""Estimated tokens of the whole prompt: a quarter of the smallest context window in common use."""
BUDGETS = {
    "intro": 1_000,
    "bead": 18_000,
    "acceptance": 10_000,
    "parent": 2_000,
    "dependencies": 4_000,
    "decisions": 4_000,
    "history": 6_000,
    "context": 3_000,
    "rules": 6_000,
    "steering": 8_000,
    "finish": 1_000,
}
"""Estimated tokens that each part may take; context is for each file."""
FIRST_TO_GO = ("context", "parent", "dependencies", "history", "decisions", "acceptance", "bead")
"""Shortened in this order when the whole is above its budget; what is not named here never is."""
KNOWN = frozenset({"parent", "dependencies", "context"})
"""What an agent that goes on with its conversation is not told again."""
LEAST = 200
"""A part that would be left fewer tokens than this is left out."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a prompt and what became of it."""

    name: str
    source: str
    text: str = ""
    truncated: bool = False
    left_out_reason: str = ""

    @property
    def tokens(self) -> int:
        """Estimated at four characters each."""
        return tokens(self.text)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The text for the agent, and the parts that it is made of."""

    text: str
    parts: tuple[Part, ...]
    budget_tokens: int

    @property
    def tokens(self) -> int:
        """Estimated at four characters each."""
        return tokens(self.text)

    def explain(self) -> str:
        """A table for people: each part, its source and tokens, what was shortened or left out and why."""
        rows = [("PART", "TOKENS", "BUDGET", "FROM", "NOTE")]
        for part in self.parts:
            note = part.left_out_reason and f"left out: {part.left_out_reason}"
            limit = str(BUDGETS[part.name])
            rows.append(
                (part.name, str(part.tokens), limit, part.source, note or "shortened" * part.truncated)
            )
        rows.append(("total", str(self.tokens), str(self.budget_tokens), "", "estimated, 4 characters each"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = []
        for row in rows:
            cells = [
                f"{cell:>{width}}" if column in (1, 2) else f"{cell:{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=False))
            ]
            lines.append("  ".join([*cells, row[4]]).rstrip())
        return "\n".join(lines)


def build_prompt(
    claimed: Claimed, *, workspace: Path, budget_tokens: int = DEFAULT_BUDGET, resumed: bool = False
) -> Prompt:
    """The prompt for the claim's next iteration, with the context files found in workspace.

    The sizes are estimates (four characters a token). The parts that say what to do and how to end are never
    left out, so a very small budget may be exceeded. resumed: the agent's conversation goes on, so that it
    knows already what cannot have changed since.
    """
    parts = list(_parts(claimed, workspace))
    if resumed:
        parts = [_known(part) if part.name in KNOWN else part for part in parts]
    parts = _fit(parts, budget_tokens)
    text = "\n\n".join(part.text for part in parts if part.text) + "\n"
    return Prompt(text=text, parts=tuple(parts), budget_tokens=budget_tokens)


def _parts(claimed: Claimed, workspace: Path) -> Iterator[Part]:
    bead = claimed.bead
    yield _part("intro", "Ringmaster", "", sections.intro(claimed))
    yield _part("rules", "project and Worker", "# House rules\n", sections.rules(bead))
    yield _part("bead", f"bead {bead.name}", sections.bead_head(claimed), sections.bead_body(bead))
    yield _part("acceptance", f"bead {bead.name}", "# Acceptance\n", sections.acceptance(bead))
    yield _part(
        "parent",
        f"bead {bead.parent.name}" if bead.parent else "",
        "# What it belongs to\n",
        sections.parent(bead),
    )
    yield _part("dependencies", "finished beads", sections.DEPENDENCIES, sections.dependencies(bead))
    yield _part("decisions", "people", sections.DECISIONS, sections.decisions(bead))
    yield _part("history", "earlier runs", sections.HISTORY, sections.history(bead, BUDGETS["history"]))
    profile = "" if claimed.agent.command else claimed.agent.profile
    for file in context_files(workspace, profile=profile):
        if file.left_out_reason:
            yield Part(name="context", source=file.name, left_out_reason=file.left_out_reason)
            continue
        part = _part("context", file.name, f"# {file.name} of the repository\n", file.text, fence=file.name)
        yield part if file.whole else replace(part, truncated=True)
    yield _part("steering", "people", sections.STEERING, sections.steering(bead))
    yield _part("finish", "Ringmaster", "# How to finish\n", sections.finish(bead))


def _known(part: Part) -> Part:
    if not part.text:
        return part
    return replace(part, text="", truncated=False, left_out_reason="the conversation goes on")


def _part(name: str, source: str, head: str, body: str, *, fence: str = "") -> Part:
    if not body:
        return Part(name=name, source=source, left_out_reason="there is none")
    body, truncated = cut(data(body, fence) if fence else body, BUDGETS[name] - tokens(head))
    return Part(name=name, source=source, text=head + body, truncated=truncated)


def _fit(parts: list[Part], budget: int) -> list[Part]:
    """Shorten parts, the least important first, until the whole fits."""
    for name in FIRST_TO_GO:
        for index in reversed([index for index, part in enumerate(parts) if part.name == name and part.text]):
            over = sum(part.tokens + 1 for part in parts) - budget
            if over <= 0:
                return parts
            parts[index] = _shortened(parts[index], over)
    return parts


def _shortened(part: Part, over: int) -> Part:
    room = part.tokens - over
    if room < LEAST and part.name not in ("bead", "acceptance"):
        return replace(part, text="", truncated=False, left_out_reason="the prompt's budget is used up")
    text, _ = cut(part.text, max(room, LEAST))
    return replace(part, text=text, truncated=True)
