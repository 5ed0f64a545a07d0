"""Errors as problem+json (RFC 9457), and bodies that are too large refused before they are read."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.claims.refusals import STATUS, Refused
from ringmaster_operator.history import HistoryUnavailable
from ringmaster_operator.kube import KubeError
from ringmaster_operator.resources.protocol import Problem, ProblemCode

log = logging.getLogger(__name__)

MAX_BODY = 1 << 20
MEDIA = "application/problem+json"
RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {MEDIA: {}}} for code in (401, 403, 404, 409, 413, 415, 422, 429, 503)
}
"""What every route may answer besides its own."""
MATCHED: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {MEDIA: {}}} for code in (412, 428)
}
"""What routes that take If-Match may answer."""
TITLES = {
    ProblemCode.UNAUTHENTICATED: "Not authenticated",
    ProblemCode.FORBIDDEN: "Not allowed",
    ProblemCode.NOT_FOUND: "Not found",
    ProblemCode.INVALID: "Invalid request",
    ProblemCode.TOO_LARGE: "Request too large",
    ProblemCode.FENCED: "Fenced off",
    ProblemCode.CLAIM_ENDED: "Claim has ended",
    ProblemCode.CONFLICT: "Not possible now",
    ProblemCode.PRECONDITION_FAILED: "Changed meanwhile",
    ProblemCode.PRECONDITION_REQUIRED: "If-Match is needed",
    ProblemCode.METHOD_NOT_ALLOWED: "No such method here",
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: "Not JSON",
    ProblemCode.THROTTLED: "Too many requests",
    ProblemCode.UNAVAILABLE: "Try again later",
}
_HTTP = {
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    413: ProblemCode.TOO_LARGE,
    415: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    429: ProblemCode.THROTTLED,
}


def problem(code: ProblemCode, status: int, detail: str, *, retry_after: float | None = None) -> JSONResponse:
    """One problem as a response; retry_after in seconds, 1 for status 503."""
    body = Problem(title=TITLES[code], status=status, detail=detail, code=code)
    seconds = 1.0 if retry_after is None and status == 503 else retry_after
    headers = {} if seconds is None else {"Retry-After": str(max(math.ceil(seconds), 1))}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="ringmaster"'
    return JSONResponse(body.body(), status_code=status, media_type=MEDIA, headers=headers)


def told(error: Exception) -> JSONResponse | None:
    """What is answered to a call that ended so; None where nobody foresaw it."""
    match error:
        case Refused():
            return problem(error.code, error.status, str(error))
        case AuthError():
            return problem(error.code, STATUS[error.code], str(error), retry_after=error.retry_after)
        case KubeError():
            return problem(ProblemCode.UNAVAILABLE, 503, f"the API server: {error}")
        case HistoryUnavailable():
            return problem(ProblemCode.UNAVAILABLE, 503, f"the history database: {error}")
    return None


def install(app: FastAPI) -> None:
    """Map every error that a route may raise."""

    async def foreseen(_: Request, error: Exception) -> JSONResponse:
        return told(error) or problem(ProblemCode.UNAVAILABLE, 500, "an internal error")

    for kind in (Refused, AuthError, KubeError, HistoryUnavailable):
        app.add_exception_handler(kind, foreseen)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        told = list(error.errors())[:10]
        faults = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in told]
        return problem(ProblemCode.INVALID, 422, "; ".join(faults))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        # FastAPI says 400 of a body that is no text: it is as invalid as any other that is no JSON.
        status = 422 if error.status_code == 400 else error.status_code
        answer = problem(_HTTP.get(status, ProblemCode.INVALID), status, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(ProblemCode.UNAVAILABLE, 500, "an internal error; the operator's log has the details")


class BodyLimit:
    """ASGI middleware: 413 beyond MAX_BODY, by the header or by what comes; 415 for what is no JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            await self._refuse(scope, receive, send)
            return
        if scope["path"].startswith("/api/") and self._not_json(headers):
            answer = problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE, 415, "send the body as application/json")
            await answer(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise Refused(ProblemCode.TOO_LARGE, f"at most {MAX_BODY} bytes")
            return message

        await self._app(scope, counted, send)

    def _not_json(self, headers: dict[bytes, bytes]) -> bool:
        """Whether there is a body that is said to be something else, or nothing."""
        if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
            return False
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return media != b"application/json" and not media.endswith(b"+json")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problem(ProblemCode.TOO_LARGE, 413, f"at most {MAX_BODY} bytes")
        await answer(scope, receive, send)
