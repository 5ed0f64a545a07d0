"""Sessions as the bench has them: their HTTP client is the one that the bare patches have too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from support.sessions import Session

SECONDS = 60


@dataclass
class Caller(Session):
    """A session whose own work is small beside the operator's: both share the machine."""

    http: aiohttp.ClientSession | None = None

    async def call(self, method: str, path: str, body: object = None, **query: Any) -> tuple[int, Any]:
        if self.http is None:
            self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS))
        async with self.http.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            params=query or None,
            headers={"Authorization": f"Bearer {self.token}"},
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def close(self) -> None:
        await super().close()
        if self.http is not None:
            await self.http.close()
