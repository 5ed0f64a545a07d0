"""What our server adds to every answer, whatever application gives it."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ringmaster_operator.server import Front


async def broken(_: Request) -> Response:
    raise RuntimeError("nobody foresaw it")


async def own(_: Request) -> Response:
    return PlainTextResponse("x", headers={"Content-Security-Policy": "sandbox", "Cache-Control": "public"})


async def tagged(_: Request) -> Response:
    return PlainTextResponse("x", headers={"ETag": '"1"'})


@pytest.mark.parametrize(
    ("path", "policy", "cache"),
    [
        ("broken", "default-src 'none'; frame-ancestors 'none'", "no-store"),
        ("nowhere", "default-src 'none'; frame-ancestors 'none'", "no-store"),
        ("tagged", "default-src 'none'; frame-ancestors 'none'", "private, no-cache"),
        ("own", "sandbox", "public"),
    ],
)
async def test_every_answer_is_guarded_also_of_what_breaks(path: str, policy: str, cache: str) -> None:
    routes = [Route("/broken", broken), Route("/own", own), Route("/tagged", tagged)]
    front = Front("127.0.0.1", 0, Starlette(routes=routes))
    front.start()
    async with httpx2.AsyncClient(base_url=front.url) as client:
        answer = await client.get(f"/{path}")
    await front.close()
    assert answer.status_code == {"broken": 500, "nowhere": 404}.get(path, 200)
    assert answer.headers.get_list("content-security-policy") == [policy]
    assert answer.headers["cache-control"] == cache
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
