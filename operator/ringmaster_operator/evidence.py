"""What outcomes say of an ability: weighted counts that fade, and the confidence that follows from them.

A Beta posterior in its plainest form. The board judges with it and the history keeps it, so it stands below
both: the same sum, whoever adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RECENT = 20
"""Outcomes that are shown one by one."""

Subject = tuple[str, str, str, str, str]
"""(namespace, worker, profile, model, capability): another agent is another subject, model "" its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything learned of one subject, as of `at`."""

    successes: float = 0.0
    """Weights of the successes, faded."""
    failures: float = 0.0
    """Weights of the failures, faded."""
    at: datetime | None = None
    """Time that the weights are of; None while there are none."""
    succeeded: int = 0
    """Successes, each counted as one."""
    failed: int = 0
    """Failures, each counted as one."""
    recent: str = ""
    """The last outcomes, the newest last: + or - each."""
    last_reset: str | None = None
    """The Worker's reset that was last obeyed."""
    version: int = 0
    """Grows with every change: of two copies the higher is the newer."""

    @property
    def weight(self) -> float:
        """How much is known, in outcomes as of `at`."""
        return self.successes + self.failures

    def faded(self, now: datetime, half_life_days: float) -> Evidence:
        """The same at a later time; a clock put back changes nothing."""
        if self.at is None or now <= self.at:
            return self
        kept = 0.5 ** ((now - self.at) / timedelta(days=half_life_days))
        return replace(self, successes=self.successes * kept, failures=self.failures * kept, at=now)

    def added(self, *, success: bool, weight: float, now: datetime, half_life_days: float) -> Evidence:
        """One more outcome. One that comes late counts as if it came now."""
        faded = self.faded(now, half_life_days)
        return replace(
            faded,
            successes=faded.successes + (weight if success else 0.0),
            failures=faded.failures + (0.0 if success else weight),
            at=faded.at or now,
            succeeded=faded.succeeded + success,
            failed=faded.failed + (not success),
            recent=(faded.recent + ("+" if success else "-"))[-RECENT:],
            version=faded.version + 1,
        )

    def reset(self, trigger: str) -> Evidence:
        """Nothing is known any more."""
        return Evidence(last_reset=trigger, version=self.version + 1)


def posterior(evidence: Evidence, *, prior: float, strength: float) -> float:
    """Expected share of successes, 0 to 1: `prior` counts as much as `strength` outcomes."""
    return prior + (evidence.successes - prior * evidence.weight) / (strength + evidence.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the end of one attempt says of one capability that its bead required."""

    capability: str
    success: bool
    weight: float
    """How much it counts, 0 to 1."""
    prior: float
    """What the Worker declares, for the confidence that is written down."""
