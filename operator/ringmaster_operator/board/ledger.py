"""What was spent, and what is set aside for the work that runs: so that many workers cannot overspend.

Every running iteration holds a part of each budget that it is paid from. A claim is granted only while what
is left covers the estimate of its iteration (or nothing else runs: a budget smaller than an estimate is not
dead). The parts never add up to more than what is left, so each session can exceed a limit by the one turn
in which it uses up its own part, and no more.

Pure and in memory: it is filled from the history at start, and every report is posted as it is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ringmaster_operator.board.budgets import (
    NOTHING,
    Amount,
    Payer,
    Purse,
    reserved_words,
    spent_words,
)

REMEMBERED = timedelta(days=32)
"""How long single days are kept: a month is the longest period."""
STEP = 0.25
"""Part of the estimate by which a running session's part is topped up."""
MOST_SUMS = 10_000


@dataclass(frozen=True)
class Reservation:
    """What is set aside for one running iteration."""

    payer: Payer
    granted: Amount
    estimate: Amount
    used: Amount = NOTHING
    """Of the iteration so far, as its session last told."""

    @property
    def held(self) -> Amount:
        return self.granted.most(self.used)


@dataclass
class _Sum:
    start: datetime
    amount: Amount


class Ledger:
    """All namespaces. Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._days: dict[tuple[datetime, Payer], Amount] = {}
        self._posted: datetime | None = None
        """The day of the last post: only with another one are days forgotten."""
        self._sums: dict[Purse, _Sum] = {}
        self._reserved: dict[str, Reservation] = {}

    def post(self, who: Payer, amount: Amount, at: datetime) -> None:
        """Money that is gone."""
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if day != self._posted:
            self._posted = day
            self._forget(day - REMEMBERED)
        self._days[day, who] = self._days.get((day, who), NOTHING) + amount
        for purse, known in self._sums.items():
            if purse.pays(who) and purse.start(at) == known.start:
                known.amount += amount

    def payers(self, namespace: str) -> set[Payer]:
        """All who have spent lately, or have something set aside."""
        known = {who for _, who in self._days} | {item.payer for item in self._reserved.values()}
        return {who for who in known if who.namespace == namespace}

    def today(self, worker: tuple[str, str], now: datetime) -> Amount:
        """What a Worker, (namespace, name), has spent on the UTC day of `now`."""
        start, total = now.replace(hour=0, minute=0, second=0, microsecond=0), NOTHING
        for (day, who), amount in self._days.items():
            if day == start and (who.namespace, who.worker) == worker:
                total += amount
        return total

    def spent(self, purse: Purse, now: datetime) -> Amount:
        """Of the purse in its present period."""
        start = purse.start(now)
        known = self._sums.get(purse)
        if known is None or known.start != start:
            if len(self._sums) >= MOST_SUMS:
                self._sums.clear()
            total = NOTHING
            for (day, who), amount in self._days.items():
                if day >= start and purse.start(day) == start and purse.pays(who):
                    total += amount
            known = self._sums[purse] = _Sum(start, total)
        return known.amount

    def reserved(self, purse: Purse, *, but: str = "") -> Amount:
        """Set aside for all running work that the purse pays; `but` is a claim to leave out."""
        total = NOTHING
        for claim_id, item in self._reserved.items():
            if claim_id != but and purse.pays(item.payer):
                total += item.held
        return total

    def _runs(self, purse: Purse, *, but: str) -> bool:
        return any(key != but and purse.pays(item.payer) for key, item in self._reserved.items())

    def recover(self, claim_id: str, who: Payer, granted: Amount, estimate: Amount) -> None:
        """A claim that runs since before a restart, with the part that it was given then."""
        self._reserved[claim_id] = Reservation(who, granted, estimate)

    def of(self, claim_id: str) -> Reservation | None:
        return self._reserved.get(claim_id)

    def refusal(
        self,
        purses: Iterable[Purse],
        estimate: Amount,
        now: datetime,
        *,
        claim_id: str = "",
        gone: Amount = NOTHING,
    ) -> str:
        """Why an iteration may not begin, in words; empty when it may.

        For the next iteration of a claim: its id, and what the one that has just ended used.
        """
        for purse in purses:
            spent = self.spent(purse, now) + gone
            if purse.reached(spent):
                return spent_words(purse, spent)
            reserved = self.reserved(purse, but=claim_id)
            left = purse.left(spent + reserved)
            short = estimate.usd > left.usd or estimate.tokens > left.tokens
            if short and self._runs(purse, but=claim_id):
                return reserved_words(purse, spent, reserved)
        return ""

    def reserve(
        self,
        claim_id: str,
        who: Payer,
        purses: Iterable[Purse],
        estimate: Amount,
        now: datetime,
        *,
        gone: Amount = NOTHING,
    ) -> Amount:
        """Set aside for an iteration: the estimate, or what is left where that is less. Returns it.

        `gone` is what the claim's last iteration used and what is not posted yet: it stays set aside as well.
        """
        part = estimate
        for purse in purses:
            taken = self.spent(purse, now) + gone + self.reserved(purse, but=claim_id)
            part = part.least(purse.left(taken))
        part = part.most(NOTHING)
        self._reserved[claim_id] = Reservation(who, part + gone, estimate)
        return part

    def use(self, claim_id: str, purses: Iterable[Purse], used: Amount, now: datetime) -> str:
        """A session tells what its iteration has used. Its part grows where there is something left.

        Returns why it must stop at its next turn, where a budget says so.
        """
        item = self._reserved.get(claim_id)
        if item is None:
            return ""
        used = item.used.most(used)
        step = Amount(item.estimate.usd * STEP, int(item.estimate.tokens * STEP))
        part = item.granted.most(used + step)
        strict = [purse for purse in purses if purse.stops_sessions]
        for purse in strict:
            left = purse.left(self.spent(purse, now) + self.reserved(purse, but=claim_id))
            part = part.least(left.most(item.granted))
        self._reserved[claim_id] = Reservation(item.payer, part, item.estimate, used)
        return next((why for purse in strict if (why := self._ends(purse, used, part, now))), "")

    def _ends(self, purse: Purse, used: Amount, part: Amount, now: datetime) -> str:
        """Why a session that has used so much of its part must stop."""
        spent = self.spent(purse, now)
        if purse.reached(spent + used):
            return spent_words(purse, spent + used)
        money = purse.usd is not None and 0 < used.usd >= part.usd
        if money or (purse.tokens is not None and 0 < used.tokens >= part.tokens):
            return reserved_words(purse, spent, self.reserved(purse))
        return ""

    def cut(self, claim_id: str, granted: Amount) -> None:
        """The part is no more than that: what was added to it could not be given."""
        item = self._reserved.get(claim_id)
        if item is not None:
            self._reserved[claim_id] = replace(item, granted=item.granted.least(granted))

    def settle(self, claim_id: str, who: Payer, amount: Amount, at: datetime, *, goes_on: bool) -> None:
        """An iteration was reported: what it used is posted; with goes_on the next one's part stays."""
        self.post(who, amount, at)
        item = self._reserved.get(claim_id)
        if item is None or not goes_on:
            self.free(claim_id)
            return
        rest = (item.granted - amount).most(NOTHING)
        self._reserved[claim_id] = Reservation(who, rest, item.estimate)

    def free(self, claim_id: str) -> None:
        """The work does not run any more."""
        self._reserved.pop(claim_id, None)

    def _forget(self, before: datetime) -> None:
        for key in [key for key in self._days if key[0] < before]:
            del self._days[key]


class Estimates:
    """What an iteration will use: the running mean of those of its kind, else what the settings say."""

    WEIGHT = 20
    """So many iterations back the mean reaches."""

    def __init__(self, first: Amount) -> None:
        self._first = first
        self._known: dict[tuple[str, ...], tuple[int, float, float]] = {}

    def learn(self, kind: tuple[str, ...], amount: Amount) -> None:
        """An iteration of this kind (namespace, profile, model, type of bead) has ended."""
        if amount == NOTHING:
            return
        count, usd, tokens = self._known.get(kind, (0, 0.0, 0.0))
        count = min(count + 1, self.WEIGHT)
        usd += (amount.usd - usd) / count
        tokens += (amount.tokens - tokens) / count
        self._known[kind] = (count, usd, tokens)

    def of(self, kind: tuple[str, ...]) -> Amount:
        known = self._known.get(kind)
        return self._first if known is None else Amount(known[1], int(known[2]))
