"""Whose turn it is: among those who share the Workers, and between overdue beads and newer ones.

Who holds the fewest sessions for its weight goes first; among equals, who has taken the fewest beads for its
weight. The second is stride scheduling: each claim moves a group on by 1/weight, and who comes back after a
pause starts where the others are, so that nobody saves up turns. Nothing of this is kept over a restart: what
runs is known then, and the rest evens out again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ringmaster_operator.resources.project import Fairness


@dataclass
class Turns:
    """Turns of one namespace. Not thread-safe."""

    fairness: Fairness | None = None
    running: Counter[str] = field(default_factory=Counter)
    """Beads that run or are just being claimed, by group."""
    _passes: dict[str, float] = field(default_factory=dict)
    _now: float = 0.0
    """The pass of the group that had the last turn."""
    _fresh: set[str] = field(default_factory=set)
    """Workers whose last bead of P1 was an overdue one."""

    def weight(self, group: str) -> float:
        return self.fairness.weights.get(group, 1.0) if self.fairness is not None else 1.0

    def order(self, groups: Iterable[str]) -> list[str]:
        """The groups, whose turn it is first."""
        return sorted(groups, key=lambda group: (*self.standing(group), group))

    def standing(self, group: str) -> tuple[float, float]:
        """Sessions held and beads taken, both for its weight: less goes first."""
        return self.running[group] / self.weight(group), max(self._passes.get(group, 0.0), self._now)

    def overdue_next(self, worker: str) -> bool:
        """Whether of P1 an overdue bead is next for this Worker."""
        return worker not in self._fresh

    def took(self, worker: str, group: str, *, rank: int, overdue: bool) -> None:
        """A Worker takes a bead of a group."""
        self._now = max(self._passes.get(group, 0.0), self._now)
        self._passes[group] = self._now + 1 / self.weight(group)
        if rank == 1:
            (self._fresh.add if overdue else self._fresh.discard)(worker)
