"""ETags: the resourceVersion of an object in quotation marks, and what calls may make depend on it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header
from fastapi.responses import JSONResponse, Response

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.worker import Worker

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
ANY = "*"

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1024,
        description="Act on this version only: an ETag, or * for whatever there is.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1024, description="Answer 304 where this is still the ETag."),
]
HEADERS = {
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}}
}


def etag(found: Bead | Worker) -> str:
    """The strong ETag of an object."""
    return f'"{found.metadata.resource_version}"'


def check(found: Bead | Worker, if_match: str | None) -> None:
    """Raises Refused (PRECONDITION_FAILED) when If-Match is given and names another version."""
    if if_match is None or if_match.strip() == ANY:
        return
    if found.metadata.resource_version not in _versions(if_match, weak=False):
        detail = f"{found.metadata.name} is at version {etag(found)} by now: read it again, then decide"
        raise Refused(ProblemCode.PRECONDITION_FAILED, detail)


def needed(if_match: str | None) -> str:
    """The header of a call that cannot do without; raises Refused (PRECONDITION_REQUIRED)."""
    if if_match is None:
        detail = "send If-Match with the ETag of what you have read, or * to overwrite whatever there is"
        raise Refused(ProblemCode.PRECONDITION_REQUIRED, detail)
    return if_match


def answer(found: Bead | Worker, *, if_none_match: str | None = None, status: int = 200) -> Response:
    """The object with its ETag; 304 without a body where the caller has it already."""
    headers = {"ETag": etag(found), "Cache-Control": "private, no-cache"}
    if if_none_match is not None and (
        if_none_match.strip() == ANY or found.metadata.resource_version in _versions(if_none_match, weak=True)
    ):
        return Response(status_code=304, headers=headers)
    return JSONResponse(found.body(), status_code=status, headers=headers)


def _versions(header: str, *, weak: bool) -> set[str]:
    return {version for mark, version in _TAG.findall(header) if weak or not mark}
