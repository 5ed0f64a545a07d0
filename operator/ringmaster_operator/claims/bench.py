"""Who waits at the desk, who gets which bead, and which ones are left to others."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.preference import Passed
from ringmaster_operator.board.texts import stamp
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ClaimRequest
from ringmaster_operator.resources.worker import Worker

LOOK_AGAIN_SECONDS = 5.0
"""How soon a session that left a bead to another Worker looks whether that one took it."""
REMEMBERED = 1000


class Bench:
    """The sessions that wait for work."""

    def __init__(self, *, board: Board, funds: Funds, events: Events, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._funds = funds
        self._events = events
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._told: OrderedDict[tuple[str, int, str, str], None] = OrderedDict()
        self._left: dict[str, str] = {}
        """By claim id: the bead that its last look left to another Worker, in words."""

    @contextmanager
    def waits(self, namespace: str, request: ClaimRequest) -> Iterator[None]:
        """While a session waits that would take any bead."""
        key = (namespace, request.worker)
        counts = request.bead is None
        self._waiting[key] += counts
        try:
            yield
        finally:
            self._waiting[key] -= counts

    def spare(self, worker: Worker, bead: Bead) -> bool:
        """Whether a session of the Worker waits, and its budgets pay for the bead."""
        return self._waiting[worker.key] > 0 and not self._funds.refusals(worker)(bead)

    def choose(self, worker: Worker, request: ClaimRequest) -> tuple[Bead | None, str]:
        """The best bead that a budget pays for; else why there is none."""
        refused: list[str] = []
        refusal = self._funds.refusals(worker)

        def admits(bead: Bead) -> bool:
            why = refusal(bead)
            refused.extend([why] if why else [])
            return not why

        self.forget(request.claim_id)
        bead = self._board.pick(
            worker,
            self._clock.now(),
            bead=request.bead,
            admits=admits,
            spare=self.spare,
            passed=lambda left: self.passed(request.claim_id, left),
        )
        if bead is not None:
            return bead, ""
        if left := self._left.get(request.claim_id):
            return None, left
        reached = refused[0] if refused else self._funds.standing(worker)[1]
        return None, reached or self._board.nothing(worker)

    def forget(self, claim_id: str) -> None:
        """Nobody waits with this claim id any more."""
        self._left.pop(claim_id, None)

    def passed(self, claim_id: str, left: Passed) -> None:
        """A look left a bead to another Worker: it is told once, as an Event of the bead."""
        self._left[claim_id] = f"bead {left.bead.metadata.name} is left to Worker {left.to}: {left.why}"
        key = (left.bead.metadata.uid, left.bead.status.fence, left.worker, left.to)
        if key in self._told:
            return
        self._told[key] = None
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        until = f", until {stamp(left.until)} at most" if left.until is not None else ""
        text = f"Worker {left.worker} leaves it to {left.to}{until}: {left.why}"
        self._events.tell("Bead", left.bead.metadata, Note("LeftToBetter", text, public=True))

    def pause(self, claim_id: str, left: float) -> float:
        """How long to wait at most for the next look, of `left` seconds."""
        return min(left, LOOK_AGAIN_SECONDS) if claim_id in self._left else left
