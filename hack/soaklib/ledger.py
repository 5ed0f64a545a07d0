"""What the sessions saw, told apart from anything that the operator says of itself: the witness of a soak."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ringmaster_operator.resources.protocol import Claimed


@dataclass
class Hold:
    """One claim, as its session knows it. Times are monotonic seconds."""

    bead: str
    fence: int
    session: str
    granted: float
    """When the answer that granted it came."""
    heard: float
    """When the last call that the operator acknowledged was sent."""


@dataclass
class Ledger:
    """Claims, reports and what must never be seen among them."""

    lease_seconds: float
    newest: dict[str, Hold] = field(default_factory=dict)
    """Of each bead the claim with the highest fence."""
    acknowledged: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """Bead, fence and outcome by report id, of the reports that were answered 200."""
    refused: int = 0
    broken: list[str] = field(default_factory=list)
    claims: int = 0
    calls: int = 0
    repeated: int = 0

    def granted(self, claimed: Claimed, session: str) -> Hold:
        """A session was told that the bead is its."""
        now = time.monotonic()
        hold = Hold(claimed.bead.name, claimed.fence, session, now, now)
        former = self.newest.get(hold.bead)
        if former is not None and former.fence >= hold.fence:
            self.broken.append(
                f"double work: {hold.bead} was granted to {session} with fence {hold.fence}, after fence"
                f" {former.fence} to {former.session}"
            )
        else:
            self.newest[hold.bead] = hold
        self.claims += 1
        return hold

    def confirmed(self, hold: Hold, sent: float) -> None:
        """The operator said at some moment after `sent` that the claim is good."""
        hold.heard = max(hold.heard, sent)
        newest = self.newest[hold.bead]
        if newest.fence > hold.fence and newest.granted < sent:
            self.broken.append(
                f"double work: {hold.session} was told to go on with {hold.bead} (fence {hold.fence}) while"
                f" {newest.session} held it (fence {newest.fence})"
            )

    def ended(self, hold: Hold, why: str) -> None:
        """The operator just said that the claim is over: right only where the session was silent too long.

        Until this answer, not until its call was sent: a link that is down keeps calls for a while.
        """
        self.refused += 1
        silent = time.monotonic() - hold.heard
        if silent < self.lease_seconds * 0.9:
            self.broken.append(
                f"taken away: {hold.bead} (fence {hold.fence}) from {hold.session}, which was heard"
                f" {silent:.1f} s before: {why}"
            )

    def reported(self, hold: Hold, report_id: str, outcome: str, sent: float) -> None:
        """A report was acknowledged."""
        self.confirmed(hold, sent)
        self.acknowledged[report_id] = (hold.bead, hold.fence, outcome)
