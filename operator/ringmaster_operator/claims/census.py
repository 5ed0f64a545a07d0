"""A namespace in figures, counted again only where something changed: people ask several times a second."""

from __future__ import annotations

from collections import Counter

from ringmaster_operator.board.facts import Readiness, View
from ringmaster_operator.board.room import Room
from ringmaster_operator.claims import needs
from ringmaster_operator.resources.bead import Bead, Phase


class Census:
    """Follows one room. A bead and a view are replaced when they change, so the same ones say the same."""

    def __init__(self) -> None:
        self.phases: Counter[Phase] = Counter()
        self.ready = 0
        """Beads that may be claimed."""
        self.loud: set[str] = set()
        """Beads that may need a person: what they say depends on others, too, or on the time."""
        self._room: Room | None = None
        self._seen: dict[str, tuple[Bead, View | None]] = {}

    def take(self, room: Room) -> None:
        """Bring it up to date. No other census may follow that room."""
        touched, room.touched = room.touched, set()
        if touched is None or room is not self._room:
            self._room, touched = room, room.beads.keys() | self._seen.keys()
        for name in touched:
            bead, view, known = room.beads.get(name), room.views.get(name), self._seen.get(name)
            if known is not None and known[0] is bead and known[1] is view:
                continue
            if known is not None:
                self._count(name, *self._seen.pop(name), -1)
            if bead is None:
                continue
            self._seen[name] = bead, view
            self._count(name, bead, view, 1)
            if needs.may_need(bead, view):
                self.loud.add(name)

    def _count(self, name: str, bead: Bead, view: View | None, by: int) -> None:
        phase = bead.status.phase or Phase.PENDING
        self.phases[phase] += by
        if not self.phases[phase]:
            del self.phases[phase]
        if view is not None and view.readiness is Readiness.READY:
            self.ready += by
        self.loud.discard(name)
