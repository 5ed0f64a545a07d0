"""What a prompt is made of: sources, the pieces that they find, the parts that became of these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from ringmaster_cli.prompt.text import tokens
from ringmaster_operator.resources.prompt import PromptPart, PromptRecord
from ringmaster_operator.resources.protocol import Claimed

Git = Callable[..., str]
"""Runs a git command in the worktree and gives what it printed; raises where git fails."""
MOST_PARTS = 64
"""Parts of a prompt that are reported."""
MOST_OF_A_SOURCE = 4
"""Of these from one source; the others are summed up."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """All that sources may draw on. The same material makes the same prompt."""

    claimed: Claimed
    workspace: Path
    git: Git | None = None
    """None where there is no repository."""

    @property
    def words(self) -> str:
        """What people wrote about the bead: title, description, criteria, commands, notes."""
        bead = self.claimed.bead
        wanted = bead.acceptance
        said = [note.text for note in bead.steering]
        return "\n".join([bead.title, bead.description, *wanted.criteria, *wanted.verify, *said])


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What a source found at one place; text is '' where it is left out for the reason given."""

    origin: str
    """Where it is from: a bead, a file, a commit ..."""
    text: str = ""
    """As it goes into the prompt: text of others is fenced already (prompt.text.data)."""
    relevance: float = 1.0
    """0 to 1, among the pieces of its source."""
    left_out_reason: str = ""
    shortened: bool = False
    """Something of it is missing already."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place that prompts draw on."""

    name: str
    head: str
    """A heading, and what the agent is to make of it."""
    tokens: int
    """Estimated tokens that it may take."""
    relevance: float
    """0 to 1, against other sources; where the whole is too large, the least relevant goes first."""
    gather: Callable[[Material], Iterable[Piece]]
    each: int | None = None
    """Estimated tokens that one of its pieces may take."""
    fixed: bool = False
    """Never shortened for the sake of others."""
    known: bool = False
    """An agent that goes on with its conversation is not told it again."""
    rest: str = "more are left out"
    """What is said, after their number, of pieces that there is no room for."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece and what became of it."""

    name: str
    """The source."""
    source: str
    """Where in it the piece is from."""
    text: str = ""
    truncated: bool = False
    left_out_reason: str = ""
    relevance: float = 1.0
    """Of the source times of the piece."""
    budget: int = 0
    """Estimated tokens that its source may take."""

    @property
    def tokens(self) -> int:
        """Estimated at four characters each."""
        return tokens(self.text)

    @property
    def note(self) -> str:
        """What happened to it, for people."""
        return f"left out: {self.left_out_reason}" if self.left_out_reason else "shortened" * self.truncated


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The text for the agent, and the parts that it is made of."""

    text: str
    parts: tuple[Part, ...]
    budget_tokens: int
    notes: tuple[str, ...] = field(default=())
    """What people should know of how it was made: settings that fit nothing, plug-ins that failed."""

    @property
    def tokens(self) -> int:
        """Estimated at four characters each."""
        return tokens(self.text)

    @property
    def digest(self) -> str:
        """SHA-256 of the text, as hexadecimal digits."""
        return digest(self.text)

    def explain(self) -> str:
        """A table for people: each part, its size and origin, what was shortened or left out and why."""
        rows = [("PART", "TOKENS", "BUDGET", "RELEVANCE", "FROM", "NOTE")]
        for part in self.parts:
            budget, weight = str(part.budget), f"{part.relevance:.2f}"
            rows.append((part.name, str(part.tokens), budget, weight, _short(part.source), part.note))
        whole = "estimated, 4 characters each"
        rows.append(
            ("total", str(self.tokens), str(self.budget_tokens), "", f"sha256 {self.digest[:12]}", whole)
        )
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = []
        for row in rows:
            cells = [
                f"{cell:>{width}}" if column in (1, 2, 3) else f"{cell:{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=False))
            ]
            lines.append("  ".join([*cells, row[5]]).rstrip())
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def body(self) -> dict[str, Any]:
        """The same for programs, as JSON-ready dict."""
        parts = [
            {
                "name": part.name,
                "source": part.source,
                "tokens": part.tokens,
                "budgetTokens": part.budget,
                "relevance": round(part.relevance, 4),
                "shortened": part.truncated,
                "leftOut": part.left_out_reason or None,
            }
            for part in self.parts
        ]
        return {
            "tokens": self.tokens,
            "budgetTokens": self.budget_tokens,
            "digest": self.digest,
            "parts": parts,
            "notes": list(self.notes),
        }

    def record(self) -> PromptRecord:
        """What is reported of it: never its text."""
        parts: list[PromptPart] = []
        for name, group in groupby(self.parts, key=lambda part: part.name):
            found = [part for part in group if part.left_out_reason != NOTHING]
            found.sort(key=lambda part: not part.text)
            parts += [
                PromptPart(name=name[:63], origin=part.source, tokens=part.tokens, note=part.note)
                for part in found[:MOST_OF_A_SOURCE]
            ]
            if rest := found[MOST_OF_A_SOURCE:]:
                size = sum(part.tokens for part in rest)
                parts.append(PromptPart(name=name[:63], origin=f"{len(rest)} more", tokens=size))
        parts = parts[:MOST_PARTS]
        return PromptRecord(digest=self.digest, tokens=self.tokens, parts=parts)


NOTHING = "there is none"
"""Why a source has no part: it has found nothing."""


def digest(text: str) -> str:
    """SHA-256 of a prompt as it is sent, as hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
