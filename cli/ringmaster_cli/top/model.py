"""What `ringmaster top` shows: beads, sessions and overviews of one or more namespaces. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ringmaster_cli.people.known import Step
from ringmaster_cli.top.rows import NeedRow, SessionRow, fresh, need_place, plain_info, session_place
from ringmaster_operator.resources.bead import BeadType, Phase
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.overview_api import Need, NeedKind, Overview, SessionInfo
from ringmaster_operator.resources.worker import Worker

Ref = tuple[str, str]
"""Namespace and name."""
QUESTIONS = (NeedKind.DECISION, NeedKind.ESCALATION)
GROUPS = (
    Phase.RUNNING,
    Phase.READY,
    Phase.NEEDS_DECISION,
    Phase.BLOCKED,
    Phase.PENDING,
    Phase.HELD,
    Phase.FAILED,
    Phase.CANCELLED,
    Phase.SUCCEEDED,
)
"""The order of the queue."""
OPEN = frozenset(GROUPS[:7])
"""What the queue shows unless it is asked for more: all that is not done."""
FAR = 1_000_000
"""The place of those that are not among the first that may be claimed."""
_GROUP = {phase: place for place, phase in enumerate(GROUPS)}
SortKey = tuple[int, int, str, float, str, str]


class Prefix(Sequence[Ref]):
    """The first of a sorted list as it is now, not copied: of thousands of beads a screenful is looked at."""

    def __init__(self, order: Sequence[SortKey], count: int) -> None:
        self._order, self._count = order, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return self._order[place % self._count][4:6]


class World:
    """All that is known. Nothing here waits or asks."""

    def __init__(self, namespaces: Sequence[str]) -> None:
        self.namespaces = list(namespaces)
        self.beads: dict[Ref, BeadInfo] = {}
        self.workers: dict[Ref, Worker] = {}
        self.views: dict[str, Overview] = {}
        self.away: dict[str, str] = {}
        """Why a namespace is not live, as far as that is so."""
        self.loading = set(namespaces)
        self.phases: Counter[Phase] = Counter()
        self._ahead = timedelta()
        self._ranks: dict[Ref, int] = {}
        self._waiting: dict[Ref, datetime] = {}
        self._order: list[SortKey] = []
        self._keys: dict[Ref, SortKey] = {}
        self._asking: set[Ref] = set()
        self._failed: set[Ref] = set()

    def apply(self, namespace: str, steps: Iterable[Step]) -> None:
        """Changes, as they came."""
        for step in steps:
            ref = (namespace, step.name)
            if step.kind == "bead":
                self._bead(ref, step.after if isinstance(step.after, BeadInfo) else None)
            elif isinstance(step.after, Worker):
                self.workers[ref] = step.after
            else:
                self.workers.pop(ref, None)

    def begun(self, namespace: str, steps: Iterable[Step]) -> None:
        """The first list: sorted once, not bead by bead."""
        self.loading.discard(namespace)
        found = list(steps)
        for step in found:
            if isinstance(step.after, BeadInfo):
                self._note((namespace, step.name), step.after)
        self.apply(namespace, (step for step in found if step.kind != "bead"))
        self._sort()

    def seen(
        self, namespace: str, view: Overview, ranks: dict[str, tuple[int, datetime | None]], now: datetime
    ) -> None:
        """An overview, and the places of the first that may be claimed, as they came at that time."""
        self.views[namespace] = view
        self._ahead = view.at - now
        self._ranks = {ref: rank for ref, rank in self._ranks.items() if ref[0] != namespace}
        self._waiting = {ref: since for ref, since in self._waiting.items() if ref[0] != namespace}
        for name, (rank, since) in ranks.items():
            self._ranks[(namespace, name)] = rank
            if since is not None:
                self._waiting[(namespace, name)] = since
        self._sort()

    def drop(self, namespace: str) -> None:
        """A namespace that is not to be seen any more."""
        self.namespaces.remove(namespace)
        self.loading.discard(namespace)
        self.views.pop(namespace, None)
        self.away.pop(namespace, None)
        for ref in [ref for ref in self.beads if ref[0] == namespace]:
            self._note(ref, None)
        self.workers = {ref: worker for ref, worker in self.workers.items() if ref[0] != namespace}
        self._sort()

    def now(self, here: datetime | None = None) -> datetime:
        """By the operator's clock."""
        return (here or datetime.now(UTC)) + self._ahead

    def _bead(self, ref: Ref, bead: BeadInfo | None) -> None:
        old = self._keys.pop(ref, None)
        if old is not None:
            del self._order[bisect_left(self._order, old)]
        self._note(ref, bead)
        if bead is not None:
            self._keys[ref] = key = self._key(ref, bead)
            insort(self._order, key)

    def _note(self, ref: Ref, bead: BeadInfo | None) -> None:
        known = self.beads.pop(ref, None)
        if known is not None:
            self.phases[known.phase] -= 1
        self._asking.discard(ref)
        self._failed.discard(ref)
        if bead is None:
            return
        self.beads[ref] = bead
        self.phases[bead.phase] += 1
        if bead.type is BeadType.DECISION and bead.phase is Phase.NEEDS_DECISION:
            self._asking.add(ref)
        if bead.phase is Phase.FAILED:
            self._failed.add(ref)

    def _sort(self) -> None:
        self._keys = {ref: self._key(ref, bead) for ref, bead in self.beads.items()}
        self._order = sorted(self._keys.values())

    def _key(self, ref: Ref, bead: BeadInfo) -> SortKey:
        rank = self._ranks.get(ref, FAR) if bead.phase is Phase.READY else 0
        made = bead.created_at.timestamp() if bead.created_at is not None else 0.0
        if bead.phase in (Phase.FAILED, Phase.CANCELLED, Phase.SUCCEEDED) and bead.finished_at is not None:
            made = -bead.finished_at.timestamp()
        return (_GROUP[bead.phase], rank, str(bead.effective_priority), made, *ref)

    def place(self, ref: Ref) -> int | None:
        """Its place among all beads."""
        key = self._keys.get(ref)
        return None if key is None else bisect_left(self._order, key)

    # -- what is shown --------------------------------------------------------------------------

    def rank(self, ref: Ref) -> int | None:
        """Its place among those that may be claimed, where it is one of the first."""
        return self._ranks.get(ref)

    def waiting_since(self, ref: Ref) -> datetime | None:
        """Since when only a free session has been missing, where that is known."""
        return self._waiting.get(ref)

    def queue(self, wanted: str) -> Sequence[Ref]:
        """Beads in order: phases' names and other words of the filter must all fit. Good until a change."""
        if not wanted.strip():
            return Prefix(self._order, sum(self.phases[phase] for phase in OPEN))
        words = wanted.casefold().split()
        named = {phase for phase in GROUPS if str(phase).casefold() in words}
        phases = named or OPEN
        others = [word for word in words if not any(str(phase).casefold() == word for phase in named)]
        refs = ((key[4], key[5]) for key in self._order)
        if not others:
            return [ref for ref in refs if self.beads[ref].phase in phases]
        return [ref for ref in refs if self.beads[ref].phase in phases and _fits(self.beads[ref], others)]

    def needs(self) -> list[NeedRow]:
        """What needs a person: as the operator ranks it, and what has changed since."""
        found = [
            NeedRow(namespace, need)
            for namespace, view in self.views.items()
            for need in view.needs
            if self._holds(namespace, need)
        ]
        told = {(row.namespace, row.need.name) for row in found}
        for ref in self._asking - told:
            found.append(NeedRow(ref[0], fresh(NeedKind.DECISION, self.beads[ref])))
        for ref in self._failed - told:
            bead, view = self.beads[ref], self.views.get(ref[0])
            if view is None or (bead.finished_at is not None and bead.finished_at >= view.at):
                found.append(NeedRow(ref[0], fresh(NeedKind.FAILED, bead)))
        return sorted(found, key=need_place)

    def _holds(self, namespace: str, need: Need) -> bool:
        ref = (namespace, need.name)
        if need.kind in QUESTIONS:
            return ref in self._asking
        if need.kind is NeedKind.FAILED:
            return ref in self._failed
        if need.kind is NeedKind.STUCK:
            bead = self.beads.get(ref)
            return bead is not None and bead.phase in OPEN and bead.phase is not Phase.RUNNING
        return True

    def fleet(self) -> list[SessionRow]:
        """Sessions: those in trouble first, then by name."""
        told = {
            (namespace, info.worker, info.name): info
            for namespace, view in self.views.items()
            for info in view.sessions
        }
        rows = []
        for (namespace, name), worker in self.workers.items():
            for session in worker.status.sessions:
                info = told.get((namespace, name, session.name))
                if info is None or info.bead != session.bead or info.state != session.state:
                    info = plain_info(worker, session)
                rows.append(self._row(namespace, info))
        return sorted(rows, key=session_place)

    def _row(self, namespace: str, info: SessionInfo) -> SessionRow:
        view = self.views.get(namespace)
        for run in view.running if view is not None else ():
            if (run.session, run.name) == (info.name, info.bead):
                return SessionRow(namespace, info, run.note, run.max_iterations)
        return SessionRow(namespace, info)


def _fits(bead: BeadInfo, words: Sequence[str]) -> bool:
    text = f"{bead.name} {bead.title} {bead.effective_priority} {bead.worker or ''} {bead.session or ''}"
    labels = " ".join(f"{key}={value}" for key, value in bead.labels.items())
    text = f"{text} {labels}".casefold()
    return all(word in text for word in words)
