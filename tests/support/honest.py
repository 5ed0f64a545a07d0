"""Honest sessions: they repeat a claim by its id and a report by its id until they are answered.

As the worker's CLI does, so what comes twice or not at all is the operator's fault.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx2

from ringmaster_operator.resources.protocol import Claimed
from support.sessions import Session, fresh_id, usage


@dataclass
class Log:
    """What the sessions did, seen from outside the operator."""

    working: dict[str, str] = field(default_factory=dict)
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)

    def begin(self, claimed: Claimed, session: str) -> None:
        other = self.working.setdefault(claimed.bead.name, session)
        if other != session:
            self.overlaps.append(f"{claimed.bead.name}: {other} and {session}")

    def end(self, claimed: Claimed) -> None:
        self.working.pop(claimed.bead.name, None)


async def insist(session: Session, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Repeat one call until it is answered with something other than 'later'."""
    while True:
        try:
            status, answer = await session.call(method, path, body)
        except httpx2.HTTPError:
            status, answer = 0, None
        if status and status < 500:
            return status, answer
        await asyncio.sleep(0.1)


async def worker_loop(session: Session, log: Log, rng: random.Random, done: asyncio.Event) -> None:
    while not done.is_set():
        ask = {"claimId": fresh_id(), "worker": "fleet", "session": session.name, "waitSeconds": 1}
        _, answer = await insist(session, "POST", "/claims", ask)
        if "claimed" not in answer:
            continue
        claimed = Claimed.read(answer["claimed"])
        log.begin(claimed, session.name)
        await asyncio.sleep(rng.uniform(0.05, 0.4))
        report_id = fresh_id()
        body = {
            "reportId": report_id,
            "fence": claimed.fence,
            "iteration": claimed.iteration,
            "outcome": {"kind": "success", "summary": session.name},
            "usage": usage(usd=0.01),
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:00:01Z",
        }
        log.end(claimed)
        status, answer = await insist(session, "POST", f"/claims/{claimed.claim_id}/reports", body)
        if status == 200:
            log.acknowledged.append((claimed.bead.name, report_id))
        else:
            log.refused.append(f"{claimed.bead.name}: {answer}")
