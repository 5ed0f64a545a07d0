"""What an iteration leaves for people to look at: made once its report is on disk.

Records never hold up the work: what cannot be made is said and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ringmaster_cli.agents.tape import Played, fitted
from ringmaster_cli.client import Body
from ringmaster_cli.exits import CliError
from ringmaster_cli.loop import kept
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.report import redactor
from ringmaster_cli.prompt import Prompt
from ringmaster_cli.prompt.model import digest
from ringmaster_cli.prompt.text import tokens
from ringmaster_cli.state import Held
from ringmaster_cli.workspace import Workspace, WorkspaceError
from ringmaster_operator.resources.records import (
    MAX_DATA,
    PromptPiece,
    PromptSegment,
    PromptText,
    RecordKind,
    RecordUpload,
    Transcript,
    packed,
)

TRANSCRIPT = 512 * 1024
PROMPT = 1024 * 1024
"""Characters of each."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What there is to make records of."""

    prompt: PromptText | None = None
    played: Played = field(default_factory=Played)
    space: Workspace | None = None
    commit: str | None = None


def prompt_text(text: str, prompt: Prompt | None) -> PromptText:
    """A prompt and where each stretch of it is from; prompt: what it was built from, if it was built."""
    if prompt is None:
        parts, segments = [], [PromptSegment(text=text, name="given")]
    else:
        parts = [
            PromptPiece(
                name=part.name,
                origin=part.source,
                tokens=part.tokens,
                budget_tokens=part.budget,
                relevance=min(max(part.relevance, 0.0), 1.0),
                note=part.note,
            )
            for part in prompt.parts
        ]
        segments = list(_segments(text, prompt))
    return PromptText(
        segments=segments,
        parts=parts,
        tokens=tokens(text),
        budget_tokens=prompt.budget_tokens if prompt is not None else 0,
        digest=digest(text),
    )


def _segments(text: str, prompt: Prompt) -> Sequence[PromptSegment]:
    """Parts as they stand in the text, and what stands between them."""
    found, place = [], 0
    for part in prompt.parts:
        at = text.find(part.text, place) if part.text else -1
        if at < 0:
            continue
        if at > place:
            found.append(PromptSegment(text=text[place:at]))
        found.append(PromptSegment(text=part.text, name=part.name, origin=part.source))
        place = at + len(part.text)
    return [*found, PromptSegment(text=text[place:])] if place < len(text) else found


def keep(context: Context, held: Held, report_id: str, left: Left) -> None:
    """Put the records of a spooled report on disk. Without them the report is as good as before."""
    uploads = made(context, held, left)
    if not uploads:
        return
    item = kept.Kept(
        claim_id=held.claim_id, report_id=report_id, fence=held.fence, bead=held.bead, records=uploads
    )
    try:
        kept.keep(context, item)
    except CliError as fault:
        context.say(f"records of bead {held.bead} are not kept: {fault}")


def made(context: Context, held: Held, left: Left) -> list[Body]:
    """RecordUploads, as JSON-ready dicts, without secrets."""
    uploads, clean = [], redactor(held)
    for kind, content, truncated in _contents(context, left):
        data = packed(clean.body(content))
        if len(data) > MAX_DATA:
            context.say(f"the {kind.value} of this iteration is too large to be kept")
            continue
        uploads.append(RecordUpload(kind=kind, data=data, truncated=truncated).body())
    return uploads


def _contents(context: Context, left: Left) -> list[tuple[RecordKind, dict[str, Any], bool]]:
    found: list[tuple[RecordKind, dict[str, Any], bool]] = []
    if left.prompt is not None:
        shown, cut = _short(left.prompt)
        found.append((RecordKind.PROMPT, shown.body(), cut))
    if left.played.events:
        played = fitted(left.played, TRANSCRIPT)
        told = Transcript(profile=played.profile, events=list(played.events))
        found.append((RecordKind.TRANSCRIPT, told.body(), played.truncated))
    if left.space is not None and left.commit is not None:
        try:
            diff, cut = left.space.diff(left.commit)
            found.append((RecordKind.DIFF, diff.body(), cut))
        except WorkspaceError as fault:
            context.say(f"no diff of this iteration is kept: {fault.message}")
    return found


def _short(prompt: PromptText) -> tuple[PromptText, bool]:
    room, segments = PROMPT, []
    for segment in prompt.segments:
        if len(segment.text) > room:
            left_out = "\n[... the rest of the prompt is left out ...]\n"
            segments.append(segment.model_copy(update={"text": segment.text[:room] + left_out}))
            return prompt.model_copy(update={"segments": segments}), True
        room -= len(segment.text)
        segments.append(segment)
    return prompt, False
