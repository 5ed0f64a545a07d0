"""May this bead be worked now, and if not, why not: the reason of the Ready condition.

The first reason that applies is told, from what only a person can change to what time alone will change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from ringmaster_operator.board import texts
from ringmaster_operator.board.cycles import Ring, spell
from ringmaster_operator.board.facts import Facts, Readiness
from ringmaster_operator.board.graph import Graph
from ringmaster_operator.resources.bead import Bead, BeadType, Desired, Phase

MOST_NAMES = 100
"""As many as status.blockedBy holds."""

LONGEST_BACKOFF = timedelta(days=1)
"""No backoff is longer. One that seems to be was set before the clock was put back: it counts as over.

The operator says what the longest is by its own settings."""


class Verdict(NamedTuple):
    """The part of a View that says whether the bead may be worked."""

    readiness: Readiness
    message: str
    blocked_by: tuple[str, ...] = ()
    wake_at: datetime | None = None


_LOOP = Verdict(Readiness.PARENT_BLOCKED, texts.PARENT_LOOP)


@dataclass
class Judge:
    """Judges beads against one state of the board; made anew whenever that changes."""

    graph: Graph
    beads: Mapping[str, Bead]
    rings: Mapping[str, Ring]
    holders: Mapping[str, set[str]]
    """By exclusive key: the beads that run with it, or are just being claimed."""
    now: datetime
    longest_backoff: timedelta = LONGEST_BACKOFF
    _gates: dict[str, Verdict | None] = field(default_factory=dict)

    def judge(self, name: str) -> Verdict:
        bead, facts = self.beads[name], self.graph.facts[name]
        if facts.standing is not None:
            return Verdict(Readiness.FINISHED, texts.finished(facts.standing), wake_at=self._ttl(bead))
        if bead.status.claim is not None:
            return Verdict(Readiness.RUNNING, texts.running(bead.status.claim.session))
        return (
            self._wished(name, facts)
            or self._waiting(name, facts)
            or self._children(name, facts)
            or self._timed(bead)
            or _undecided(bead)
            or self._asking(bead)
            or self._crowded(name, facts)
            or Verdict(Readiness.READY, texts.READY)
        )

    def _wished(self, name: str, facts: Facts) -> Verdict | None:
        wish, by = self.graph.wish(name)
        if wish is Desired.CANCEL:
            return Verdict(Readiness.CANCELLED, texts.cancelled(None if by == name else by))
        if wish is Desired.HOLD:
            if by == name:
                return Verdict(Readiness.HELD, texts.HELD)
            return Verdict(Readiness.PARENT_HELD, texts.parent_held(by), (by,))
        return None

    def _waiting(self, name: str, facts: Facts) -> Verdict | None:
        """Cycles, its own dependencies, those of its ancestors."""
        ring = self.rings.get(name)
        if ring is not None:
            waits_for = [item for item in facts.depends_on if item in self.rings]
            return Verdict(Readiness.DEPENDENCY_CYCLE, spell(name, ring), tuple(waits_for[:MOST_NAMES]))
        if facts.parent and facts.parent not in self.graph.facts:
            return Verdict(Readiness.DEPENDENCY_MISSING, texts.parent_missing(facts.parent), (facts.parent,))
        return self._unmet(facts.depends_on) or self._gate(name)

    def _unmet(self, names: Iterable[str]) -> Verdict | None:
        missing: list[str] = []
        failed: list[tuple[str, Phase]] = []
        pending: list[str] = []
        for name in names:
            facts = self.graph.facts.get(name)
            if facts is None:
                missing.append(name)
            elif facts.standing is None:
                pending.append(name)
            elif facts.standing is not Phase.SUCCEEDED:
                failed.append((name, facts.standing))
        blocked = (*missing, *(name for name, _ in failed), *pending)[:MOST_NAMES]
        if missing:
            return Verdict(Readiness.DEPENDENCY_MISSING, texts.missing(missing), blocked)
        if failed:
            return Verdict(Readiness.DEPENDENCY_FAILED, texts.failed(failed), blocked)
        if pending:
            return Verdict(Readiness.DEPENDENCY_PENDING, texts.pending(pending), blocked)
        return None

    def _gate(self, name: str) -> Verdict | None:
        """What the nearest ancestor with unmet dependencies waits for."""
        path: list[str] = []
        found: Verdict | None = None
        for step in self.graph.upwards(name):
            if step in self._gates:
                found = self._gates[step]
                break
            path.append(step)
        else:
            found = _LOOP if self.graph.facts[path[-1]].parent in path else None
        for step in reversed(path):
            if found is not _LOOP:
                found = self._gate_above(step) or found
            self._gates[step] = found
        return found

    def _gate_above(self, name: str) -> Verdict | None:
        parent = self.graph.facts[name].parent
        facts = self.graph.facts.get(parent) if parent else None
        if facts is None or not facts.open:
            return None
        others = [item for item in facts.depends_on if item not in self.graph.children(facts.name)]
        verdict = self._unmet(others)
        if verdict is None:
            return None
        message = texts.parent_blocked(facts.name, verdict.message)
        return Verdict(Readiness.PARENT_BLOCKED, message, verdict.blocked_by)

    def _children(self, name: str, facts: Facts) -> Verdict | None:
        children = self.graph.children(name)
        if not children:
            if facts.type is BeadType.EPIC:
                return Verdict(Readiness.CHILDREN_PENDING, texts.NO_CHILDREN)
            return None
        failed: list[tuple[str, Phase]] = []
        pending: list[str] = []
        for child in sorted(children):
            standing = self.graph.facts[child].standing
            if standing is None:
                pending.append(child)
            elif standing is not Phase.SUCCEEDED:
                failed.append((child, standing))
        blocked = (*(child for child, _ in failed), *pending)[:MOST_NAMES]
        if failed:
            return Verdict(Readiness.DEPENDENCY_FAILED, texts.children_failed(failed), blocked)
        if pending and all(self._asks(child) for child in pending):
            return Verdict(Readiness.NEEDS_DECISION, texts.decisions(pending), blocked)
        if pending:
            return Verdict(Readiness.CHILDREN_PENDING, texts.children(pending), blocked)
        if facts.type is BeadType.EPIC:
            return Verdict(Readiness.FINISHED, texts.CHILDREN_DONE)
        return None

    def _asks(self, name: str) -> bool:
        """An unanswered decision that waits for nothing but a person."""
        facts = self.graph.facts[name]
        return (
            facts.type is BeadType.DECISION
            and self._wished(name, facts) is None
            and self._waiting(name, facts) is None
            and not any(self.graph.facts[child].open for child in self.graph.children(name))
            and self._timed(self.beads[name]) is None
        )

    def _timed(self, bead: Bead) -> Verdict | None:
        until = bead.spec.defer_until
        if until is not None and until > self.now:
            return Verdict(Readiness.DEFERRED, texts.deferred(until), wake_at=until)
        until = bead.status.retry_after
        if until is not None and self.now < until <= self.now + self.longest_backoff:
            return Verdict(Readiness.BACKOFF, texts.backoff(bead.status), wake_at=until)
        return None

    def _asking(self, bead: Bead) -> Verdict | None:
        decision = bead.spec.decision
        if decision is None:
            return None
        if decision.deadline is None or decision.default is None:
            return Verdict(Readiness.NEEDS_DECISION, texts.ASKS)
        message = texts.asks_until(decision.deadline, decision.default)
        wake = decision.deadline if decision.deadline > self.now else None
        return Verdict(Readiness.NEEDS_DECISION, message, wake_at=wake)

    def _crowded(self, name: str, facts: Facts) -> Verdict | None:
        """What shares an exclusive key with it."""
        for key in facts.exclusive:
            others = sorted(self.holders.get(key, set()) - {name})
            if others:
                return Verdict(
                    Readiness.AWAITING_EXCLUSIVE, texts.exclusive(key, others[0]), tuple(others[:MOST_NAMES])
                )
        return None

    def _ttl(self, bead: Bead) -> datetime | None:
        seconds, finished = bead.spec.ttl_seconds_after_finished, bead.status.finished_at
        if seconds is None or finished is None:
            return None
        end = finished + timedelta(seconds=seconds)
        return end if end > self.now else None


def _undecided(bead: Bead) -> Verdict | None:
    """A person's answer to how it goes on has not taken effect yet."""
    step = bead.status.escalation
    if step is None or step.decision is None:
        return None
    return Verdict(Readiness.NEEDS_DECISION, texts.answered(step.decision), (step.decision,))
