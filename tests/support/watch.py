"""Reading server-sent events, over one plain connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class Event:
    """One event, or a comment (of name "")."""

    name: str
    id: str
    data: Any


async def events(client: httpx2.AsyncClient, url: str, **more: Any) -> AsyncIterator[Event]:
    """The events of a stream as they come, until it ends; AssertionError for an answer that is no stream."""
    async with client.stream("GET", url, **more) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif fields:
                data = json.loads(fields["data"]) if "data" in fields else None
                yield Event(fields.get("event", ""), fields.get("id", ""), data)
                fields = {}
