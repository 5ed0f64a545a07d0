"""The calls that are answered directly are answered as their routes answer them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from starlette.types import Message, Scope

from ringmaster_operator.api.app import build
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.claims.records import Records
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.claims.service import ClaimService
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import HistoryUnavailable
from ringmaster_operator.kube import KubeUnavailable
from ringmaster_operator.resources.protocol import (
    ClaimAnswer,
    HeartbeatAnswer,
    Next,
    NoWork,
    Order,
    ProblemCode,
    ReportAnswer,
    Verdict,
)

FAULTS = {
    "refused": Refused(ProblemCode.FENCED, "fence 1 is not the claim's fence 2"),
    "auth": AuthError(ProblemCode.THROTTLED, "later", retry_after=7.5),
    "kube": KubeUnavailable(0, "it does not answer"),
    "history": HistoryUnavailable("locked"),
    "nobody": ZeroDivisionError("foresaw it"),
}
"""By the session that meets them."""
CLAIM = {"claimId": "claim-01", "worker": "fleet", "session": "fleet-0", "waitSeconds": 2}
BEAT = {"fence": 2, "iteration": 1, "progress": {"note": "x"}}
REPORT = {
    "reportId": "report-01",
    "fence": 2,
    "iteration": 1,
    "outcome": {"kind": "success", "summary": "done"},
    "startedAt": "2026-11-30T01:00:00Z",
    "finishedAt": "2026-11-30T01:00:01Z",
}


class Service:
    """Answers, or fails as it is asked to; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def claim(self, who: Caller, request: Any, alive: Any) -> ClaimAnswer:
        self.asked.append((who, request, await alive()))
        if fault := FAULTS.get(request.session):
            raise fault
        return ClaimAnswer(none=NoWork(verdict=Verdict.NOTHING, reason="nichts übrig: \u2028 ✓"))

    async def heartbeat(self, who: Caller, claim_id: str, request: Any) -> HeartbeatAnswer:
        self.asked.append((who, claim_id, request))
        return HeartbeatAnswer(order=Order.CONTINUE, lease_seconds=60)

    async def report(self, who: Caller, claim_id: str, request: Any) -> ReportAnswer:
        self.asked.append((who, claim_id, request))
        return ReportAnswer(next=Next.ITERATE, iteration=2)


class People:
    """Knows one token."""

    async def caller(self, authorization: str | None) -> Caller:
        if authorization != "Bearer good":
            raise Refused(ProblemCode.UNAUTHENTICATED, f"not {authorization}")
        return Caller(namespace="ns", worker="fleet")


service = Service()
turns = Turns(Clock(), behind=3600, call=3600)
"""Of those who look."""
app = build(
    service=cast(ClaimService, service),
    records=cast(Records, None),
    tokens=cast(Tokens, People()),
    ready=lambda: "",
    turns=turns,
)


async def call(path: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[Any, ...]:
    """What is answered (status, headers, body), what the service was asked, and whether a route was."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2),
        "scheme": "http",
        "root_path": "",
        "headers": [(b"host", b"x"), *headers],
        "state": {"gone": lambda: False},
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    left = [body[:9], body[9:]]
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    service.asked = []
    try:
        await app(scope, receive, send)
    except ZeroDivisionError:
        assert "nobody" in str(body)
    start, *rest = sent
    return (
        start["status"],
        sorted(start["headers"]),
        b"".join(part["body"] for part in rest),
        service.asked,
        "endpoint" in scope,
    )


def good(**more: bytes) -> list[tuple[bytes, bytes]]:
    given = {"content_type": b"application/json", "authorization": b"Bearer good", **more}
    return [(name.replace("_", "-").encode(), value) for name, value in given.items()]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("claims", CLAIM),
        ("claims", {"claim_id": "claim-01", "worker": "fleet", "session": "fleet-0", "bead": None}),
        ("claims/c1/heartbeat", BEAT),
        ("claims/ü%2F%20/heartbeat", {"fence": 2, "iteration": 1}),
        ("claims/c1/reports", REPORT),
        *(("claims", {**CLAIM, "session": session}) for session in FAULTS),
    ],
)
async def test_a_good_call_is_answered_the_same_without_a_route(path: str, body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    length = str(len(data)).encode()
    *direct, routed = await call(f"/api/v1/{path}", data, good(content_length=length))
    assert not routed
    assert len(service.asked) == 1
    other = good(content_length=length, content_type=b"application/json; charset=utf-8")
    *by_route, routed = await call(f"/api/v1/{path}", data, other)
    assert routed
    assert direct == by_route


BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"[" * 100_000,
    b'{"claimId":"claim-01","worker":"fleet","session":"s","waitSeconds":NaN}',
    b'{"claimId":"claim-01","worker":"fleet","session":"s","more":1}',
    b'{"claimId":"claim-01","worker":"fleet"}',
    b"\xff\xfe{",
    json.dumps(CLAIM).encode("utf-16"),
    b"x" * ((1 << 20) + 1),
)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("token", [b"Bearer good", b"Bearer bad", None])
async def test_whatever_else_comes_is_answered_as_the_routes_do(body: bytes, token: bytes | None) -> None:
    headers = [pair for pair in good(content_length=str(len(body)).encode()) if pair[0] != b"authorization"]
    headers += [(b"authorization", token)] if token else []
    *direct, _ = await call("/api/v1/claims", body, headers)
    other = [(name, value + b"; x=y" if name == b"content-type" else value) for name, value in headers]
    *by_route, _ = await call("/api/v1/claims", body, other)
    assert direct == by_route
    assert direct[0] in ((200,) if body == BODIES[-2] and token == b"Bearer good" else (401, 413, 422))


async def test_a_call_that_is_not_plain_goes_to_its_route() -> None:
    data = json.dumps(CLAIM).encode()
    length = (b"content-length", str(len(data)).encode())
    for headers in (
        good(),  # of no length
        [*good(), length, (b"authorization", b"Bearer bad")],
        [*good(), length, (b"transfer-encoding", b"chunked")],
    ):
        status, _, _, _, routed = await call("/api/v1/claims", data, headers)
        assert (status, routed) == (200, True)
    assert (await call("/api/v1/claims", data, [length, *good(content_type=b"text/plain")]))[0] == 415
    assert (await call("/api/v1/claimsx", data, [length, *good()]))[0] == 404


async def test_who_looks_waits_until_a_session_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[asyncio.Task[None]] = []

    async def claim(who: Caller, request: Any, alive: Any) -> ClaimAnswer:
        looks.append(asyncio.create_task(turns.mine()))
        await asyncio.sleep(0.02)
        assert not looks[0].done()
        return ClaimAnswer(none=NoWork(verdict=Verdict.NOTHING, reason="nothing left"))

    monkeypatch.setattr(service, "claim", claim)
    data = json.dumps(CLAIM).encode()
    status, *_ = await call("/api/v1/claims", data, good(content_length=str(len(data)).encode()))
    assert status == 200
    async with asyncio.timeout(10):
        await looks[0]
