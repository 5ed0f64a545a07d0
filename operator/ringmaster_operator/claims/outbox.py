"""Reports that are committed and not yet applied: those of a claim in the order of its iterations."""

from __future__ import annotations

from ringmaster_operator import metrics


class Outbox:
    """What of it this process knows; the rows in the database are the truth."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int]] = {}
        """Claim and iteration by report id."""

    def __contains__(self, report_id: str) -> bool:
        return report_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def add(self, report_id: str, *, claim_id: str, iteration: int) -> None:
        """It is committed."""
        self._open[report_id] = claim_id, iteration
        metrics.outbox.set(len(self._open))

    def behind(self, claim_id: str, iteration: int) -> bool:
        """Whether an earlier iteration of the claim waits: the status stands where that was made."""
        return any(claim == claim_id and number < iteration for claim, number in self._open.values())

    def applied(self, report_id: str) -> bool:
        """Take it out; whether others of its claim waited for that."""
        claim_id, _ = self._open.pop(report_id, ("", 0))
        metrics.outbox.set(len(self._open))
        return any(claim == claim_id for claim, _ in self._open.values())
