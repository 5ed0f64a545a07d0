"""Can anybody take a bead that is ready, and if not, who comes nearest and what is missing?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ringmaster_operator.board.matching import Asks, Fit, Fits, Needs, Shortfall, drawn
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.worker import Worker

_HINTS = {
    "NoWorker": "create one",
    "WorkerSuspended": "set its spec.suspend to false",
    "CapabilityMissing": "add it to a Worker's spec.capabilities",
    "ConfidenceTooLow": "set an override on the Worker, or lower the bead's spec.minConfidence",
    "WorkerSelector": "label a Worker, or change the bead's spec.routing",
    "Profile": "create a Worker whose spec.agent.profile is that",
    "BeadSelector": "label the bead, or change the Worker's spec.beadSelector",
}
_NOBODY = Shortfall("NoWorker", "there is no Worker in the namespace", 0.0)


class Team:
    """The Workers of a namespace as they are now: one answer for all beads that look alike to them."""

    def __init__(self, fleet: Iterable[tuple[Worker, Fits]], rules: ConfidenceRules) -> None:
        self._fleet = [(worker, fits) for worker, fits in fleet if worker.metadata.deletion_timestamp is None]
        self._rules = rules
        self._labels = frozenset(
            pair for worker, _ in self._fleet for pair in worker.spec.bead_selector.items()
        )
        self._known: dict[tuple[Asks, frozenset[tuple[str, str]]], tuple[Fit, tuple[str, str]]] = {}

    def lacks(self, bead: Bead, wanted: Needs, priority: Priority) -> tuple[str, str] | None:
        """Reason and message why nobody can take the bead; None when somebody can.

        priority is the effective one.
        """
        alike = wanted.asks, wanted.labels & self._labels
        found = self._known.get(alike)
        if found is None:
            fit, missing = self._judge(wanted)
            text = f"no Worker can take it: {missing.message}; {_HINTS[missing.reason]}"
            found = self._known[alike] = fit, (missing.reason, text)
        fit, told = found
        if fit is Fit.SURE or (fit is Fit.LOT and drawn(bead, priority, self._rules)):
            return None
        return told

    def _judge(self, wanted: Needs) -> tuple[Fit, Shortfall]:
        """The best fit of those at work, and what to say where that is not enough."""
        found = {fits.fit(wanted) for worker, fits in self._fleet if not worker.spec.suspend}
        best = next((fit for fit in (Fit.SURE, Fit.LOT) if fit in found), Fit.NO)
        for worker, fits in self._fleet:
            if worker.spec.suspend and fits.fit(wanted) is not Fit.NO:
                return best, Shortfall("WorkerSuspended", f"Worker {worker.metadata.name} is suspended", 0.0)
        lacks = nearest((fits for _, fits in self._fleet), wanted)
        if not lacks:
            return best, _NOBODY
        return best, Shortfall(lacks[0].reason, "; ".join(item.message for item in lacks), lacks[0].gap)


def nearest(fleet: Iterable[Fits], wanted: Needs) -> Sequence[Shortfall]:
    """What the Worker lacks that lacks least; empty when there is no Worker. The first of equals."""
    found = [fits.lacks(wanted) for fits in fleet]
    return min(found, key=lambda lacks: sum(item.gap for item in lacks), default=[])
