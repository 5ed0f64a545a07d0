"""`watch`: changes as server-sent events."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from ringmaster_operator.api import problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.glances import Glances
from ringmaster_operator.api.people import People
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS, WORKERS
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name

HEARTBEAT_SECONDS = 15.0
"""Proxies end connections on which nothing comes; a comment is something."""
SLOW_SECONDS = 20.0
"""How long a watcher may take to accept what is sent; then the connection is given up."""
MOST_WATCHERS = 500
MOST_SECONDS = 3600
MEDIA = "text/event-stream"


class Watched(StrEnum):
    """Kinds to be watched."""

    BEADS = "beads"
    WORKERS = "workers"
    EVENTS = "events"
    OVERVIEW = "overview"


WORDS = {
    Watched.BEADS: ("bead", (BEADS,)),
    Watched.WORKERS: ("worker", (WORKERS,)),
    Watched.EVENTS: ("event", (BEADS, WORKERS)),
    Watched.OVERVIEW: ("overview", (BEADS, WORKERS)),
}
"""What a change is called, and the kinds of which one needs the right to watch them."""
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Bounds:
    """How long things may take, in seconds."""

    recheck: float
    """Between looks at whether the watcher still may."""
    grace: float
    """How long it goes on while nobody can say so."""
    heartbeat: float = HEARTBEAT_SECONDS
    slow: float = SLOW_SECONDS


class Stream(Response):
    """One watcher's answer; it ends by itself when its time is over or its rights are."""

    media_type = MEDIA

    def __init__(self, pieces: AsyncIterator[bytes], slow: float, status_code: int = 200) -> None:
        super().__init__(
            status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._pieces = pieces
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._pieces) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                try:
                    async with asyncio.timeout(self._slow):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                except TimeoutError:
                    return  # the server closes the connection of an answer that has no end
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def pieces(
    changes: Changes,
    namespace: str,
    kinds: frozenset[str],
    *,
    last: str | None,
    until: float,
    check: Check,
    bounds: Bounds,
    clock: Clock,
    glances: Glances | None = None,
) -> AsyncIterator[bytes]:
    """What is sent: a place to begin from, changes, comments, and why it ends.

    until is a time of the monotonic clock; with glances, how the namespace stands is sent, too.
    """
    ring, had = changes.enter(namespace), 0
    glance = None if glances is None else glances.enter(namespace, ring)
    try:
        place = changes.number(last)
        if place is None or not ring.keeps(place):
            place = ring.newest
            yield event("reset" if last else "ready", ring.identifier(place), {"retry": 2000})
        right, said = Right(check, bounds, clock), clock.monotonic()
        while not changes.closed and (now := clock.monotonic()) < until:
            if (refused := await right.refused()) is not None:
                yield event("end", None, {"code": str(refused.code), "detail": str(refused)})
                return
            found = ring.piece(kinds, place)
            if found is None or found[0] or (glance is not None and had != glance.number):
                await changes.turns.mine()
                found = ring.piece(kinds, place)  # with what came meanwhile
            if found is None:
                found = event("reset", ring.identifier(ring.newest), {}), ring.newest
            piece, place = found
            if glance is not None and place >= ring.shown and had != glance.number:
                piece, had = piece + glance.text, glance.number
            if piece or now - said >= bounds.heartbeat:
                said = now
                yield piece or b": still here\n\n"
            if place >= ring.shown and (glance is None or had == glance.number):
                await ring.moved(min(bounds.heartbeat, right.due(), max(until - clock.monotonic(), 0.01)))
    finally:
        if glances is not None:
            glances.leave(namespace)
        changes.leave(namespace)


def event(name: str, identifier: str | None, data: dict[str, Any]) -> bytes:
    """One event as it is sent; data may have a `retry`, milliseconds until a client comes again."""
    retry = data.pop("retry", None)
    lines = [f"event: {name}", *([f"id: {identifier}"] if identifier else []), f"data: {json.dumps(data)}"]
    return "\n".join([*lines, *([f"retry: {retry}"] if retry else []), "", ""]).encode("utf-8", "replace")


class Right:
    """Whether the watcher still may, looked at every so often."""

    def __init__(self, check: Check, bounds: Bounds, clock: Clock) -> None:
        self._check, self._bounds, self._clock = check, bounds, clock
        self._looked = self._sure = clock.monotonic()

    def due(self) -> float:
        """Seconds until the next look."""
        return max(self._looked + self._bounds.recheck - self._clock.monotonic(), 0.01)

    async def refused(self) -> Refused | AuthError | None:
        """Why not; None while the watcher may, or while nobody can say and it is not long."""
        now = self._clock.monotonic()
        if now - self._looked < self._bounds.recheck:
            return None
        self._looked = now
        try:
            await self._check()
        except (Refused, AuthError) as refused:
            unsure = refused.code is ProblemCode.UNAVAILABLE and now - self._sure <= self._bounds.grace
            return None if unsure else refused
        self._sure = now
        return None


def routes(changes: Changes, glances: Glances, people: People, clock: Clock, bounds: Bounds) -> APIRouter:
    """It needs the right to watch each of the kinds; for the overview, as for its call, to list them."""
    router = APIRouter(prefix="/api/v1/namespaces/{namespace}", tags=["watch"], responses=problems.RESPONSES)
    streamed: dict[int | str, dict[str, Any]] = {
        200: {"description": "Events.", "content": {MEDIA: {"schema": {"type": "string"}}}}
    }

    @router.get("/watch", operation_id="watchNamespace", response_class=Stream, responses=streamed)
    async def watch(
        namespace: Name,
        kinds: Annotated[list[Watched], Query(min_length=1, max_length=4)] = [Watched.BEADS, Watched.WORKERS],  # noqa: B006
        seconds: Annotated[int, Query(ge=1, le=MOST_SECONDS, description="It ends then.")] = MOST_SECONDS,
        last_event_id: Annotated[
            str | None, Header(alias="Last-Event-ID", max_length=64, description="Go on after this one.")
        ] = None,
        authorization: Authorization = None,
    ) -> Response:
        """Changes of beads and Workers as server-sent events: bead, worker, event, ready, reset, end.

        With kinds=overview also how the namespace stands, as getOverview says it: at first, and whenever
        that has changed, four times a second at most.
        """
        needed = {
            f"{verb} {resource.plural}": (verb, resource)
            for kind in kinds
            for verb in (("watch", "list") if kind is Watched.OVERVIEW else ("watch",))
            for resource in WORDS[kind][1]
        }

        async def check() -> None:
            for verb, resource in needed.values():
                await people.allowed(authorization, verb=verb, kind=resource, namespace=namespace)

        await check()
        if changes.watchers >= MOST_WATCHERS:
            raise Refused(ProblemCode.THROTTLED, f"{MOST_WATCHERS} watch already; come again later")
        made = pieces(
            changes,
            namespace,
            frozenset(WORDS[kind][0] for kind in kinds if kind is not Watched.OVERVIEW),
            last=last_event_id,
            until=clock.monotonic() + seconds,
            check=check,
            bounds=bounds,
            clock=clock,
            glances=glances if Watched.OVERVIEW in kinds else None,
        )
        return Stream(made, bounds.slow)

    return router
