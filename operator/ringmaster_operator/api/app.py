"""The HTTP API: workers' protocol under /api/v1, health, readiness, metrics."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Scope

from ringmaster_operator import metrics
from ringmaster_operator.api import problems
from ringmaster_operator.api.caller import Callers, Networks
from ringmaster_operator.api.direct import Direct, Way
from ringmaster_operator.api.document import document
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.claims.records import Records
from ringmaster_operator.claims.service import Caller, ClaimService
from ringmaster_operator.clock import Clock
from ringmaster_operator.dashboard import serving as dashboard
from ringmaster_operator.resources.protocol import (
    Asked,
    AskRequest,
    ClaimAnswer,
    ClaimRequest,
    Ended,
    HeartbeatAnswer,
    HeartbeatRequest,
    ProblemCode,
    ReleaseRequest,
    ReportAnswer,
    ReportRequest,
    WorkAnswer,
)
from ringmaster_operator.resources.records import RecordsAnswer, RecordsRequest


def build(
    *,
    service: ClaimService,
    records: Records,
    tokens: Tokens,
    ready: Callable[[], str],
    people: Sequence[APIRouter] = (),
    trusted: Networks = (),
    web_url: str = "",
    once: Callable[[ASGIApp], ASGIApp] | None = None,
    turns: Turns | None = None,
) -> FastAPI:
    """The application; `ready()` is empty when the operator is ready, else it says what it waits for.

    people are the routes that are not the workers' protocol; trusted are the networks of proxies; once
    keeps answers for calls that are sent again; turns are what those who look wait for while sessions work.
    """
    app = FastAPI(
        title="Ringmaster",
        version="v1",
        summary="The protocol between Ringmaster and its workers, and what people ask of it",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    if once is not None:
        app.add_middleware(once)
    app.add_middleware(problems.BodyLimit)
    app.add_middleware(Callers, trusted=trusted, web_url=web_url)
    app.add_middleware(Direct, tokens=tokens, turns=turns or Turns(Clock()), ways=_ways(service))
    problems.install(app)
    app.include_router(_protocol(service, records, tokens))
    for router in people:
        app.include_router(router)
    app.include_router(_probes(ready))
    app.openapi = lambda: document(app)  # type: ignore[method-assign]

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def described() -> JSONResponse:
        # Made when first asked for, in a thread: it takes a second that no heartbeat should wait for.
        return JSONResponse(await asyncio.to_thread(document, app))

    return app


def waiting(waits: Callable[[], str]) -> FastAPI:
    """What answers before there is anything to serve: probes, and for all else what is waited for."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_probes(waits))
    app.include_router(dashboard.routes())

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def later(path: str) -> Response:
        return problems.problem(ProblemCode.UNAVAILABLE, 503, waits() or "starting")

    return app


def _protocol(service: ClaimService, records: Records, tokens: Tokens) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["protocol"], responses=problems.RESPONSES)

    async def caller(authorization: Annotated[str | None, Header()] = None) -> Caller:
        return await tokens.caller(authorization)

    Who = Annotated[Caller, Depends(caller)]

    @router.post("/claims", operation_id="claimBead", response_model_exclude_none=True)
    async def claim(who: Who, request: ClaimRequest, http: Request) -> ClaimAnswer:
        """Pick and take the bead that matters most, or wait for one (long poll)."""

        async def alive() -> bool:
            gone: Callable[[], bool] | None = getattr(http.state, "gone", None)
            return not (await http.is_disconnected() if gone is None else gone())

        return await service.claim(who, request, alive)

    @router.post("/claims/{claim_id}/heartbeat", operation_id="heartbeat", response_model_exclude_none=True)
    async def heartbeat(who: Who, claim_id: str, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Keep the claim, tell the progress, learn what to do."""
        return await service.heartbeat(who, claim_id, request)

    @router.get("/claims/{claim_id}/work", operation_id="getWork", response_model_exclude_none=True)
    async def work(who: Who, claim_id: str, fence: Annotated[int, Query(ge=1)]) -> WorkAnswer:
        """The bead as it is now: asked before the agent starts and before its work is published."""
        return await service.work(who, claim_id, fence)

    @router.post("/claims/{claim_id}/reports", operation_id="report", response_model_exclude_none=True)
    async def report(who: Who, claim_id: str, request: ReportRequest) -> ReportAnswer:
        """Report an iteration; committed when this answers."""
        return await service.report(who, claim_id, request)

    @router.post(
        "/claims/{claim_id}/reports/{report_id}/records",
        operation_id="keepRecords",
        response_model_exclude_none=True,
    )
    async def keep_records(who: Who, claim_id: str, report_id: str, request: RecordsRequest) -> RecordsAnswer:
        """Keep what a reported iteration left: prompt, transcript, diff."""
        return await records.take(who, claim_id, report_id, request)

    @router.post("/claims/{claim_id}/question", operation_id="ask", response_model_exclude_none=True)
    async def ask(who: Who, claim_id: str, request: AskRequest) -> Asked:
        """Ask a person while the agent goes on; the heartbeat brings the answer."""
        return await service.ask(who, claim_id, request)

    @router.post("/claims/{claim_id}/release", operation_id="release", response_model_exclude_none=True)
    async def release(who: Who, claim_id: str, request: ReleaseRequest) -> Ended:
        """Give the bead back without a verdict."""
        return await service.release(who, claim_id, request)

    return router


def _ways(service: ClaimService) -> tuple[Way, ...]:
    """The calls of the protocol that come all the time; each does what its route does."""

    async def claim(who: Caller, _: str, request: ClaimRequest, scope: Scope) -> ClaimAnswer:
        gone: Callable[[], bool] = scope["state"]["gone"]

        async def alive() -> bool:
            return not gone()

        return await service.claim(who, request, alive)

    async def heartbeat(who: Caller, claim_id: str, request: HeartbeatRequest, _: Scope) -> HeartbeatAnswer:
        return await service.heartbeat(who, claim_id, request)

    async def report(who: Caller, claim_id: str, request: ReportRequest, _: Scope) -> ReportAnswer:
        return await service.report(who, claim_id, request)

    return (
        Way(re.compile("/api/v1/claims"), ClaimRequest, claim),
        Way(re.compile("/api/v1/claims/([^/]+)/heartbeat"), HeartbeatRequest, heartbeat),
        Way(re.compile("/api/v1/claims/([^/]+)/reports"), ReportRequest, report),
    )


def _probes(ready: Callable[[], str]) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    async def readyz() -> PlainTextResponse:
        waits = ready()
        return PlainTextResponse(f"{waits or 'ok'}\n", status_code=503 if waits else 200)

    @router.get("/metrics")
    async def scrape() -> Response:
        metrics.tasks.set(len(asyncio.all_tasks()))
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
