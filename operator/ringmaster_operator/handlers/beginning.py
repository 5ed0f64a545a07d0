"""Where a watch begins: kopf lists all objects before it watches them, and here it gets an empty list.

The operator has listed everything itself by then, with a fraction of the time and memory: kopf makes a task
of each object. Of its own list kopf needs only the resourceVersion from which it watches. What changed before
that is found by whoever is told that a watch begins, with a list of names and versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any

import aiohttp
import kopf

NOBODY = "metadata.name=-"
"""A field selector for a name that no object can have: the API server looks up one key."""

Began = Callable[[str], None]
"""Called in kopf's thread with the plural of a kind whose watch begins anew."""


async def login(
    prefix: str, plurals: Collection[str], began: Began, **given: Any
) -> kopf.AiohttpSession | None:
    """kopf's own way to the API server, with a session that empties the lists of these kinds.

    prefix: path of their API, as `/apis/GROUP/VERSION/`.
    """
    info = await asyncio.to_thread(kopf.login_via_client, **given)
    if info is None:
        return None

    async def emptied(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        plural = request.url.path.rpartition("/")[2]
        lists = request.method == "GET" and "watch" not in request.url.query
        if not lists or plural not in plurals or prefix not in request.url.path:
            return await send(request)
        request.url = request.url.update_query(fieldSelector=NOBODY)
        answer = await send(request)
        if answer.status == HTTPStatus.OK:
            began(plural)
        return answer

    return kopf.AiohttpSession(
        server=info.server,
        default_namespace=info.default_namespace,
        priority=info.priority,
        expiration=info.expiration,
        aiohttp_session=aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            trust_env=info.trust_env,
            middlewares=(emptied,),
        ),
    )
