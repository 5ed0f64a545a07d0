"""The heartbeat: tells the operator that we are at it, and hears what it wants."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from ringmaster_cli.client import Body
from ringmaster_cli.exits import CliError, Fenced, LostClaim
from ringmaster_cli.loop.asks import Asks
from ringmaster_cli.loop.context import Context, api_for
from ringmaster_cli.loop.report import redactor
from ringmaster_cli.state import Held
from ringmaster_operator.resources.bead import SteeringNote
from ringmaster_operator.resources.protocol import Progress, Question

BEATS_PER_LEASE = 3.0
SHORTEST_SECONDS = 0.2
WAITING_SECONDS = 2.0
"""Between beats while the agent waits for an answer."""
NEAR = 0.8
"""Part of the allowance from which on more is asked for."""
ALONE_SECONDS = 30.0
"""How long an agent may work beyond its allowance while the operator does not answer."""


@dataclass(frozen=True)
class Ending:
    """Why the work must end now."""

    kind: Literal["lost", "fenced", "cancel", "release"]
    reason: str


class Heart:
    """Beats in a thread of its own for as long as the with block runs.

    An operator that cannot be reached ends nothing: it may only be restarting, and whether the claim still
    holds is asked again before anything is published.
    """

    def __init__(self, context: Context, held: Held) -> None:
        self._context = context
        self._held = held
        self._api = api_for(context.settings, say=lambda _: None, stop=context.stop)
        self._ended = threading.Event()
        self._ending: Ending | None = None
        self._wake = threading.Event()
        self._allowance: Body = held.claimed.get("allowance") or {}
        self._alone_since: float | None = None
        self._notes: dict[str, SteeringNote] = {}
        self._told: list[str] = []
        self._question: Question | None = None
        self._asks: Asks | None = None
        self._secrets = redactor(held)
        self.decision = ""
        """Name of the decision bead that holds the question."""
        self.answer: str | None = None
        """The answer to the question of this iteration."""
        self.take(held.claimed)
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.progress: Body = {}
        """The protocol's Progress; replaced as a whole by whoever watches the agent."""

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout=1.0)

    @property
    def ending(self) -> Ending | None:
        """Why the work must end now, if it must: by the operator, or because this process is to stop."""
        if self._ending is None and self._context.stop.reason is not None:
            return Ending("release", self._context.stop.reason)
        return self._ending

    def should_stop(self) -> str | None:
        """As the agent's runner asks it."""
        return self.ending.reason if self.ending else None

    def check(self) -> None:
        """Raises LostClaim when nothing may be done under the claim any more."""
        if self._ending is not None and self._ending.kind in ("lost", "fenced"):
            raise (Fenced if self._ending.kind == "fenced" else LostClaim)(self._ending.reason)

    def obey(self, order: object, reason: object) -> None:
        """Take an order of the operator, from wherever it came."""
        words = str(reason or "")
        if order == "cancel":
            self._ending = Ending("cancel", words or "the bead was cancelled")
        elif order == "release":
            self._ending = Ending("release", words or "the operator wants the bead back")

    def take(self, claimed: Body) -> None:
        """The claim as it is now: notes of people, and the allowance."""
        self._allowance = claimed.get("allowance") or {}
        self._hear(claimed["bead"].get("steering", []))

    def note(self, progress: Progress) -> None:
        """What the agent has done and used by now; more is asked for before the allowance is used up."""
        self.progress = progress.body()
        if self._uses(NEAR):
            self._wake.set()

    def notes(self) -> list[SteeringNote]:
        """All that people have said about the bead."""
        return list(self._notes.values())

    def untold(self) -> list[SteeringNote]:
        """What the agent was not told in this iteration."""
        return [note for note in self._notes.values() if note.id not in self._told]

    def tell(self) -> None:
        """The agent is told all notes now; the operator hears of it."""
        if fresh := [note.id for note in self.untold()]:
            self._told += fresh
            self._wake.set()

    @property
    def steered(self) -> list[str]:
        """Ids of the notes that the agent was told, newest last."""
        return self._told[-20:]

    def ask(self, question: Question, asks: Asks) -> None:
        """Have the agent's question put to people; asking the same again is nothing new."""
        self._asks = asks
        if self._question is None:
            self._question = question
            self._wake.set()

    def _hear(self, notes: list[Body]) -> None:
        for body in notes:
            self._notes.setdefault(str(body["id"]), SteeringNote.read(body))

    def _uses(self, part: float) -> bool:
        """Whether so much of the allowance is used up."""
        usd, tokens = self._allowance.get("usd"), self._allowance.get("tokens")
        spent = float(self.progress.get("usd") or 0.0), int(self.progress.get("tokens") or 0)
        return bool(
            (usd is not None and spent[0] > usd * part) or (tokens is not None and spent[1] > tokens * part)
        )

    def _run(self) -> None:
        try:
            self._beat()
        finally:
            self._api.close()

    def _beat(self) -> None:
        lease, silent = float(self._held.claimed.get("leaseSeconds", 60)), False
        while True:
            self._wake.wait(self._pause(lease, silent=silent))
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                answer = self._exchange()
            except LostClaim as lost:
                self._ending = Ending("fenced" if isinstance(lost, Fenced) else "lost", str(lost))
                return
            except CliError as trouble:
                if not silent:
                    self._context.say(f"heartbeat not heard: {trouble}")
                silent = True
                self._bound()
                continue
            silent, self._alone_since = False, None
            lease = float(answer.get("leaseSeconds", lease))
            self.obey(answer.get("order"), answer.get("reason"))
            self._hear(answer.get("steering") or [])
            self._allowance = answer.get("allowance") or {}
            self._answered(answer.get("answered"))

    def _pause(self, lease: float, *, silent: bool) -> float:
        seconds = max(lease / BEATS_PER_LEASE, SHORTEST_SECONDS)
        waits = self._asks is not None and self.answer is None and self._asks.waits()
        if waits or (silent and self._uses(1.0)):
            return min(seconds, WAITING_SECONDS)
        return seconds

    def _exchange(self) -> Body:
        claim = {"fence": self._held.fence, "iteration": self._held.iteration}
        if self._question is not None and not self.decision:
            body = {**claim, "question": self._secrets.body(self._question.body())}
            asked = self._api.ask(self._held.claim_id, body, patience=0)
            self.decision = str(asked.get("decision", ""))
            self._context.say(f"asked: {self._question.question} (ringmaster decide {self.decision})")
        request = {**claim, "progress": self._secrets.body(self.progress), "steered": self.steered}
        return self._api.heartbeat(self._held.claim_id, request, patience=0)

    def _bound(self) -> None:
        """Nobody answers, so nobody can grant more than the allowance."""
        if not self._uses(1.0):
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since >= ALONE_SECONDS:
            self._ending = Ending(
                "release", "its part of the budget is used up, and the operator does not answer"
            )

    def _answered(self, answered: Body | None) -> None:
        if answered is None or self._question is None or self.answer is not None:
            return
        self.answer = str(answered.get("answer", ""))
        self._context.say(f"answered: {self.answer}")
        if self._asks is not None:
            self._asks.answer(self.answer)
