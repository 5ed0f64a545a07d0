"""Which Worker a bead is better left to, by what became of beads like it.

A Worker passes over a bead at which the agent of another one clearly did better. It does so where that one
has a session free for it, or where it may itself have another bead that is as urgent: so nobody idles for a
Worker that is busy, and nothing less urgent goes first. Never for P0, nor an overdue bead, nor one that has
waited longer than the project's patience, nor one that the lot of exploration falls on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ringmaster_operator.board import picking
from ringmaster_operator.board.ladder import model_of
from ringmaster_operator.board.matching import Fits, drawn
from ringmaster_operator.board.room import Room
from ringmaster_operator.recall import Arm, Outcomes, Outlook, Traits, labelled, place, said
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import ConfidenceRules, RoutingRules
from ringmaster_operator.resources.worker import Worker

LOOK = 20
"""Beads that are passed over at most to find one that is nobody else's."""
Known = tuple[Bead, str | None, Traits]
"""A bead, its repository, and what follows from both."""
Spare = Callable[[Worker, Bead], bool]
"""Whether a Worker has a session that would take the bead at once."""


@dataclass(frozen=True)
class Passed:
    """A bead that is left to another Worker."""

    bead: Bead
    worker: str
    """Who passes it over."""
    to: str
    """Whom it is left to."""
    until: datetime | None
    """When it is passed over no more; None: not known yet."""
    why: str


class Preference:
    """What similar work says of the Workers of a room, for one look at it."""

    def __init__(
        self,
        room: Room,
        outcomes: Outcomes,
        *,
        traits: dict[str, Known],
        team: Sequence[tuple[Worker, Fits]],
        rules: RoutingRules,
        confidence: ConfidenceRules,
        now: datetime,
    ) -> None:
        """team: all Workers that take beads at all; traits: what is known from earlier looks, kept here."""
        self._room = room
        self._outcomes = outcomes
        self._team = team
        self._traits = traits
        self._rules = rules
        self._confidence = confidence
        self._now = now
        self._known: dict[str, Mapping[Arm, Outlook]] = {}

    def outlook(self, name: str, worker: Worker) -> Outlook:
        """What similar work says of the Worker and a bead."""
        bead = self._room.beads[name]
        arm = arm_of(worker, bead)
        known = self._outlooks(name).get(arm)
        return known if known is not None else self._outcomes.outlook(arm)

    def better(self, name: str, worker: Worker) -> list[tuple[Worker, str]]:
        """The other Workers that clearly do better at beads like it, each with why; the best first."""
        own, found = self.outlook(name, worker), []
        for other, fits in self._team:
            theirs = self.outlook(name, other)
            if theirs.better_than(own, self._rules.margin) and self._room.suits(name, fits):
                found.append((-theirs.chance, other.metadata.name, other, because(theirs, own)))
        return [(other, why) for _, _, other, why in sorted(found, key=lambda item: item[:2])]

    def until(self, name: str) -> datetime | None:
        """Up to when a bead may be left to another Worker; None: it has hardly begun to wait."""
        since = self._room.beads[name].status.waiting_since
        return since + timedelta(seconds=self._rules.patience_seconds) if since is not None else None

    def patient(self, name: str) -> bool:
        """Whether a bead may be left to another Worker now."""
        bead, view, until = self._room.beads[name], self._room.views[name], self.until(name)
        if view.effective_priority is Priority.P0 or view.age.overdue is not None:
            return False
        if not self._rules.patience_seconds or (until is not None and self._now >= until):
            return False
        return not drawn(bead, view.effective_priority, self._confidence)

    def passes(self, name: str, worker: Worker) -> list[tuple[Worker, str]]:
        """Whom this Worker would leave the bead to, and why; the best first."""
        return self.better(name, worker) if self.patient(name) else []

    def choose(
        self, worker: Worker, fits: Fits, admits: Callable[[Bead], bool], spare: Spare
    ) -> tuple[str | None, Passed | None]:
        """The bead that the Worker gets, and the one that it leaves to another for that."""
        room = self._room
        best = picking.first(room, worker, fits, admits)
        rivals = self.passes(best, worker) if best is not None else []
        if best is None or not rivals:
            return best, None
        looked = 0

        def kept(bead: Bead) -> bool:
            nonlocal looked
            looked += 1
            name = bead.metadata.name
            return admits(bead) and (looked > LOOK or (name != best and not self.passes(name, worker)))

        other = picking.first(room, worker, fits, kept)
        free = next((rival for rival in rivals if spare(rival[0], room.beads[best])), None)
        if free is None and (other is None or _rank(room, other) != _rank(room, best)):
            return best, None
        to, why = free or rivals[0]
        return other, Passed(room.beads[best], worker.metadata.name, to.metadata.name, self.until(best), why)

    def merit(self, name: str, worker: Worker) -> str:
        """Why the Worker is the one for a bead, in words; empty where others would do as well."""
        own = self.outlook(name, worker)
        worse = [
            theirs
            for other, fits in self._team
            if own.better_than(theirs := self.outlook(name, other), self._rules.margin)
            and self._room.suits(name, fits)
        ]
        return because(own, min(worse, key=lambda item: item.chance)) if worse else ""

    def _outlooks(self, name: str) -> Mapping[Arm, Outlook]:
        if name not in self._known:
            bead = self._room.beads[name]
            here = self._here(name)
            arms = {arm_of(worker, bead) for worker, _ in self._team}
            days = self._confidence.half_life_days
            self._known[name] = self._outcomes.outlooks(here, arms, now=self._now, days=days)
        return self._known[name]

    def _here(self, name: str) -> Traits:
        bead, place = self._room.beads[name], picking.repository(self._room, name, None)
        known = self._traits.get(name)
        if known is None or known[0] is not bead or known[1] != place:
            known = self._traits[name] = (bead, place, traits_of(bead, place))
        return known[2]


def arm_of(worker: Worker, bead: Bead) -> Arm:
    """What would work on the bead."""
    agent = worker.spec.agent
    return agent.profile, model_of(bead) or agent.model or ""


def traits_of(bead: Bead, repository: str | None) -> Traits:
    """What a bead is compared by."""
    return Traits(
        repository=place(repository or ""),
        capabilities=frozenset(bead.spec.capabilities),
        labels=labelled(bead.metadata.labels.items()),
        words=said(bead.spec.title, bead.spec.description),
    )


def because(one: Outlook, other: Outlook) -> str:
    """Why one agent is better than another, in words."""
    alike = f" ({one.why})" if one.why else ""
    return f"at beads like this one{alike} {one.words()} attempts, {other.words()}"


def _rank(room: Room, name: str) -> int:
    lane = room.lanes.lane(name)
    return lane.rank if lane is not None else -1
