"""Light sessions that speak the protocol as the worker's CLI does: they repeat calls until answered.

They work for moments or for seconds, with heartbeats; fail, give back, vanish and sleep as they are told.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from ringmaster_operator.resources.protocol import Claimed, Next, Order
from soaklib.ledger import Hold, Ledger
from support.sessions import Session, fresh_id, report, usage

BEAT_SECONDS = 1.0
PAUSE_SECONDS = 0.2
CALL_SECONDS = 8.0
PROBE = "probe-"
"""Beads of this name are done at once and well: how soon, is measured."""
OUTCOMES = ("success",) * 12 + ("iterates",) * 4 + ("failed", "failed", "released", "long")


class Over(Exception):
    """The claim has ended, as the operator says."""


@dataclass
class Light:
    """One light session."""

    url: str
    token: str
    name: str
    ledger: Ledger
    rng: random.Random
    vanish: bool = False
    """Forget the claim that is held, as after a power cut; the next one is asked for as if nothing was."""
    freeze: bool = False
    """Sleep through one lease and a half with a claim in hand, then go on as if nothing was."""
    lost: Callable[[str, int, str], None] = lambda *_: None
    """Told the bead, the fence and how, where it drops a claim without a word."""
    working: Hold | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until stopped."""
        client = httpx2.AsyncClient(timeout=CALL_SECONDS)
        session = Session(self.url, self.token, name=self.name, client=client)
        try:
            while not self.stop.is_set():
                claimed = await self._claim(session)
                if claimed is not None:
                    await self._work(session, claimed)
        finally:
            await session.close()

    async def _claim(self, session: Session) -> Claimed | None:
        ask = {"claimId": fresh_id(), "worker": "fleet", "session": self.name, "waitSeconds": 2}
        status, answer, _ = await self._insist(session, "/claims", ask)
        if status != 200:
            await asyncio.sleep(PAUSE_SECONDS)
            return None
        return Claimed.read(answer["claimed"]) if "claimed" in answer else None

    async def _work(self, session: Session, claimed: Claimed) -> None:
        hold = self.working = self.ledger.granted(claimed, self.name)
        outcome = self.rng.choice(OUTCOMES)
        try:
            if claimed.bead.name.startswith(PROBE):
                await self._end(session, claimed, hold, "success")
                return
            await self._labour(
                session, claimed, hold, self.rng.uniform(2.0, 5.0) if outcome == "long" else 0.0
            )
            if self.vanish:
                self.vanish = False
                self.lost(hold.bead, hold.fence, "session-vanish")
                return
            if outcome == "iterates":
                claimed = await self._iterate(session, claimed, hold)
                outcome = "success"
            await self._end(session, claimed, hold, outcome)
        except Over:
            return
        finally:
            self.working = None

    async def _iterate(self, session: Session, claimed: Claimed, hold: Hold) -> Claimed:
        """Report that it is not done yet, and be at once done with the next iteration: as it stands then."""
        body = report(claimed, "incomplete", usage=usage(usd=0.01))
        status, answer, sent = await self._insist(session, f"/claims/{claimed.claim_id}/reports", body)
        if status != 200:
            self.ledger.ended(hold, str(answer.get("detail", answer)))
            raise Over
        self.ledger.reported(hold, body["reportId"], "incomplete", sent)
        if answer["next"] != Next.ITERATE:
            raise Over
        return claimed.model_copy(update={"iteration": answer["iteration"]})

    async def _labour(self, session: Session, claimed: Claimed, hold: Hold, seconds: float) -> None:
        end = time.monotonic() + (seconds or self.rng.uniform(0.05, 0.4))
        beat = time.monotonic() + BEAT_SECONDS
        while (now := time.monotonic()) < end and not self.vanish:
            if self.freeze:
                self.freeze = False
                self.lost(hold.bead, hold.fence, "session-freeze")
                await asyncio.sleep(self.ledger.lease_seconds * 1.5)
                return
            if now >= beat:
                await self._beat(session, claimed, hold)
                beat = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(0.05)

    async def _beat(self, session: Session, claimed: Claimed, hold: Hold) -> None:
        body = {"fence": claimed.fence, "iteration": claimed.iteration}
        path = f"/claims/{claimed.claim_id}/heartbeat"
        status, answer, sent = await self._insist(session, path, body)
        if status != 200:
            self.ledger.ended(hold, str(answer.get("detail", answer)))
            raise Over
        if answer["order"] in (Order.CANCEL, Order.RELEASE):
            self.ledger.ended(hold, f"{answer['order']}: {answer.get('reason')}")
            raise Over
        self.ledger.confirmed(hold, sent)

    async def _end(self, session: Session, claimed: Claimed, hold: Hold, outcome: str) -> None:
        if outcome == "released":
            body: dict[str, Any] = {"fence": claimed.fence, "reason": "somebody needs the machine"}
            status, answer, sent = await self._insist(session, f"/claims/{claimed.claim_id}/release", body)
        else:
            kind = "failed" if outcome == "failed" else "success"
            more = {"reason": "AgentError"} if kind == "failed" else {}
            body = report(claimed, kind, usage=usage(usd=0.01), **more)
            status, answer, sent = await self._insist(session, f"/claims/{claimed.claim_id}/reports", body)
            if status == 200:
                self.ledger.reported(hold, body["reportId"], kind, sent)
        if status != 200:
            self.ledger.ended(hold, str(answer.get("detail", answer)))

    async def _insist(self, session: Session, path: str, body: dict[str, Any]) -> tuple[int, Any, float]:
        """Repeat one call until it is answered with something other than 'later'; the status, the answer, and
        when the call that was answered was sent."""
        self.ledger.calls += 1
        while True:
            sent = time.monotonic()
            try:
                status, answer = await session.call("POST", path, body)
            except (httpx2.HTTPError, ValueError):
                status, answer = 0, None
            if status and status < 500 and status != 429:
                return status, answer, sent
            self.ledger.repeated += 1
            await asyncio.sleep(PAUSE_SECONDS)
