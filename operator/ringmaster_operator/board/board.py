"""The board: all beads of the operator, who may be worked now, and in what order.

Pure: time is an argument, nothing is read or written. A namespace is a project, and a Worker serves only its
own, so each namespace is a room of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from ringmaster_operator.board import picking
from ringmaster_operator.board.capabilities import Registry
from ringmaster_operator.board.facts import Key, Readiness, View
from ringmaster_operator.board.matching import NEVER_WORKED, Fits, Needs
from ringmaster_operator.board.preference import Known, Passed, Preference, Spare
from ringmaster_operator.board.readiness import LONGEST_BACKOFF
from ringmaster_operator.board.room import Room
from ringmaster_operator.board.scoring import Merit, Snapshot, measured
from ringmaster_operator.recall import Outcomes, Past
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, Desired
from ringmaster_operator.resources.budget import REQUESTED_BY
from ringmaster_operator.resources.project import ConfidenceRules, Project, RoutingRules
from ringmaster_operator.resources.worker import Worker

__all__ = ["Board", "Key", "Readiness", "View"]


class Board:
    """Keys are (namespace, name). Not thread-safe: one event loop owns it."""

    def __init__(self, longest_backoff: timedelta = LONGEST_BACKOFF) -> None:
        """longest_backoff: what waits longer for its retry was told so by a wrong clock, and need not."""
        self._longest_backoff = longest_backoff
        self._rooms: dict[str, Room] = {}
        self._changed: set[Key] = set()
        self.registry = Registry()
        """What is known of the Workers' capabilities."""
        self._outcomes: dict[str, Outcomes] = {}
        self._traits: dict[str, dict[str, Known]] = {}
        self._workers: dict[str, dict[str, Worker]] = {}

    def put(self, bead: Bead) -> None:
        """Take in a bead as it is now."""
        self._room(bead.metadata.namespace).put(bead.metadata.name, bead)

    def remove(self, key: Key) -> None:
        """The bead is gone; what depends on it will say so."""
        self._traits.get(key[0], {}).pop(key[1], None)
        self._room(key[0]).put(key[1], None)

    def set_project(self, namespace: str, project: Project | None) -> None:
        """Settings of a namespace; None when it has none."""
        self._room(namespace).set_project(project)

    def project(self, namespace: str) -> Project | None:
        return self._room(namespace).project

    def described(self) -> set[str]:
        """The namespaces that have settings."""
        return {namespace for namespace, room in self._rooms.items() if room.project is not None}

    def get(self, key: Key) -> Bead | None:
        return self._room(key[0]).beads.get(key[1])

    def view(self, key: Key) -> View:
        """What was last seen of a bead by refresh or pick; raises KeyError for one that is not there."""
        return self._room(key[0]).view(key[1])

    def desired(self, key: Key) -> Desired:
        """What is wished of a bead, by itself or what it belongs to, as of the last put."""
        return self._room(key[0]).graph.wish(key[1])[0]

    def children(self, key: Key) -> list[str]:
        """Names of the beads that name it as their parent, sorted."""
        return sorted(self._room(key[0]).graph.children(key[1]))

    def released_by(self, key: Key) -> list[str]:
        """What waited for the bead and may be worked now, as of the last refresh."""
        room = self._room(key[0])
        facts = room.graph.facts.get(key[1])
        waited = {*room.graph.dependents(key[1]), facts.parent if facts is not None else None}
        return sorted(name for name in waited if name in room.views and room.views[name].ready)

    def refresh(self, now: datetime) -> set[Key]:
        """Bring all views up to date; the keys (removed ones too) whose View changed since last time."""
        for namespace in self._rooms:
            self._advance(namespace, now)
        changed, self._changed = self._changed, set()
        return changed

    def reserve(self, key: Key, *, worker: str = "", session: str = "") -> None:
        """Between picking and the API write: nobody else may claim it, and its exclusive keys are taken."""
        self._room(key[0]).reserve(key[1], worker, session)

    def unreserve(self, key: Key) -> None:
        """The write is done or has failed."""
        self._room(key[0]).unreserve(key[1])

    def reserved(self, key: Key) -> bool:
        """Whether a claim of it is being written."""
        return key[1] in self._room(key[0]).reserved

    def claiming(self, worker: Key) -> frozenset[str]:
        """The Worker's sessions for which a claim is being written."""
        reserved = self._room(worker[0]).reserved.values()
        return frozenset(session for name, session in reserved if name == worker[1])

    def claimable(self, key: Key) -> bool:
        """Whether it could be claimed, as of the last refresh."""
        view = self._room(key[0]).views.get(key[1])
        return view is not None and view.ready

    def pick(
        self,
        worker: Worker,
        now: datetime,
        *,
        bead: str | None = None,
        admits: Callable[[Bead], bool] = lambda _: True,
        spare: Spare = lambda *_: False,
        passed: Callable[[Passed], None] = lambda _: None,
    ) -> Bead | None:
        """The best bead that this Worker may claim now (only the named one, if given); takes nothing.

        admits is asked last, about each bead that it would get. A bead that another Worker does clearly
        better is left to it where that has a session to spare, or where there is another one; passed is told.
        """
        if not _takes(worker):
            return None
        room = self._advance(worker.metadata.namespace, now)
        fits = self.fits(worker, now)
        if bead is not None:
            may = bead in room.lanes and not picking.full(room) and picking.may(room, worker, fits)(bead)
            may = may and admits(room.beads[bead])
            name = bead if may else None
        elif (preference := self.preference(worker.metadata.namespace, now)) is None:
            name = picking.first(room, worker, fits, admits)
        else:
            name, left = preference.choose(worker, fits, admits, spare)
            if left is not None:
                passed(left)
        return room.beads[name] if name is not None else None

    def preference(self, namespace: str, now: datetime) -> Preference | None:
        """What similar beads say about who should have which; None where nothing can be said."""
        outcomes, project = self._outcomes.get(namespace), self.project(namespace)
        rules = project.routing if project is not None else RoutingRules()
        team = [worker for worker in self._workers.get(namespace, {}).values() if _takes(worker)]
        if not rules.similar or outcomes is None or len(team) < 2 or len(outcomes.arms) < 2:
            return None
        return Preference(
            self._room(namespace),
            outcomes,
            traits=self._traits.setdefault(namespace, {}),
            team=[(worker, self.fits(worker, now)) for worker in team],
            rules=rules,
            confidence=self.rules(namespace),
            now=now,
        )

    def merit(self, worker: Worker, name: str, now: datetime) -> str:
        """Why similar beads speak for this Worker, in words; empty where they do not."""
        preference = self.preference(worker.metadata.namespace, now)
        known = name in self._room(worker.metadata.namespace).views
        return preference.merit(name, worker) if preference is not None and known else ""

    def remember(self, namespace: str, past: Past) -> None:
        """Take in how an attempt ended."""
        self._outcomes.setdefault(namespace, Outcomes()).add(past)

    def claimable_count(self, worker: Worker) -> int:
        """How many beads this Worker could take as of the last refresh."""
        if not _takes(worker):
            return 0
        room = self._room(worker.metadata.namespace)
        fits = self.fits(worker, room.advanced)
        left = picking.left(room)
        count = sum(map(picking.may(room, worker, fits), room.lanes.names())) if left != 0 else 0
        return count if left is None else min(count, left)

    def why_not(self, worker: Worker, name: str) -> str:
        """Why the Worker would not get that bead, as of the last refresh; empty when it would."""
        room = self._room(worker.metadata.namespace)
        view = room.views.get(name)
        if view is None:
            return f"there is no bead {name} in namespace {worker.metadata.namespace}"
        if room.beads[name].spec.type in NEVER_WORKED and view.readiness is not Readiness.FINISHED:
            return f"a bead of type {room.beads[name].spec.type} is never worked: {name} {view.message}"
        if not view.ready:
            return f"{name}: {view.message}"
        if name in room.reserved:
            return f"{name} is just being claimed by another session"
        if not _takes(worker):
            return f"Worker {worker.metadata.name} is suspended or being deleted"
        fits = self.fits(worker, room.advanced)
        unfit = fits.why_not(room.beads[name], room.needs[name], view.effective_priority)
        return unfit or picking.hindered(room, worker, name)

    def nothing(self, worker: Worker) -> str:
        """Why pick gave the Worker nothing, in words."""
        reached = picking.reached(self._room(worker.metadata.namespace)) if _takes(worker) else ""
        return reached or "no bead is ready that this Worker could take"

    def fits(self, worker: Worker, now: datetime) -> Fits:
        """Which beads this Worker may take, by what is known of it at that time."""
        rules = self.rules(worker.metadata.namespace)
        return Fits(worker, rules, lambda model: self.registry.standings(worker, rules, now, model=model))

    def rules(self, namespace: str) -> ConfidenceRules:
        """The project's rules of confidence, or the defaults."""
        project = self.project(namespace)
        return project.confidence if project is not None else ConfidenceRules()

    def weighed(self, namespace: str) -> frozenset[str]:
        """Keys of beads' labels and annotations that decide who may work, who pays, whose turn it is."""
        keys, project = {REQUESTED_BY}, self.project(namespace)
        for worker in self._workers.get(namespace, {}).values():
            keys.update(worker.spec.bead_selector)
        if project is not None:
            keys.update(key for budget in project.budgets for key in budget.labels)
            keys.update([project.fairness.label] if project.fairness is not None else [])
        return frozenset(keys)

    def waiting(self, namespace: str) -> Iterator[tuple[Bead, Needs, Priority]]:
        """What may be claimed as of the last refresh, best first, with its effective priority."""
        room = self._room(namespace)
        for name in room.candidates():
            if name in room.beads:  # one that was removed since is a candidate until the next refresh
                yield room.beads[name], room.needs[name], room.views[name].effective_priority

    def ranked(self, namespace: str) -> list[str]:
        """What may be claimed as of the last refresh, best first; without the project's limits."""
        return list(self._room(namespace).candidates())

    def room(self, namespace: str) -> Room:
        """One namespace by itself, to look at."""
        return self._room(namespace)

    def unscored(self) -> list[str]:
        """Namespaces whose beads have changed more than their scores."""
        return sorted(namespace for namespace, room in self._rooms.items() if room.unscored)

    def snapshot(self, namespace: str) -> Snapshot:
        """The graph of a namespace, for `scoring.measured` to work on wherever it likes."""
        return self._room(namespace).snapshot()

    def set_merits(self, namespace: str, merits: dict[str, Merit]) -> None:
        """The scores that follow from a snapshot."""
        self._room(namespace).set_merits(merits)

    def rescore(self) -> None:
        """Score here and now what has changed: for boards that nobody waits for."""
        for namespace in self.unscored():
            self.set_merits(namespace, measured(self.snapshot(namespace)))

    def put_worker(self, worker: Worker) -> None:
        """Take in a Worker as it is now: where it works decides which repository has room."""
        self._workers.setdefault(worker.metadata.namespace, {})[worker.metadata.name] = worker
        own = worker.spec.repository
        self._room(worker.metadata.namespace).homes[worker.metadata.name] = own.url if own else None

    def remove_worker(self, key: Key) -> None:
        """The Worker is gone."""
        self._workers.get(key[0], {}).pop(key[1], None)
        self._room(key[0]).homes.pop(key[1], None)

    def _room(self, namespace: str) -> Room:
        room = self._rooms.get(namespace)
        if room is None:
            room = self._rooms[namespace] = Room(self._longest_backoff)
        return room

    def _advance(self, namespace: str, now: datetime) -> Room:
        room = self._room(namespace)
        self._changed.update((namespace, name) for name in room.advance(now))
        return room


def _takes(worker: Worker) -> bool:
    return not worker.spec.suspend and worker.metadata.deletion_timestamp is None
