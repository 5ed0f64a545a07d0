"""Costs as people see them: sums by groups, and what is still to come."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.forecast import Range, further, to_finish
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.origin import parents_of
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import Gap, History, Question, RolledUp
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadType, Phase
from ringmaster_operator.resources.cost_api import (
    DIFFERS,
    CostForecast,
    CostGroup,
    CostSums,
    EpicForecast,
    MonthForecast,
    PriceGap,
    Prices,
)
from ringmaster_operator.resources.price_table import table_version
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.store import Store

WINDOW_DAYS = 28
"""Days that the month's end is reckoned from: whole weeks."""
FEW_BEADS = 3
"""With fewer done beads of its own an epic is reckoned from all of the namespace."""
MOST_USD = 1e12
"""Agents may tell any figure; what is shown stays a number."""
WORKED = (BeadType.TASK, BeadType.SUBTASK, BeadType.QUESTION)


class Costs:
    """Answers questions about costs from the history."""

    def __init__(self, *, store: Store, board: Board, history: History, funds: Funds, clock: Clock) -> None:
        self._store = store
        self._board = board
        self._history = history
        self._funds = funds
        self._clock = clock

    async def groups(self, question: Question) -> list[CostGroup]:
        """The sums of every group. Raises HistoryError."""
        found = await self._history.roll_up(question=question)
        return [CostGroup(keys=list(group.keys), **_sums(group)) for group in found]

    async def groups_and_total(self, question: Question) -> tuple[list[CostGroup], CostSums]:
        """The sums of every group, and of all together. Raises HistoryError."""
        found, total = await self._history.roll_up_with_total(question=question)
        groups = [CostGroup(keys=list(group.keys), **_sums(group)) for group in found]
        return groups, CostSums(**_sums(total))

    async def total(self, question: Question) -> CostSums:
        """The sums of all together."""
        whole = Question(
            namespace=question.namespace, since=question.since, until=question.until, where=question.where
        )
        found = await self._history.roll_up(question=whole)
        return CostSums(**_sums(found[0])) if found else CostSums()

    async def prices(self, namespace: str) -> Prices:
        """The lists in force, and what they lack."""
        project = self._board.project(namespace)
        own = list(project.prices) if project is not None else []
        return Prices(table=table_version(), own=own, gaps=await self.gaps(namespace))

    async def gaps(self, namespace: str) -> list[PriceGap]:
        """Models without a price."""
        return [_gap(gap) for gap in await self._history.price_gaps(namespace=namespace)]

    async def forecast(self, namespace: str, epic: str | None) -> CostForecast:
        """The end of the month, and of an epic. Raises Refused (NOT_FOUND) for one that nobody knows."""
        return CostForecast(
            month=await self._month(namespace),
            epic=await self._epic(namespace, epic) if epic else None,
            budgets=self._funds.overview(namespace),
        )

    async def _month(self, namespace: str) -> MonthForecast:
        now = self._clock.now()
        today = now.date()
        window = today - timedelta(days=WINDOW_DAYS)
        by_day = await self._days(namespace, min(window, today.replace(day=1)))
        earlier = await self._history.count_attempts(question=Question(namespace=namespace, until=window))
        begin = window if earlier else min([day for day in by_day if day >= window], default=today)
        days = [by_day.get(begin + timedelta(days=number), 0.0) for number in range((today - begin).days)]
        spent = sum(usd for day, usd in by_day.items() if day >= today.replace(day=1))
        found = further(spent, days, _days_left(now))
        return MonthForecast(
            month=today.isoformat()[:7],
            spent=_usd(spent),
            **_range(found),
            method=f"mean of {len(days)} whole days before today, for the rest of the month",
        )

    async def _days(self, namespace: str, since: date) -> dict[date, float]:
        question = Question(by=["day"], namespace=namespace, since=since)
        found = await self._history.roll_up(question=question)
        return {date.fromisoformat(group.keys[0]): group.figures["usd"] for group in found}

    async def _epic(self, namespace: str, epic: str) -> EpicForecast:
        cost = await self._by_bead(Question(namespace=namespace, where={"tree": epic}))
        if not cost and self._store.bead((namespace, epic)) is None:
            raise Refused(ProblemCode.NOT_FOUND, f"there is no bead {epic} in namespace {namespace}")
        own = [bead for bead in self._worked(namespace) if _belongs(self._store, bead, epic)]
        left = [bead.metadata.name for bead in own if self._is_open(bead)]
        done = _done(own)
        known, which = [cost[name] for name in done if name in cost], "of the epic"
        if len(known) < FEW_BEADS:
            every = await self._by_bead(Question(namespace=namespace))
            known = [every[name] for name in _done(self._worked(namespace)) if name in every]
            which = "of the namespace"
        closed = sum(usd for name, usd in cost.items() if name not in left)
        found = to_finish([cost.get(name, 0.0) for name in left], closed, known)
        return EpicForecast(
            epic=epic,
            open=len(left),
            done=len(done),
            spent=_usd(sum(cost.values())),
            **_range(found),
            method=f"mean of {len(known)} done beads {which}, for each open one",
        )

    async def _by_bead(self, question: Question) -> dict[str, float]:
        asked = Question(by=["bead"], namespace=question.namespace, where=question.where)
        found = await self._history.roll_up(question=asked)
        return {group.keys[0]: group.figures["usd"] for group in found}

    def _worked(self, namespace: str) -> list[Bead]:
        beads = (bead for bead in self._store.beads() if bead.metadata.namespace == namespace)
        return [bead for bead in beads if bead.spec.type in WORKED]

    def _is_open(self, bead: Bead) -> bool:
        """Still to be worked; a bead with children is done with them."""
        return bead.status.phase not in FINISHED and not self._board.children(bead.key)


def _belongs(store: Store, bead: Bead, epic: str) -> bool:
    return bead.metadata.name == epic or any(item.metadata.name == epic for item in parents_of(store, bead))


def _done(beads: Iterable[Bead]) -> list[str]:
    return [bead.metadata.name for bead in beads if bead.status.phase is Phase.SUCCEEDED]


def _days_left(now: datetime) -> float:
    """Days until the month ends, the rest of today too."""
    last = calendar.monthrange(now.year, now.month)[1]
    gone = (now.hour * 3600 + now.minute * 60 + now.second) / 86_400
    return last - now.day + 1 - gone


def _range(found: Range | None) -> dict[str, float | None]:
    if found is None:
        return {}
    values = {"expected": found.expected, "low": found.low, "high": found.high}
    return {name: None if value is None else _usd(value) for name, value in values.items()}


def _usd(value: float) -> float:
    return round(max(-MOST_USD, min(value, MOST_USD)), 6)


def _sums(group: RolledUp) -> dict[str, float]:
    figures = {name: _usd(value) for name, value in group.figures.items()}
    ours, theirs = figures["compared_usd"], figures["agent_usd"]
    differs = abs(ours - theirs) > DIFFERS * max(ours, theirs)
    return figures | {"attempts": group.attempts, "differs": differs}


def _gap(gap: Gap) -> PriceGap:
    names = set(PriceGap.model_fields)
    return PriceGap(**{name: getattr(gap, name) for name in names})
