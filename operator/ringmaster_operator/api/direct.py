"""The calls that sessions make all the time, answered with no framework in between.

Claims, heartbeats and reports are most of what comes. FastAPI's own work on one takes as long as ours; here
the same models read and write it. Whatever is not plainly one of these calls, or is refused before anything
was done, goes on to the routes, which say the same of it in their own words: they are the protocol, and what
is described.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringmaster_operator.api.problems import MAX_BODY, told
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.resources.base import Model

Answer = Callable[[Caller, str, Any, Scope], Awaitable[Model]]
"""What a call does: who calls, the claim that its path names, its body."""
MEDIA = b"application/json"


@dataclass(frozen=True)
class Way:
    """One call: POST to a path, in which `(...)` is the claim's id where there is one."""

    path: re.Pattern[str]
    model: type[Model]
    answer: Answer


class Direct:
    """ASGI middleware; outside of all that looks at a call, but inside of what answers the unforeseen."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, turns: Turns, ways: tuple[Way, ...]) -> None:
        """Whoever looks has turns, behind the calls that are answered here."""
        self._app = app
        self._tokens = tokens
        self._turns = turns
        self._ways = ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._way(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        with self._turns.working():
            await self._answer(*found, scope, receive, send)

    async def _answer(self, way: Way, claim_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        if body is None:
            return  # the caller has gone
        request = _read(way.model, body)
        if request is None:
            await self._app(scope, _again(body, receive), send)
            return
        try:
            caller = await self._tokens.caller(_authorization(scope))
            answer = await way.answer(caller, claim_id, request, scope)
        except Exception as error:
            problem = told(error)
            if problem is None:
                raise
            await problem(scope, receive, send)
            return
        await _send(send, answer.model_dump_json(by_alias=True, exclude_none=True).encode())

    def _way(self, scope: Scope) -> tuple[Way, str] | None:
        """Which call it plainly is."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _plain(scope):
            return None
        for way in self._ways:
            if found := way.path.fullmatch(scope["path"]):
                return way, found[1] if way.path.groups else ""
        return None


def _plain(scope: Scope) -> bool:
    """Whether it came by our server, with JSON of a length that is told and allowed, and each header once."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    return (
        headers.get(b"content-type") == MEDIA
        and length.isdigit()
        and int(length) <= MAX_BODY
        and b"transfer-encoding" not in headers
        and len(headers) == len(scope["headers"])
        and "gone" in scope.get("state", ())
    )


def _authorization(scope: Scope) -> str | None:
    given = dict(scope["headers"]).get(b"authorization")
    return None if given is None else given.decode("latin-1")


async def _whole(receive: Receive) -> bytes | None:
    """The body; None where its sender went away before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _read(model: type[Model], body: bytes) -> Model | None:
    """None where it is not what it should be; the routes say why."""
    try:
        return model.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError):
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, and then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return first.pop() if first else await receive()

    return given


async def _send(send: Send, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", MEDIA)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
