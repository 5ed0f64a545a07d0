"""`Idempotency-Key`: a POST that is sent again is acted upon once, and gets the first answer again.

A key is one person's, and of an API token that token's: it reads nothing of what a stronger one did. What
was answered well is kept for a day, and kept before it is answered; what was refused has changed nothing and
may be tried again under the same key.
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringmaster_operator.api.people import People
from ringmaster_operator.api.problems import problem
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.claims.refusals import STATUS, Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable, KeptAnswer
from ringmaster_operator.resources.protocol import ProblemCode

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"
PREFIX = "/api/v1/namespaces/"
"""Elsewhere answers may hold secrets, which are shown once."""
KEPT = timedelta(days=1)
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Any text: the same call with it again gets the first answer, for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}
_KEY = re.compile(rb"[!-~]{1,128}")


class Once:
    """ASGI middleware; inside of what knows the call, since it asks who calls."""

    def __init__(self, app: ASGIApp, *, people: People, history: History, clock: Clock) -> None:
        self._app = app
        self._people = people
        self._history = history
        self._clock = clock
        self._running: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        key = headers.get(HEADER.lower().encode())
        post = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(PREFIX)
        if not post or key is None:
            await self._app(scope, receive, send)
        elif _KEY.fullmatch(key) is None:
            answer = _refusal(ProblemCode.INVALID, f"{HEADER}: 1 to 128 visible ASCII characters")
            await answer(scope, receive, send)
        else:
            await self._once(scope, receive, send, headers.get(b"authorization"), key.decode())

    async def _once(
        self, scope: Scope, receive: Receive, send: Send, authorization: bytes | None, key: str
    ) -> None:
        try:
            body = await _whole(receive)
        except Refused as refused:
            await _refusal(refused.code, str(refused))(scope, receive, send)
            return
        told = _Told(body, receive)
        try:
            given = authorization.decode("latin-1") if authorization is not None else None
            person = (await self._people.person(given)).rights
        except (Refused, AuthError):
            await self._app(scope, told, send)  # which refuses it in its own words
            return
        mark = (person, key)
        if mark in self._running:
            await _refusal(ProblemCode.CONFLICT, f"the call with this {HEADER} is being answered")(
                scope, receive, send
            )
            return
        self._running.add(mark)
        try:
            await self._answer(scope, told, send, mark, _digest(scope, body))
        finally:
            self._running.discard(mark)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, mark: tuple[str, str], digest: str
    ) -> None:
        person, key = mark
        now = self._clock.now()
        try:
            kept = await self._history.find_answer(person=person, key=key, since=now - KEPT)
        except HistoryUnavailable as error:
            await _refusal(ProblemCode.UNAVAILABLE, f"the history database: {error}")(scope, receive, send)
            return
        if kept is not None:
            await _again(kept, digest)(scope, receive, send)
            return
        heard = _Heard()
        await self._app(scope, receive, heard)
        if 200 <= heard.status < 300:
            answer = heard.kept(digest)
            try:
                await self._history.keep_answer(
                    person=person, key=key, answer=answer, now=now, expired=now - KEPT
                )
            except HistoryUnavailable as error:
                log.warning("the answer to a call with %s is not kept: %s", HEADER, error)
        for message in heard.messages:
            await send(message)


class _Told:
    """What the call brought, once more."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Heard:
    """What the app answers, held back."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.status = 0
        self._headers: dict[bytes, bytes] = {}

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = dict(message["headers"])

    def kept(self, digest: str) -> KeptAnswer:
        """The answer as it is kept."""
        return KeptAnswer(
            digest=digest,
            status=self.status,
            media=self._headers.get(b"content-type", b"").decode("latin-1"),
            etag=self._headers.get(b"etag", b"").decode("latin-1"),
            body=b"".join(message.get("body", b"") for message in self.messages),
        )


def _again(kept: KeptAnswer, digest: str) -> Response:
    if kept.digest != digest:
        return _refusal(ProblemCode.INVALID, f"this {HEADER} was given to another call: use a fresh one")
    headers = {REPEATED: "true", **({"ETag": kept.etag} if kept.etag else {})}
    if kept.media:
        headers["Content-Type"] = kept.media
    return Response(kept.body, status_code=kept.status, headers=headers)


async def _whole(receive: Receive) -> bytes:
    """The body; Refused when it is too large."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _digest(scope: Scope, body: bytes) -> str:
    asked = f"{scope['method']} {scope['path']}?".encode() + scope.get("query_string", b"") + b"\n"
    return hashlib.sha256(asked + body).hexdigest()


def _refusal(code: ProblemCode, detail: str) -> Response:
    return problem(code, STATUS[code], detail)
