"""What goes in where there is not room for all: the most relevant, in a fixed order, each cut marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ringmaster_cli.prompt.model import Part, Piece, Source
from ringmaster_cli.prompt.text import cut, tokens

LEAST = 200
"""A part that would be left fewer tokens than this is left out."""
SOURCE_FULL = "the source's budget is used up"
PROMPT_FULL = "the prompt's budget is used up"
FULL = (SOURCE_FULL, PROMPT_FULL)
TASK = ("bead", "acceptance")
"""May be shortened, never left out."""


def chosen(source: Source, pieces: Iterable[Piece]) -> list[Part]:
    """The source's parts within its budget: the most relevant are kept, and stand in their own order."""
    found = list(pieces)
    parts = [_part(source, piece) for piece in found]
    room = source.tokens - tokens(source.head)
    for index in sorted(range(len(found)), key=lambda index: -found[index].relevance):
        part = parts[index]
        if not part.text:
            continue
        allowed = min(room, source.each or room)
        if part.tokens > allowed:
            small = allowed < LEAST and source.name not in TASK and not source.fixed
            parts[index] = part = _left_out(part, SOURCE_FULL) if small else _shortened(part, allowed)
        room -= part.tokens + 1 if part.text else 0
    return parts


def fit(parts: Sequence[Part], sources: Mapping[str, Source], budget: int) -> list[Part]:
    """Shorten parts, the least relevant first, until the whole fits."""
    parts = list(parts)
    loose = [index for index, part in enumerate(parts) if part.text and not sources[part.name].fixed]
    for index in sorted(loose, key=lambda index: (parts[index].relevance, -index)):
        over = tokens(assembled(parts, sources)) - budget
        if over <= 0:
            break
        part = parts[index]
        room = part.tokens - over - 1
        if room < LEAST and part.name not in TASK:
            parts[index] = _left_out(part, PROMPT_FULL)
        else:
            parts[index] = _shortened(part, max(room, LEAST))
    return parts


def assembled(parts: Sequence[Part], sources: Mapping[str, Source]) -> str:
    """The text: each source under its heading, with a word where parts are left out for want of room."""
    blocks = []
    for name, group in groupby(parts, key=lambda part: part.name):
        members = list(group)
        if any(part.text for part in members):
            blocks.append(sources[name].head + "\n".join(_lines(members, sources[name])))
    return "\n\n".join(blocks) + "\n"


def _lines(parts: Sequence[Part], source: Source) -> Iterable[str]:
    for full, group in groupby(parts, key=lambda part: part.left_out_reason in FULL):
        members = list(group)
        if full:
            yield f"({len(members)} {source.rest})"
        yield from (part.text for part in members if part.text)


def _part(source: Source, piece: Piece) -> Part:
    return Part(
        name=source.name,
        source=piece.origin,
        text="" if piece.left_out_reason else piece.text,
        truncated=piece.shortened,
        left_out_reason=piece.left_out_reason,
        relevance=source.relevance * piece.relevance,
        budget=source.tokens,
    )


def _left_out(part: Part, reason: str) -> Part:
    return replace(part, text="", truncated=False, left_out_reason=reason)


def _shortened(part: Part, room: int) -> Part:
    text, truncated = cut(part.text, room)
    return replace(part, text=text, truncated=truncated or part.truncated)
