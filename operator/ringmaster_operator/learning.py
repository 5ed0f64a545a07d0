"""What outcomes teach, between the history that keeps it and the board that judges by it.

The history is the truth: what it says of a report's commit, or when it is read again, is all that the board
is told, so that what the board holds is always something that was committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import ABOUT_THE_AGENT, subject_of, verdicts
from ringmaster_operator.board.ladder import model_of
from ringmaster_operator.board.preference import arm_of, traits_of
from ringmaster_operator.clock import Clock
from ringmaster_operator.evidence import Evidence, Subject, Verdict
from ringmaster_operator.history import History, HistoryUnavailable
from ringmaster_operator.recall import MOST_PAST, Past
from ringmaster_operator.resources.bead import Bead, Outcome, Repository
from ringmaster_operator.resources.protocol import Next
from ringmaster_operator.resources.worker import Capability, Worker

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(namespace, Worker)."""


class Learning:
    """Keeps the board's registry in step with the history."""

    def __init__(self, *, board: Board, history: History, clock: Clock) -> None:
        self._board = board
        self._history = history
        self._clock = clock
        self._listeners: list[Callable[[Key], None]] = []
        self.asked: dict[tuple[str, str, str], str] = {}
        """Who asked over the API for a change of (namespace, Worker, capability) that is under way."""

    def listen(self, listener: Callable[[Key], None]) -> None:
        """Called with the Worker of which more is known."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """At start: everything that was ever learned."""
        for subject, evidence in await self._history.evidence_of():
            self._board.registry.put(subject, evidence)
        reasons = [reason.value for reason in ABOUT_THE_AGENT if reason is not None]
        known = await self._history.past_attempts(reasons=reasons, limit=MOST_PAST)
        for namespace, attempts in known.items():
            for past in attempts:
                self._board.remember(namespace, past)

    def verdicts(
        self, bead: Bead, worker: Worker, outcome: Outcome, *, after: Next, counted: bool
    ) -> list[Verdict]:
        """What a report of this Worker says of capabilities."""
        rules = self._board.rules(bead.metadata.namespace)
        model = model_of(bead)
        standings = self._board.registry.standings(worker, rules, self._clock.now(), model=model)
        return verdicts(bead, outcome, after=after, counted=counted, standings=standings)

    def ended(self, bead: Bead, worker: Worker, *, success: bool, repository: Repository | None) -> None:
        """An attempt at the bead, as it was claimed, has ended by its agent's own doing, and is committed."""
        past = Past(
            bead_uid=bead.metadata.uid,
            fence=bead.status.fence,
            arm=arm_of(worker, bead),
            success=success,
            at=self._clock.now(),
            traits=traits_of(bead, repository.url if repository is not None else None),
        )
        self._board.remember(bead.metadata.namespace, past)

    async def learned(self, key: Key) -> None:
        """Read again what is known of a Worker; never raises, for what was reported is safe already."""
        try:
            found = await self._history.evidence_of(namespace=key[0], worker=key[1])
        except HistoryUnavailable as error:
            log.warning("what is known of Worker %s/%s cannot be read: %s", *key, error)
            return
        self.heard(key, found)

    def heard(self, key: Key, found: Iterable[tuple[Subject, Evidence]]) -> None:
        """What was committed about a Worker."""
        news = [self._board.registry.put(subject, evidence) for subject, evidence in found]
        if any(news):
            for listener in self._listeners:
                listener(key)

    async def obey(self, worker: Worker, item: Capability) -> None:
        """Forget what was learned when the Worker's reset asks for it and it was not yet done."""
        subject = subject_of(worker, item.name)
        known = self._board.registry.evidence(subject)
        if item.reset is None or item.reset == known.last_reset:
            return
        await self._history.reset_capability(
            subject=subject,
            trigger=item.reset,
            declared=item.confidence,
            now=self._clock.now(),
            person=self.asked.pop((*worker.key, item.name), ""),
        )
        await self.learned(worker.key)

    async def note_override(self, worker: Worker, item: Capability, confidence: float) -> None:
        """Keep that the override has changed; confidence is what was learned."""
        await self._history.note_override(
            subject=subject_of(worker, item.name),
            override=item.override,
            confidence=confidence,
            now=self._clock.now(),
            person=self.asked.pop((*worker.key, item.name), ""),
        )
