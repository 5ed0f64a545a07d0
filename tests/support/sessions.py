"""A session that speaks the protocol over HTTP with a real token, and does whatever a test wants of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from ringmaster_operator.claims.reports import INLINE_SECONDS
from ringmaster_operator.resources.protocol import Claimed
from ringmaster_operator.resources.records import packed
from support.manifests import account, worker

OPEN: list[Session] = []
"""Sessions that nobody has closed: a test that fails leaves some, which must not trouble the next one."""


def fresh_id() -> str:
    return str(uuid.uuid4())


def make_worker(cluster: Any, namespace: str, name: str = "fleet", **spec: Any) -> str:
    """A Worker with its service account, and a token of it as a tmux host would ask for."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [account(name), worker(name, **spec)]})
    cluster.kubectl("apply", "--namespace", namespace, "--filename=-", stdin=text)
    return token_of(cluster, namespace, name)


def token_of(cluster: Any, namespace: str, name: str, *, audience: str = "ringmaster") -> str:
    found: str = cluster.kubectl(
        "create", "token", f"ringmaster-worker-{name}", "--namespace", namespace, f"--audience={audience}"
    )
    return found.strip()


@dataclass(eq=False)
class Session:
    """One session of a Worker. Calls return (status, body)."""

    url: str
    token: str
    worker: str = "fleet"
    name: str = "fleet-0"
    client: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=60))

    def __post_init__(self) -> None:
        OPEN.append(self)

    async def call(self, method: str, path: str, body: object = None, **query: Any) -> tuple[int, Any]:
        answer = await self.client.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            params=query or None,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        return answer.status_code, answer.json()

    async def ask(self, *, claim_id: str | None = None, wait: float = 0, **more: Any) -> tuple[int, Any]:
        body = {
            "claimId": claim_id or fresh_id(),
            "worker": self.worker,
            "session": self.name,
            "waitSeconds": wait,
            **more,
        }
        return await self.call("POST", "/claims", body)

    async def pull(self, *, wait: float = 0, **more: Any) -> Claimed | None:
        """A claim, or None when there is nothing to do."""
        status, body = await self.ask(wait=wait, **more)
        assert status == 200, body
        return Claimed.read(body["claimed"]) if "claimed" in body else None

    async def report(self, claimed: Claimed, kind: str = "success", **more: Any) -> tuple[int, Any]:
        """Report the claim's iteration; `fence`, `report_id`, `iteration` and body fields may be given.

        The bead's status tells of it then, too: the operator itself waits for that, but two seconds at most.
        """
        began = time.monotonic()
        found = await self.call("POST", f"/claims/{claimed.claim_id}/reports", report(claimed, kind, **more))
        if found[0] == 200 and time.monotonic() - began > INLINE_SECONDS:
            await self._applied()
        return found

    async def _applied(self) -> None:
        """Until no report waits for its place in a bead's status."""
        async with asyncio.timeout(120):
            while "\nringmaster_outbox 0.0\n" not in (await self.client.get(f"{self.url}/metrics")).text:
                await asyncio.sleep(0.1)

    async def keep(
        self, claimed: Claimed, report_id: str, content: dict[str, Any], kind: str = "prompt", **more: Any
    ) -> tuple[int, Any]:
        """Send a record of a reported iteration."""
        body = {"fence": claimed.fence, "records": [{"kind": kind, "data": packed(content)}], **more}
        return await self.call("POST", f"/claims/{claimed.claim_id}/reports/{report_id}/records", body)

    async def heartbeat(self, claimed: Claimed, **more: Any) -> tuple[int, Any]:
        body = {"fence": claimed.fence, "iteration": claimed.iteration, **more}
        return await self.call("POST", f"/claims/{claimed.claim_id}/heartbeat", body)

    async def release(self, claimed: Claimed, reason: str = "") -> tuple[int, Any]:
        body = {"fence": claimed.fence, "reason": reason}
        return await self.call("POST", f"/claims/{claimed.claim_id}/release", body)

    async def close(self) -> None:
        if self in OPEN:
            OPEN.remove(self)
        await self.client.aclose()


@contextlib.asynccontextmanager
async def at_work(session: Session, claimed: Claimed) -> AsyncIterator[None]:
    """Keep the claim meanwhile: commands take their time on a busy machine."""

    async def beat() -> None:
        while True:
            with contextlib.suppress(httpx2.TransportError):  # the operator may be away
                await session.heartbeat(claimed)
            await asyncio.sleep(1)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def report(claimed: Claimed, kind: str = "success", **more: Any) -> dict[str, Any]:
    """The body of a report."""
    now = datetime.now(UTC).isoformat()
    outcome: dict[str, Any] = {"kind": kind, "summary": f"{claimed.bead.name}: {kind}"}
    if "reason" in more:
        outcome["reason"] = more.pop("reason")
    return {
        "reportId": more.pop("report_id", None) or fresh_id(),
        "fence": more.pop("fence", claimed.fence),
        "iteration": more.pop("iteration", claimed.iteration),
        "outcome": outcome,
        "startedAt": now,
        "finishedAt": now,
        **more,
    }


def usage(*, usd: float | None = 0.01, tokens: int = 1000, position: str = "m1") -> dict[str, Any]:
    """The usage of one request."""
    row: dict[str, Any] = {
        "position": position,
        "model": "m",
        "inputTokens": tokens,
        "outputTokens": tokens // 10,
    }
    if usd is not None:
        row["computedUsd"] = usd
    return {"requests": [row]}


def seeded(seed: int) -> random.Random:
    """A random run that says how to replay it."""
    print(f"seed {seed}: replay with RINGMASTER_SEED={seed}")
    return random.Random(seed)
