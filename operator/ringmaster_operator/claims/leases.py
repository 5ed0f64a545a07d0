"""Leases: who was heard of lately. In memory only, so that a heartbeat costs the API server nothing.

Deadlines are on the monotonic clock: setting the wall clock a day forward takes no bead from anyone. After a
restart of the operator every claim gets one full lease of grace, because nobody could have been heard.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ringmaster_operator import metrics
from ringmaster_operator.claims.seen import Seen
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import Progress
from ringmaster_operator.store import Key

REMEMBERED = 50_000
RATE_SECONDS = 120.0
"""What tokens per minute are taken over."""


@dataclass
class Lease:
    """A claim that is held: the bead's status says so too."""

    claim_id: str
    key: Key
    uid: str
    fence: int
    worker: str
    session: str
    deadline: float
    """On the monotonic clock, in seconds."""
    iteration: int = 1
    progress: Progress = field(default_factory=Progress)
    closing: bool = False
    """A report is being committed, or the bead is being given back: only one of the two may happen."""
    over: bool = False
    """The history has its end: only the bead's status says yet that it is held."""
    ours: bool = False
    """Granted by this process: whatever was reported of it is in `reports`."""
    reports: set[str] = field(default_factory=set)
    """Ids of the reports of it that were taken in here."""
    heard: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))
    """When heartbeats of this iteration came (monotonic seconds), and the tokens that they told."""

    def may_know(self, report_id: str) -> bool:
        """Whether the report may have been taken in before: only then does the history have to be asked."""
        return not self.ours or report_id in self.reports

    def hear(self, progress: Progress, now: float) -> None:
        """A heartbeat of the running iteration."""
        self.progress = progress
        while self.heard and (self.heard[0][0] < now - RATE_SECONDS or self.heard[-1][1] > progress.tokens):
            self.heard.popleft()
        self.heard.append((now, progress.tokens))

    def next_iteration(self, iteration: int) -> None:
        """Another iteration begins; nothing was heard of it yet."""
        self.iteration, self.progress = iteration, Progress()
        self.heard.clear()

    def tokens_per_minute(self) -> float | None:
        """Of late; None until two heartbeats tell."""
        if len(self.heard) < 2 or (passed := self.heard[-1][0] - self.heard[0][0]) <= 0:
            return None
        return round((self.heard[-1][1] - self.heard[0][1]) * 60 / passed, 1)


class Leases:
    """All held claims, by claim id and by bead uid."""

    def __init__(self, seconds: float, *, ended: Callable[[str], None]) -> None:
        """`ended` is told the id of every claim that is over."""
        self.seconds = seconds
        self.seen = Seen()
        self._told = ended
        self._by_claim: dict[str, Lease] = {}
        self._by_uid: dict[str, str] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._by_claim.values()))

    def get(self, claim_id: str) -> Lease | None:
        return self._by_claim.get(claim_id)

    def of_bead(self, uid: str) -> Lease | None:
        claim_id = self._by_uid.get(uid)
        return self._by_claim.get(claim_id) if claim_id else None

    def grant(self, bead: Bead, now: float) -> None:
        """As hold, for a claim that this process has just granted."""
        lease = self.hold(bead, now)
        if lease is not None:
            lease.ours = True

    def hold(self, bead: Bead, now: float) -> Lease | None:
        """The lease of the bead's present claim, made with a full term when it is new here."""
        claim = bead.status.claim
        if claim is None or claim.id in self._ended:
            return None  # ended here, though the status may not say so yet
        known = self._by_claim.get(claim.id)
        if known is not None:
            return known
        stale = self.of_bead(bead.metadata.uid)
        if stale is not None:
            if stale.fence > claim.fence:
                return None
            self.end(stale.claim_id)
        lease = Lease(
            claim_id=claim.id,
            key=bead.key,
            uid=bead.metadata.uid,
            fence=claim.fence,
            worker=claim.worker,
            session=claim.session,
            deadline=now + self.seconds,
            iteration=max(1, bead.status.iteration),
        )
        self.seen.add(claim.id)
        self._by_claim[claim.id] = lease
        self._by_uid[lease.uid] = claim.id
        metrics.leases.set(len(self._by_claim))
        return lease

    def renew(self, lease: Lease, now: float) -> None:
        lease.deadline = now + self.seconds

    def end(self, claim_id: str) -> None:
        """The claim is over for good: no echo of an old status makes a lease of it again."""
        self._ended[claim_id] = None
        self._told(claim_id)
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        lease = self._by_claim.pop(claim_id, None)
        if lease is not None and self._by_uid.get(lease.uid) == claim_id:
            del self._by_uid[lease.uid]
        metrics.leases.set(len(self._by_claim))

    def over(self, claim_id: str) -> bool:
        """Whether the claim is known to have ended."""
        return claim_id in self._ended

    def due(self, now: float) -> list[Lease]:
        return [lease for lease in self._by_claim.values() if lease.deadline <= now and not lease.closing]

    def next_deadline(self) -> float | None:
        return min((lease.deadline for lease in self._by_claim.values()), default=None)
