"""Secrets taken out of what sessions send, before any of it is stored or shown.

Sessions do it themselves, and know their agents' secrets; what they send is not trusted for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from ringmaster_operator.resources.protocol import AskRequest, HeartbeatRequest, Question, ReportRequest
from ringmaster_operator.resources.redaction import REPORTED, Redactor

PIECE = 8192
"""Characters that are searched at once."""
_SHAPES = Redactor()


def clean_report(request: ReportRequest) -> ReportRequest:
    """The report without credentials in what agents and commands said."""
    told = request.model_dump(mode="json", by_alias=True, exclude_none=True, include=_told())
    clean = _SHAPES.report(told)
    if clean == told:
        return request
    parts = {name: getattr(ReportRequest.read({**_frame(request), **clean}), name) for name in _told()}
    return request.model_copy(update=parts)


async def cleaned_report(request: ReportRequest) -> ReportRequest:
    """As clean_report; a large one takes a while, which others need not wait for."""
    said = len(request.final_text) + sum(len(result.output) for result in request.verify)
    if said <= PIECE and request.proposal is None:
        return clean_report(request)
    return await asyncio.to_thread(clean_report, request)


def clean_heartbeat(request: HeartbeatRequest) -> HeartbeatRequest:
    """The heartbeat without credentials in the note of what the agent does."""
    note = _SHAPES.text(request.progress.note)
    if note == request.progress.note:
        return request
    return request.model_copy(update={"progress": request.progress.model_copy(update={"note": note[:512]})})


def clean_question(request: AskRequest) -> AskRequest:
    """The question without credentials in it."""
    question = Question.read(_SHAPES.body(request.question.body()))
    return request.model_copy(update={"question": question})


def clean_words(text: str) -> str:
    """A text of a session without credentials."""
    return _SHAPES.text(text)


def _told() -> set[str]:
    fields = ReportRequest.model_fields
    return {name for name, field in fields.items() if (field.alias or name) in REPORTED}


def _frame(request: ReportRequest) -> dict[str, object]:
    """What a report must have besides."""
    return {
        "reportId": request.report_id,
        "fence": request.fence,
        "iteration": request.iteration,
        "startedAt": request.started_at.isoformat(),
        "finishedAt": request.finished_at.isoformat(),
    }


def clean_record(value: Any) -> Any:
    """A record's JSON without credentials in it; in pieces, so that nothing else waits long for it."""
    if isinstance(value, str):
        return _SHAPES.text(value) if "PRIVATE KEY" in value else "".join(map(_SHAPES.text, _pieces(value)))
    if isinstance(value, list):
        return [clean_record(item) for item in value]
    if isinstance(value, dict):
        return {key: clean_record(item) for key, item in value.items()}
    return value


def _pieces(text: str) -> Iterator[str]:
    """The text in whole lines, some thousand characters at once."""
    piece, size = [], 0
    for line in text.splitlines(keepends=True):
        piece.append(line)
        size += len(line)
        if size >= PIECE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)
