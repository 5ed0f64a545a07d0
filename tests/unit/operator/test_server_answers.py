"""What our server adds to every answer, whatever application gives it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ringmaster_operator.server import HEAD_BYTES, Front


async def broken(_: Request) -> Response:
    raise RuntimeError("nobody foresaw it")


async def own(_: Request) -> Response:
    return PlainTextResponse("x", headers={"Content-Security-Policy": "sandbox", "Cache-Control": "public"})


async def tagged(_: Request) -> Response:
    return PlainTextResponse("x", headers={"ETag": '"1"'})


async def whole(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


ROUTES = [
    Route("/broken", broken),
    Route("/own", own),
    Route("/tagged", tagged),
    Route("/whole", whole, methods=["POST"]),
]


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
    front = Front("127.0.0.1", 0, Starlette(routes=ROUTES))
    front.start()
    async with httpx2.AsyncClient(base_url=front.url) as client:
        answer = await client.get(f"/{path}")
    await front.close()
    assert answer.status_code == {"broken": 500, "nowhere": 404}.get(path, 200)
    assert answer.headers.get_list("content-security-policy") == [policy]
    assert answer.headers["cache-control"] == cache
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


async def connected(front: Front) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a front that has just been started."""
    host, _, port = front.url.removeprefix("http://").rpartition(":")
    async with asyncio.timeout(10):
        while True:
            with suppress(ConnectionError):
                return await asyncio.open_connection(host, int(port))
            await asyncio.sleep(0.01)


async def exchange(front: Front, *pieces: bytes) -> bytes:
    """What a connection answers until it is closed; nothing where that is reset."""
    reader, writer = await connected(front)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /tagged HTTP/1.1\r\nHost: x\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
        (b"GET /tagged HTTP/1.1\r\nHost: x\r\nX-Filler: ", b"x" * 1000),
        (b"GET /tagged?", b"x" * 1000),
        (
            b"POST /whole HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-Filler: " + b"x" * 1000 + b"\r\n",
        ),
    ],
    ids=["many headers", "a long header", "a long address", "trailers"],
)
async def test_a_head_that_does_not_end_is_refused(start: bytes, more: bytes) -> None:
    front = Front("127.0.0.1", 0, Starlette(routes=ROUTES))
    front.start()
    answer = await exchange(front, start, *[more] * (8 * HEAD_BYTES // 1000))  # read in pieces of 256 KiB
    await front.close()
    assert answer[:13] in (b"HTTP/1.1 400 ", b"")


async def test_a_head_below_the_limit_and_a_long_body_are_taken() -> None:
    front = Front("127.0.0.1", 0, Starlette(routes=ROUTES))
    front.start()
    async with httpx2.AsyncClient(base_url=front.url) as client:
        long = await client.get("/tagged", headers={"X-Filler": "x" * (HEAD_BYTES - 1000)})
        body = await client.post("/whole", content=b"x" * 4 * HEAD_BYTES)
        again = await client.post("/whole", content=b"x" * 4 * HEAD_BYTES)
    await front.close()
    assert long.status_code == 200
    assert [body.text, again.text] == [str(4 * HEAD_BYTES)] * 2


async def test_a_request_knows_when_its_caller_has_gone() -> None:
    known: list[bool] = []
    told = asyncio.Event()

    async def waits(request: Request) -> Response:
        known.append(request.state.gone())
        while not request.state.gone():
            await asyncio.sleep(0.01)
        told.set()
        return Response()

    front = Front("127.0.0.1", 0, Starlette(routes=[Route("/waits", waits)]))
    front.start()
    _, writer = await connected(front)
    writer.write(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.1)
    writer.close()
    await asyncio.wait_for(told.wait(), 10)
    await front.close()
    assert known == [False]
