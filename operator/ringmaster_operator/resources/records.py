"""What an iteration leaves for people to look at: the prompt, the transcript, the diff, the checks' output.

A session sends them after its report: each as JSON in UTF-8, packed with zlib, in base64. Sizes are bounded
on both sides; what is left out is said in the record itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.protocol import VerifyResult
from ringmaster_operator.resources.question import Fence
from ringmaster_operator.resources.scalars import Natural, ShortText, Time, clean

MAX_DATA = 960_000
"""Characters of one packed record: a call has at most 1 MiB."""
MAX_JSON = 4 * 1024 * 1024
"""Bytes of one record once it is unpacked; far more than a session of ours makes."""
MOST_EVENTS = 20_000
MOST_FILES = 2_000

Free = Annotated[str, BeforeValidator(clean)]
"""Text of a program, of any length within its record: without what terminals obey."""
Path = Annotated[str, StringConstraints(max_length=4096), BeforeValidator(clean)]


class RecordKind(StrEnum):
    PROMPT = "prompt"
    TRANSCRIPT = "transcript"
    DIFF = "diff"
    CHECKS = "checks"
    """What the acceptance commands printed: of the report itself, never sent apart."""


class PromptSegment(Model):
    """A stretch of the prompt; all of them joined are the text as it was sent."""

    text: Free
    name: ShortText = ""
    """The source, where the stretch is of one."""
    origin: Free = ""
    """Where in the source it is from."""


class PromptPiece(Model):
    """One part that the prompt was made from, or that was left out."""

    name: ShortText
    origin: Free = ""
    tokens: Natural = 0
    """Estimated, four characters each; 0 when it was left out."""
    budget_tokens: Natural = 0
    """What its source may take."""
    relevance: Annotated[float, Field(ge=0, le=1)] = 1.0
    note: Free = ""
    """That it was shortened, or why it was left out."""


class PromptText(Model):
    """The last prompt of the iteration."""

    segments: Annotated[list[PromptSegment], Field(max_length=10_000)] = Field(default_factory=list)
    parts: Annotated[list[PromptPiece], Field(max_length=10_000)] = Field(default_factory=list)
    tokens: Natural = 0
    """Estimated, four characters each."""
    budget_tokens: Natural = 0
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the text as it was sent, in UTF-8, before secrets were taken out of this record."""


class EventKind(StrEnum):
    TEXT = "text"
    THINKING = "thinking"
    TOOL = "tool"
    """A tool call and what it was given."""
    RESULT = "result"
    """What a tool gave back."""
    ERROR = "error"
    NOTE = "note"
    """Anything else that was printed."""
    OMITTED = "omitted"
    """Here events are left out; the text says how many."""


class TranscriptEvent(Model):
    """One thing that the agent said or did, alike for all agents."""

    kind: EventKind
    text: Free = ""
    tool: ShortText = ""
    at: Time | None = None
    """When its worker read it, by the worker's clock."""


class Transcript(Model):
    """The agent's output in order, all runs of the iteration."""

    profile: ShortText = ""
    events: Annotated[list[TranscriptEvent], Field(max_length=MOST_EVENTS)] = Field(default_factory=list)


class FileChange(Model):
    """One file of the diff."""

    path: Path
    old_path: Annotated[Path | None, Field(alias="from")] = None
    """Where it was before, when it was renamed."""
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z]$")] = "M"
    """A added, M modified, D deleted, R renamed, T of another type."""
    added: Natural = 0
    """Lines."""
    removed: Natural = 0
    binary: bool = False


class Diff(Model):
    """What the bead's branch has that its base has not, after the iteration."""

    base: Annotated[str, StringConstraints(max_length=64)] = ""
    """Commit that it is compared to."""
    commit: Annotated[str, StringConstraints(max_length=64)] = ""
    files: Annotated[list[FileChange], Field(max_length=MOST_FILES)] = Field(default_factory=list)
    more_files: Natural = 0
    """Changed files that are not listed."""
    patch: Free = ""
    """As git prints it. Files that there is no room for are in `files` alone."""


class Checks(Model):
    """The acceptance commands in order."""

    results: list[VerifyResult] = Field(default_factory=list)


class RecordUpload(Model):
    """One record as a session sends it."""

    kind: RecordKind
    data: Annotated[str, StringConstraints(max_length=MAX_DATA)]
    """JSON in UTF-8, packed with zlib, in base64."""
    truncated: bool = False
    """Something of it was left out."""


class RecordsRequest(Model):
    """POST /api/v1/claims/{claim_id}/reports/{report_id}/records: what that iteration left.

    The report must be committed. A kind that is there already stays as it is.
    """

    fence: Fence
    records: Annotated[list[RecordUpload], Field(min_length=1, max_length=3)]


class RecordsAnswer(Model):
    """200: committed."""

    kept: list[RecordKind] = Field(default_factory=list)
    """Those that were not there before."""


class RecordInfo(Model):
    """That there is a record."""

    kind: RecordKind
    size: Natural
    """Bytes of its JSON."""
    truncated: bool = False
    at: Time
    """When it was committed, by the operator's clock."""


class RecordList(Model):
    items: list[RecordInfo]


class Record(RecordInfo):
    """One record; the field of its kind is set."""

    iteration_id: Natural
    attempt: Natural
    iteration: Natural
    prompt: PromptText | None = None
    transcript: Transcript | None = None
    diff: Diff | None = None
    checks: Checks | None = None


CONTENTS: dict[RecordKind, type[PromptText | Transcript | Diff]] = {
    RecordKind.PROMPT: PromptText,
    RecordKind.TRANSCRIPT: Transcript,
    RecordKind.DIFF: Diff,
}
"""What is sent of each kind."""


def packed(content: dict[str, Any]) -> str:
    """A record's JSON-ready dict as it is sent."""
    raw = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(zlib.compress(raw, 6)).decode("ascii")


def unpacked(data: str) -> tuple[bytes, bytes]:
    """(zlib's bytes, JSON's bytes) of what was sent. Raises ValueError."""
    try:
        stored = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError("data is not base64") from error
    return stored, inflated(stored)


def inflated(stored: bytes) -> bytes:
    """JSON's bytes of a record as it is stored. Raises ValueError; more than MAX_JSON is not unpacked."""
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(stored, MAX_JSON)
    except zlib.error as error:
        raise ValueError("data is not packed with zlib") from error
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"data is not whole, or has more than {MAX_JSON} bytes")
    return raw
