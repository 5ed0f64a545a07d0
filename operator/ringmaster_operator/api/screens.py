"""Sessions as they are seen in their terminals: once, as they change, and typed into."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from ringmaster_operator.api import problems
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.objects import missing
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.api.screen_feed import Feed, Feeds, Shown, look
from ringmaster_operator.api.watching import MEDIA, Bounds, Check, Right, Stream, event
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import WORKERS
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.resources.screens import KeysRequest, Screen, Typed
from ringmaster_operator.resources.worker import RuntimeKind, Worker
from ringmaster_operator.runtimes.protocol import KEYS, Runtime, SessionFault
from ringmaster_operator.store import Store

Body = dict[str, Any]
MOST_VIEWERS = 200
MOST_SECONDS = 3600
Lines = Annotated[int, Query(ge=1, le=2000, description="Lines at most, those that scrolled off included.")]
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events.", "content": {MEDIA: {"schema": {"type": "string"}}}}
}


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A session that somebody may see."""

    worker: Worker
    session: str
    runtime: Runtime
    typing: Body

    @property
    def key(self) -> tuple[str, str]:
        return self.worker.metadata.namespace, self.session

    def body(self, shown: Shown, at: str) -> Body:
        """The Screen, as JSON-ready dict."""
        runtime = "pod" if self.worker.spec.runtime is RuntimeKind.POD else "tmux"
        names = {"worker": self.worker.metadata.name, "session": self.session, "runtime": runtime}
        return {**names, "typing": self.typing, **shown.body(), "at": at}


@dataclass(kw_only=True)
class Screens:
    """What routes need to show sessions."""

    store: Store
    people: People
    audit: Audit
    clock: Clock
    changes: Changes
    """Says when the operator ends."""
    bounds: Bounds
    runtime_of: Callable[[Worker], Runtime | None]
    feeds: Feeds = field(default_factory=Feeds)

    async def sight(self, person: Person, namespace: str, name: str, session: str) -> Sight:
        """That session. Raises Refused."""
        worker = self.store.worker((namespace, name))
        if worker is None:
            raise missing(WORKERS, namespace, name)
        if session not in {item.name for item in worker.status.sessions}:
            raise Refused(ProblemCode.NOT_FOUND, f"Worker {name} has no session {session}")
        runtime = self.runtime_of(worker)
        if runtime is None:
            detail = f"the sessions of Worker {name} are not run by this operator: it cannot show them"
            raise Refused(ProblemCode.CONFLICT, detail)
        why = runtime.no_typing
        if not why and not await self.people.may(person, verb="update", kind=WORKERS, namespace=namespace):
            why = f"typing needs the right to update Workers in namespace {namespace}"
        return Sight(worker=worker, session=session, runtime=runtime, typing={"allowed": not why, "why": why})

    def now(self) -> str:
        """This moment as it is sent."""
        return self.clock.now().isoformat().replace("+00:00", "Z")

    async def type(self, person: Person, sight: Sight, request: KeysRequest) -> None:
        """Type into it, and say so in the audit log: that, and how much, never what. Raises Refused."""
        if not sight.typing["allowed"]:
            raise Refused(ProblemCode.CONFLICT, sight.typing["why"])
        if request.key and request.key not in KEYS:
            raise Refused(ProblemCode.INVALID, f"there is no key {request.key!r}; {', '.join(sorted(KEYS))}")
        try:
            await sight.runtime.type(sight.key, text=request.text, special=request.key)
        except SessionFault as error:
            raise Refused(ProblemCode.CONFLICT, str(error)) from error
        self.feeds.typed(sight.key)
        after = {"worker": sight.worker.metadata.name, "characters": len(request.text), "key": request.key}
        namespace = sight.worker.metadata.namespace
        await self.audit.note(
            person, "session.type", kind="Session", namespace=namespace, name=sight.session, after=after
        )

    async def pieces(self, sight: Sight, lines: int, until: float, check: Check) -> AsyncIterator[bytes]:
        """Events of one viewer. until is a time of the monotonic clock."""
        right, said, sent = Right(check, self.bounds, self.clock), self.clock.monotonic(), None
        async with self.feeds.watching(sight.runtime, sight.key, lines) as feed:
            while not self.changes.closed and (now := self.clock.monotonic()) < until:
                if (refused := await right.refused()) is not None:
                    yield event("end", None, {"code": str(refused.code), "detail": str(refused)})
                    return
                if feed.fault:
                    yield event("end", None, {"code": "not_found", "detail": feed.fault})
                    return
                text, sent = self._next(sight, feed, sent)
                if text or now - said >= self.bounds.heartbeat:
                    said = now
                    yield text or b": still here\n\n"
                if feed.shown is sent:
                    await feed.moved(min(1.0, right.due(), max(until - now, 0.01)))

    def _next(self, sight: Sight, feed: Feed, sent: Shown | None) -> tuple[bytes, Shown | None]:
        shown = feed.shown
        if shown is None or shown == sent:
            return b"", shown
        change = shown.since(sent) if sent is not None else None
        if change is None:
            return event("screen", None, sight.body(shown, self.now())), shown
        return event("change", None, {**change, "at": self.now()}), shown


def routes(screens: Screens) -> APIRouter:
    """Seeing needs the right to get Workers, typing to update them."""
    prefix = "/api/v1/namespaces/{namespace}/workers/{name}/sessions/{session}"
    router = APIRouter(prefix=prefix, tags=["workers"], responses=problems.RESPONSES)
    people = screens.people

    @router.get("/screen", operation_id="getScreen", response_model_exclude_none=True)
    async def screen(
        namespace: Name, name: Name, session: Name, lines: Lines = 200, authorization: Authorization = None
    ) -> Screen:
        """What a session shows now."""
        person = await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)
        sight = await screens.sight(person, namespace, name, session)
        try:
            shown = await look(sight.runtime, sight.key, lines)
        except SessionFault as error:
            raise Refused(ProblemCode.NOT_FOUND, str(error)) from error
        return Screen.read(sight.body(shown, screens.now()))

    @router.get("/screen/watch", operation_id="watchScreen", response_class=Stream, responses=STREAMED)
    async def watch(
        namespace: Name,
        name: Name,
        session: Name,
        lines: Lines = 200,
        seconds: Annotated[int, Query(ge=1, le=MOST_SECONDS, description="It ends then.")] = MOST_SECONDS,
        authorization: Authorization = None,
    ) -> Response:
        """What a session shows as server-sent events, at most five a second: screen, change, end."""

        async def check() -> None:
            await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)

        person = await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)
        sight = await screens.sight(person, namespace, name, session)
        if screens.feeds.viewers >= MOST_VIEWERS:
            raise Refused(ProblemCode.THROTTLED, f"{MOST_VIEWERS} look at sessions already; come again later")
        until = screens.clock.monotonic() + seconds
        return Stream(screens.pieces(sight, lines, until, check), screens.bounds.slow)

    @router.post("/keys", operation_id="typeKeys")
    async def keys(
        namespace: Name, name: Name, session: Name, request: KeysRequest, authorization: Authorization = None
    ) -> Typed:
        """Type into a session's terminal. Sessions in pods take no input."""
        person = await people.allowed(authorization, verb="update", kind=WORKERS, namespace=namespace)
        await screens.type(person, await screens.sight(person, namespace, name, session), request)
        return Typed()

    return router
