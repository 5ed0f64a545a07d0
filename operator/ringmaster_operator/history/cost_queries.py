"""Costs added up: by any of the groupings, over any range of days. Every grouping has the same total.

A claim counts in one group of each grouping, but for capabilities: one that asks for several is divided
evenly among them, tokens too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, String, and_, case, func, type_coerce
from sqlalchemy import select as columns
from sqlmodel import Session, col

from ringmaster_operator.history.cost_tables import CostTagRow, CostUseRow, CostWorkRow
from ringmaster_operator.history.costs import NAMES
from ringmaster_operator.history.tables import AttemptRow, metadata

TIMES = ("day", "week", "month")
GROUPINGS = (
    *("bead", "epic", "worker", "profile", "model", "provider", "capability", "repository", "namespace"),
    *("user", "outcome"),
    *TIMES,
)
"""Besides these there is label:KEY."""
FILTERS = (*GROUPINGS[: -len(TIMES)], "tree")
LABEL = "label:"
CAPABILITY = "capability"
SPLIT = ("model", "provider", "namespace", CAPABILITY, *TIMES)
"""Groupings by which a claim may count in several groups."""
_USES, _WORKS, _TAGS = (metadata.tables[row.__tablename__] for row in (CostUseRow, CostWorkRow, CostTagRow))
_ATTEMPTS = func.count(func.distinct(_USES.c.work_id))
_WORK = {
    "bead": "bead",
    "epic": "epic",
    "worker": "worker",
    "profile": "profile",
    "repository": "repository",
    "user": "requested_by",
}
"""Groupings by the columns of cost_work."""
_USE = ("model", "provider", "namespace")
"""Groupings by the columns of cost_use."""
_OUTCOMES = {
    "success": "success",
    "likely_success": "success",
    "failed": "failure",
    "likely_failed": "failure",
    "incomplete": "failure",
}
_TIME_WORDS = {
    "sqlite": {"month": "%Y-%m"},
    "postgresql": {"day": "YYYY-MM-DD", "week": "YYYY-MM-DD", "month": "YYYY-MM"},
}
"""How each database writes a day; the week is that of its Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """The sums of one group. Figures are named as in CostUseRow; fractions where capabilities divide."""

    keys: tuple[str, ...]
    figures: dict[str, float]
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be added up. An empty namespace means all; since and until are days, both included."""

    by: Sequence[str] = ()
    namespace: str = ""
    since: date | None = None
    until: date | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    """Values of groupings that must be so; tree: a bead and all below it."""


def roll_up(db: Session, *, question: Question) -> list[RolledUp]:
    """The groups: those of a time in its order, others the dearest first. A grouping must be a known one."""
    found = _Query(question, db.connection().dialect.name)
    groups = len(question.by)
    rows = [_rolled(row, groups) for row in db.connection().execute(found.statement()) if row[-1]]
    if question.by and question.by[0] in TIMES:
        return sorted(rows, key=lambda group: (group.keys[0], -group.figures["usd"], group.keys))
    return sorted(rows, key=lambda group: (-group.figures["usd"], -group.figures["tokens"], group.keys))


def roll_up_with_total(db: Session, *, question: Question) -> tuple[list[RolledUp], RolledUp]:
    """As roll_up, and all groups together, which costs little more than the groups alone."""
    groups = roll_up(db, question=question)
    return groups, _total(db, question, groups)


def _total(db: Session, question: Question, groups: Sequence[RolledUp]) -> RolledUp:
    figures = {name: _sum([group.figures[name] for group in groups]) for name in NAMES}
    if set(question.by).isdisjoint(SPLIT):
        attempts = sum(group.attempts for group in groups)
    else:
        attempts = count_attempts(db, question=question)
    return RolledUp(keys=(), figures=figures, attempts=attempts)


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:  # absurd figures, of a time that did not bound them
        return sum(values)


def count_attempts(db: Session, *, question: Question) -> int:
    """Claims that used something; of all days that is every one: none is described without a sum."""
    if question.where:
        query = _Query(replace(question, by=()), db.connection().dialect.name).attempts()
    else:
        query = columns(func.count()).select_from(_WORKS)
        if question.namespace:
            query = query.where(_WORKS.c.namespace == question.namespace)
        if days := _days(question):
            query = query.where(columns(_USES.c.day).where(_USES.c.work_id == _WORKS.c.id, *days).exists())
    return int(db.connection().execute(query).scalar_one())


def _days(question: Question) -> list[ColumnElement[bool]]:
    day, since, until = _USES.c.day, question.since, question.until
    return [*([day >= since] if since else []), *([day <= until] if until else [])]


def _rolled(row: Any, keys: int) -> RolledUp:
    figures = dict(zip(NAMES, (value or 0 for value in row[keys:-1]), strict=True))
    return RolledUp(
        keys=tuple("" if key is None else str(key) for key in row[:keys]),
        figures={name: float(value) for name, value in figures.items()},
        attempts=row[-1],
    )


class _Query:
    """One statement: joins what its keys and filters need and nothing else."""

    def __init__(self, question: Question, dialect: str) -> None:
        self._question = question
        self._dialect = dialect
        self._named = dict.fromkeys([*question.by, *question.where])
        several = [name for name in self._named if name == CAPABILITY or name.startswith(LABEL)]
        self._tags = {name: _TAGS.alias(f"tag{number}") for number, name in enumerate(several)}

    def statement(self) -> Select[Any]:
        keys = [self._key(name) for name in self._question.by]
        tag = self._tags.get(CAPABILITY)
        share = 1 if tag is None else func.coalesce(tag.c.share, 1.0)
        sums = [func.sum(_USES.c[name] if tag is None else _USES.c[name] * share) for name in NAMES]
        query = self._chosen(columns(*keys, *sums, _ATTEMPTS).select_from(self._source()))
        return query.group_by(*keys) if keys else query

    def attempts(self) -> Select[Any]:
        """How many claims it finds, whatever it groups them by."""
        return self._chosen(columns(_ATTEMPTS).select_from(self._source()))

    def _key(self, name: str) -> ColumnElement[Any]:
        if name in _WORK:
            return _WORKS.c[_WORK[name]]
        if name in _USE:
            return _USES.c[name]
        if name in TIMES:
            return self._time(name)
        if name == "outcome":
            kind = col(AttemptRow.kind)
            return func.coalesce(case(_OUTCOMES, value=kind, else_=kind), "running")
        return func.coalesce(self._tags[name].c.value, "")

    def _time(self, name: str) -> ColumnElement[Any]:
        day, words = _USES.c.day, _TIME_WORDS[self._dialect]
        if self._dialect == "sqlite":
            if name == "day":
                return type_coerce(day, String)  # so it is written, and the index has it in this order
            if name == "week":
                return func.date(day, "weekday 0", "-6 days")
            return func.strftime(words[name], day)
        return func.to_char(func.date_trunc("week", day) if name == "week" else day, words[name])

    def _source(self) -> FromClause:
        source: FromClause = _USES
        if any(name in _WORK or name == "outcome" for name in self._named):
            source = source.join(_WORKS, _WORKS.c.id == _USES.c.work_id)
        if "outcome" in self._named:
            source = source.outerjoin(AttemptRow, col(AttemptRow.claim_id) == _WORKS.c.claim_id)
        for name, tag in self._tags.items():
            kind, key = (CAPABILITY, "") if name == CAPABILITY else ("label", name.removeprefix(LABEL))
            mine = and_(tag.c.work_id == _USES.c.work_id, tag.c.kind == kind, tag.c.name == key)
            source = source.outerjoin(tag, mine)
        return source

    def _chosen(self, query: Select[Any]) -> Select[Any]:
        asked = self._question
        if asked.namespace:
            query = query.where(_USES.c.namespace == asked.namespace)
        query = query.where(*_days(asked))
        for name, value in asked.where.items():
            query = query.where(_below(value) if name == "tree" else self._key(name) == value)
        return query


def _below(bead: str) -> ColumnElement[bool]:
    """By both indexes: looking at each row's parents would take many times as long."""
    itself = columns(_WORKS.c.id).where(_WORKS.c.bead == bead)
    under = columns(_TAGS.c.work_id).where(_TAGS.c.kind == "parent", _TAGS.c.value == bead)
    return _USES.c.work_id.in_(itself.union(under))
