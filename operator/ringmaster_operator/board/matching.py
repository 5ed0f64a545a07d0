"""May this Worker work this bead? Capabilities and selectors, nothing that changes from second to second.

A Worker that is sure enough of all that a bead requires may take it. One of which little is known yet may
take a bounded share of beads, so that it can show what it can do; which beads is decided by lot, the same on
every look at the same attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from ringmaster_operator.board.capabilities import Standings
from ringmaster_operator.board.ladder import model_of, profile_of
from ringmaster_operator.evidence import Evidence
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.worker import Worker

NEVER_WORKED = frozenset({BeadType.EPIC, BeadType.DECISION})
ALIKE = 2048
"""Different needs that are remembered, so that beads share them."""
MANY_LABELS = 64
"""Needs of a bead with more are not remembered: they would stay when it is gone, and no other has them."""


class Asks(NamedTuple):
    """What a bead asks of its Worker: thousands of beads ask for the same, and one answer serves them all."""

    capabilities: frozenset[str]
    selector: frozenset[tuple[str, str]]
    """Labels that the Worker must carry."""
    confidence: float | None
    """Its own threshold; the project's when None."""
    model: str | None
    """Model that it wishes."""
    profile: str | None
    """The only agent profile that may work it."""


class Needs(NamedTuple):
    """What a bead asks for, and the labels by which a Worker may choose it."""

    asks: Asks
    labels: frozenset[tuple[str, str]]

    @property
    def capabilities(self) -> frozenset[str]:
        """What its Worker must be able to do."""
        return self.asks.capabilities


class Fit(StrEnum):
    """Whether a Worker may take beads with certain needs."""

    SURE = "sure"
    LOT = "lot"
    """Too little is known of it: only beads that the lot falls on."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing that a Worker lacks for a bead."""

    reason: str
    """CamelCase word of the Assignable condition."""
    message: str
    gap: float
    """How far away it is, to find the nearest Worker: below 1 for a confidence that is too low."""


def needs(bead: Bead) -> Needs:
    """What the bead asks for; beads that ask for the same share one object."""
    spec = bead.spec
    made = _needs if len(bead.metadata.labels) <= MANY_LABELS else _needs.__wrapped__
    return made(
        tuple(spec.capabilities),
        tuple(spec.routing.worker_selector.items()),
        spec.min_confidence,
        model_of(bead),
        profile_of(bead),
        tuple(bead.metadata.labels.items()),
    )


@lru_cache(maxsize=ALIKE)
def _needs(
    capabilities: tuple[str, ...],
    selector: tuple[tuple[str, str], ...],
    confidence: float | None,
    model: str | None,
    profile: str | None,
    labels: tuple[tuple[str, str], ...],
) -> Needs:
    asks = Asks(frozenset(capabilities), frozenset(selector), confidence, model, profile)
    return Needs(asks, frozenset(labels))


def shortfalls(
    worker: Worker, wanted: Needs, standings: Standings, rules: ConfidenceRules
) -> list[Shortfall]:
    """All that keeps this Worker from being sure to take beads with these needs; empty when nothing does."""
    name = worker.metadata.name
    least = _least(wanted.asks, rules)
    found: list[Shortfall] = []
    lacking = sorted(wanted.capabilities - standings.keys())
    if lacking:
        text = f"Worker {name} does not declare {', '.join(lacking)}"
        found.append(Shortfall("CapabilityMissing", text, 1.0 * len(lacking)))
    for capability in sorted(wanted.capabilities & standings.keys()):
        known = standings[capability]
        if known.confidence < least:
            how = "an override" if known.override is not None else _experience(known.evidence)
            text = f"Worker {name} can do {capability} with a confidence of {known.confidence:.2f} ({how})"
            text += f" where {least:.2f} is asked for"
            found.append(Shortfall("ConfidenceTooLow", text, least - known.confidence))
    profile = worker.spec.agent.profile
    if wanted.asks.profile not in (None, profile):
        text = f"the bead was escalated to profile {wanted.asks.profile}, and Worker {name} runs {profile}"
        found.append(Shortfall("Profile", text, 2.0))
    unmet = sorted(wanted.asks.selector - worker.metadata.labels.items())
    if unmet:
        text = f"Worker {name} lacks the labels {_pairs(unmet)} of spec.routing.workerSelector"
        found.append(Shortfall("WorkerSelector", text, 2.0 * len(unmet)))
    unlabelled = sorted(worker.spec.bead_selector.items() - wanted.labels)
    if unlabelled:
        text = f"the bead lacks the labels {_pairs(unlabelled)} of Worker {name}'s beadSelector"
        found.append(Shortfall("BeadSelector", text, 2.0 * len(unlabelled)))
    return found


def fit(asks: Asks, standings: Standings, rules: ConfidenceRules, lacks: list[Shortfall]) -> Fit:
    """What the shortfalls of a Worker come to."""
    if not lacks:
        return Fit.SURE
    least = _least(asks, rules)
    low = [standings[name] for name in asks.capabilities if name in standings]
    unknown = all(
        item.override is None and item.evidence.weight < rules.known_after
        for item in low
        if item.confidence < least
    )
    only_confidence = all(item.reason == "ConfidenceTooLow" for item in lacks)
    return Fit.LOT if only_confidence and unknown and rules.explore_share > 0 else Fit.NO


def drawn(bead: Bead, priority: Priority, rules: ConfidenceRules) -> bool:
    """Whether the lot lets an unknown Worker take this attempt of the bead; never what is urgent."""
    if priority is Priority.P0:
        return False
    ticket = f"{bead.metadata.uid}/{bead.status.fence}".encode()
    number = int.from_bytes(hashlib.sha256(ticket).digest()[:8], "big")
    return number < rules.explore_share * 2.0**64


class Fits:
    """Whether one Worker may take beads; one answer for all with the same needs."""

    def __init__(
        self, worker: Worker, rules: ConfidenceRules, standings: Callable[[str | None], Standings]
    ) -> None:
        self._worker = worker
        self._rules = rules
        self._standings = standings
        self._selector = frozenset(worker.spec.bead_selector.items())
        self._known: dict[Asks, Fit] = {}
        self._by_model: dict[str | None, Standings] = {}

    def __call__(self, bead: Bead, wanted: Needs, priority: Priority) -> bool:
        """priority is the effective one."""
        found = self.fit(wanted)
        return found is Fit.SURE or (found is Fit.LOT and drawn(bead, priority, self._rules))

    def fit(self, wanted: Needs) -> Fit:
        """What can be said of all beads with these needs."""
        return self.asked(wanted.asks) if self._selector <= wanted.labels else Fit.NO

    def asked(self, asks: Asks) -> Fit:
        """The same of all beads that ask for this, as far as the Worker chooses among them by no label."""
        found = self._known.get(asks)
        if found is None:
            lacks = self.lacks(Needs(asks, self._selector))
            found = self._known[asks] = fit(asks, self.standings(asks), self._rules, lacks)
        return found

    def standings(self, asks: Asks) -> Standings:
        """The Worker's capabilities, with the model that the bead wishes."""
        if asks.model not in self._by_model:
            self._by_model[asks.model] = self._standings(asks.model)
        return self._by_model[asks.model]

    def lacks(self, wanted: Needs) -> list[Shortfall]:
        """All that it lacks."""
        return shortfalls(self._worker, wanted, self.standings(wanted.asks), self._rules)

    def why_not(self, bead: Bead, wanted: Needs, priority: Priority) -> str:
        """Why it may not take this bead, in words; empty when it may."""
        return "" if self(bead, wanted, priority) else "; ".join(lack.message for lack in self.lacks(wanted))


def _experience(evidence: Evidence) -> str:
    if not evidence.succeeded and not evidence.failed:
        return "as declared"
    return f"after {evidence.succeeded} successes and {evidence.failed} failures"


def _least(asks: Asks, rules: ConfidenceRules) -> float:
    return rules.threshold if asks.confidence is None else asks.confidence


def _pairs(labels: list[tuple[str, str]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
