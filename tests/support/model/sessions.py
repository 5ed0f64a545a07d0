"""Sessions as the CLI's loop is one: claim, work, report, and again whatever got no answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.claims.service import ClaimService
from ringmaster_operator.history import HistoryError
from ringmaster_operator.kube import KubeError
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import Outcome, OutcomeKind
from ringmaster_operator.resources.protocol import (
    ClaimAnswer,
    Claimed,
    ClaimRequest,
    Ended,
    HeartbeatAnswer,
    HeartbeatRequest,
    ModelUsage,
    Next,
    Order,
    ProblemCode,
    ReleaseRequest,
    ReportAnswer,
    ReportRequest,
    Usage,
)
from support.boards import NOON, NS

if TYPE_CHECKING:
    from support.model.world import World

WAIT_SECONDS = 4
RETRY_SECONDS = 1.0
OVER = (ProblemCode.CLAIM_ENDED, ProblemCode.FENCED, ProblemCode.NOT_FOUND)
UNFORESEEN = (KubeError, HistoryError)
"""What the API answers 503 to, besides refusals."""


@dataclass(frozen=True)
class Wish:
    """Something to ask the operator for, as often as it takes."""

    verb: str
    claim_id: str
    request: Model


@dataclass
class Call:
    """A wish on its way. `wanted`: somebody still waits for the answer."""

    session: Session
    wish: Wish
    task: asyncio.Task[Any]
    wanted: bool = True
    judged: bool = False


@dataclass
class Session:
    """One replica of a Worker."""

    name: str
    world: World
    worker: str = "w"
    claimed: Claimed | None = None
    iteration: int = 1
    wish: Wish | None = None
    call: Call | None = None
    sent: list[Wish] = field(default_factory=list)
    wakes: float = 0.0
    dead: bool = False
    claims: int = 0

    def idle(self) -> bool:
        return self.dead or (self.wish is None and self.claimed is None)

    def free(self) -> bool:
        """Whether it may act now."""
        return not self.dead and self.call is None and self.world.now() >= self.wakes

    def wishes(self) -> list[Wish]:
        """What it may ask for now; the first is what it does when all is well."""
        if self.wish is not None:
            return [self.wish]
        if self.claimed is None:
            if not self.world.unfinished():
                return []
            claim_id = f"claim-{self.name}-{self.claims + 1}"
            request = ClaimRequest(
                claim_id=claim_id, worker=self.worker, session=self.name, wait_seconds=WAIT_SECONDS
            )
            return [Wish("claim", claim_id, request)]
        claim_id, fence = self.claimed.claim_id, self.claimed.fence
        return [
            Wish("report", claim_id, self._report(self.claimed)),
            Wish("heartbeat", claim_id, HeartbeatRequest(fence=fence, iteration=self.iteration)),
            Wish("release", claim_id, ReleaseRequest(fence=fence)),
        ]

    def _report(self, claimed: Claimed) -> ReportRequest:
        kind = self.world.outcome(claimed.bead.name, claimed.attempt, self.iteration)
        report_id = f"report-{claimed.claim_id}-{self.iteration}"
        return ReportRequest(
            report_id=report_id,
            fence=claimed.fence,
            iteration=self.iteration,
            outcome=Outcome(kind=kind, summary=report_id),
            usage=Usage(requests=[ModelUsage(position=report_id, input_tokens=self.world.weight(report_id))]),
            changed_files=1,
            started_at=NOON,
            finished_at=NOON + timedelta(seconds=int(self.world.now())),
        )

    def send(self, wish: Wish) -> None:
        """Ask; the wish stays until it is answered for good."""
        if wish.verb == "claim" and self.wish is None:
            self.claims += 1
        self.wish = wish
        self.sent.append(wish)
        self.call = self.world.carry(self, wish)

    def nap(self, seconds: float) -> None:
        """Nothing is heard of it for so long; then it goes on as if nothing had been."""
        self.wakes = self.world.now() + seconds

    def cut_off(self) -> None:
        """No answer comes any more: ask again later."""
        self.call = None
        self.wakes = max(self.wakes, self.world.now() + RETRY_SECONDS)

    def take(self, call: Call) -> None:
        """The answer to its call."""
        self.call = None
        result = call.task.exception() or call.task.result()
        if isinstance(result, Refused) and result.code in OVER:
            self.wish = self.claimed = None
        elif isinstance(result, BaseException):
            self.wakes = self.world.now() + RETRY_SECONDS
        else:
            self.wish = None
            self._answered(result)

    def _answered(self, result: object) -> None:
        match result:
            case ClaimAnswer(claimed=Claimed() as claimed):
                self.claimed, self.iteration = claimed, claimed.iteration
            case ClaimAnswer():
                self.wakes = self.world.now() + RETRY_SECONDS
            case ReportAnswer(next=Next.ITERATE, iteration=iteration):
                self.iteration = iteration
            case ReportAnswer() | Ended():
                self.claimed = None
            case HeartbeatAnswer(order=Order.CANCEL):
                self.claimed = None
            case HeartbeatAnswer(order=Order.RELEASE) if self.claimed is not None:
                request = ReleaseRequest(fence=self.claimed.fence)
                self.wish = Wish("release", self.claimed.claim_id, request)


async def ask(service: ClaimService, wish: Wish, worker: str) -> object:
    """What the HTTP layer does with a call."""
    caller = Caller(namespace=NS, worker=worker)
    request: Any = wish.request

    async def alive() -> bool:
        return True

    match wish.verb:
        case "claim":
            return await service.claim(caller, request, alive)
        case "report":
            return await service.report(caller, wish.claim_id, request)
        case "heartbeat":
            return await service.heartbeat(caller, wish.claim_id, request)
        case _:
            return await service.release(caller, wish.claim_id, request)


SUCCESS, FAILED, INCOMPLETE = OutcomeKind.SUCCESS, OutcomeKind.FAILED, OutcomeKind.INCOMPLETE
