"""Which budgets a piece of work is paid from, and how people are told about them.

A purse is one limit over one period for one part of the work; the ledger (board/ledger.py) knows what was
taken from it. Purses are made anew from the specs whenever they are asked for, so a changed limit counts at
once and nothing has to be kept in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.budget import REQUESTED_BY, Budget, Each, Period
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import OnExceeded, Worker


@dataclass(frozen=True)
class Amount:
    """Dollars, and input and output tokens."""

    usd: float = 0.0
    tokens: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.usd + other.usd, self.tokens + other.tokens)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.usd - other.usd, self.tokens - other.tokens)

    def most(self, other: Amount) -> Amount:
        """Of each the larger."""
        return Amount(max(self.usd, other.usd), max(self.tokens, other.tokens))

    def least(self, other: Amount) -> Amount:
        """Of each the smaller."""
        return Amount(min(self.usd, other.usd), min(self.tokens, other.tokens))


NOTHING = Amount()


@dataclass(frozen=True)
class Payer:
    """Whose work it is: what budgets tell apart."""

    namespace: str
    worker: str
    user: str = ""
    labels: frozenset[tuple[str, str]] = frozenset()


def payer(worker: str, bead: Bead) -> Payer:
    """Who pays when this Worker works on this bead."""
    meta = bead.metadata
    user = meta.labels.get(REQUESTED_BY) or meta.annotations.get(REQUESTED_BY) or ""
    return Payer(meta.namespace, worker, user, frozenset(meta.labels.items()))


@dataclass(frozen=True)
class Purse:
    """One limit over one period, and whose work it pays."""

    namespace: str
    name: str
    """For people: "Worker desk", "the project", "budget team-a"."""
    where: str
    """Where the limit is set."""
    period: Period
    usd: float | None = None
    tokens: int | None = None
    warn_percent: int = 80
    stops_sessions: bool = False
    worker: str | None = None
    user: str | None = None
    labels: frozenset[tuple[str, str]] = frozenset()

    def pays(self, who: Payer) -> bool:
        return (
            who.namespace == self.namespace
            and self.worker in (None, who.worker)
            and self.user in (None, who.user)
            and self.labels <= who.labels
        )

    def start(self, now: datetime) -> datetime:
        """When its present period began."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return day.replace(day=1) if self.period is Period.MONTH else day

    def reached(self, taken: Amount) -> bool:
        """Whether nothing is left when so much was taken."""
        return (self.usd is not None and taken.usd >= self.usd) or (
            self.tokens is not None and taken.tokens >= self.tokens
        )

    def left(self, taken: Amount) -> Amount:
        """What is left; where there is no limit, more than anyone asks for."""
        return Amount(
            usd=1e12 if self.usd is None else self.usd - taken.usd,
            tokens=10**15 if self.tokens is None else self.tokens - taken.tokens,
        )

    def warns(self, spent: Amount) -> bool:
        share = self.warn_percent / 100
        return (self.usd is not None and spent.usd >= self.usd * share) or (
            self.tokens is not None and spent.tokens >= self.tokens * share
        )


def purses_of(worker: Worker, project: Project | None) -> Iterator[Purse]:
    """What all work of a Worker is paid from, whatever the bead."""
    namespace, name = worker.key
    own = worker.spec.budget
    common = {
        "namespace": namespace,
        "name": f"Worker {name}",
        "where": "spec.budget",
        "warn_percent": own.warn_percent,
        "stops_sessions": own.on_exceeded is OnExceeded.STOP_SESSIONS,
        "worker": name,
    }
    for period, usd, tokens in (
        (Period.DAY, own.usd_per_day, own.tokens_per_day),
        (Period.MONTH, own.usd_per_month, own.tokens_per_month),
    ):
        if usd is not None or tokens is not None:
            yield Purse(period=period, usd=usd, tokens=tokens, **common)  # type: ignore[arg-type]
    if project is not None:
        yield from _of_project(namespace, project)


def _of_project(namespace: str, project: Project) -> Iterator[Purse]:
    usd, tokens = project.budget.usd_per_day, project.budget.tokens_per_day
    if usd is not None or tokens is not None:
        where = "budget in its settings"
        yield Purse(namespace, "the project", where, Period.DAY, usd=usd, tokens=tokens)


def purses(worker: Worker, project: Project | None, who: Payer) -> tuple[Purse, ...]:
    """All that a claim is paid from, the Worker's own first."""
    found = list(purses_of(worker, project))
    for budget in project.budgets if project is not None else ():
        purse = _purse(budget, who)
        if purse is not None and purse.pays(who):
            found.append(purse)
    return tuple(found)


def known_purses(namespace: str, project: Project | None, payers: Iterable[Payer]) -> Iterator[Purse]:
    """The purses of a project's budgets: those that count all, and those of everyone who is known."""
    if project is None:
        return
    yield from _of_project(namespace, project)
    known = sorted(payers, key=lambda who: (who.worker, who.user))
    for budget in project.budgets:
        for who in known if budget.each is not None else [Payer(namespace, "")]:
            purse = _purse(budget, who)
            if purse is not None:
                yield purse


def _purse(budget: Budget, who: Payer) -> Purse | None:
    if budget.per is Period.BEAD:
        return None  # a limit of the bead itself: limits.py
    worker, user, name = budget.worker, budget.user, f"budget {budget.name}"
    if budget.each is Each.WORKER:
        worker, name = worker or who.worker, f"budget {budget.name} of Worker {who.worker}"
    elif budget.each is Each.USER:
        if not who.user:
            return None
        user, name = user or who.user, f"budget {budget.name} of user {who.user}"
    return Purse(
        namespace=who.namespace,
        name=name,
        where="budgets in the project's settings",
        period=budget.per,
        usd=budget.usd,
        tokens=budget.tokens,
        warn_percent=budget.warn_percent,
        stops_sessions=budget.on_exceeded is OnExceeded.STOP_SESSIONS,
        worker=worker,
        user=user,
        labels=frozenset(budget.labels.items()),
    )


def spent_words(purse: Purse, spent: Amount) -> str:
    """The sentence for a limit that is reached."""
    span, end = ("this month", "next month") if purse.period is Period.MONTH else ("today", "tomorrow")
    used = _share(purse, spent)
    return f"{purse.name} has spent {used} {span}; it goes on {end} (UTC), or once {purse.where} is raised"


def reserved_words(purse: Purse, spent: Amount, reserved: Amount) -> str:
    """The sentence for a limit whose rest is set aside for what runs."""
    span = "this month" if purse.period is Period.MONTH else "today"
    aside = f"${reserved.usd:.2f}" if purse.usd is not None else f"{reserved.tokens} tokens"
    return (
        f"{purse.name} has spent {_share(purse, spent)} {span}, and {aside} is set aside for what runs: "
        "the rest is too little"
    )


def warning_words(purse: Purse) -> str:
    """The warning; always the same for one purse, so that it is told once."""
    span = "this month" if purse.period is Period.MONTH else "today"
    limits = [f"${purse.usd:.2f}"] if purse.usd is not None else []
    limits += [f"{purse.tokens} tokens"] if purse.tokens is not None else []
    return f"{purse.name} has spent {purse.warn_percent}% of {' or '.join(limits)} {span}"


def _share(purse: Purse, spent: Amount) -> str:
    if purse.usd is not None and (spent.usd >= purse.usd or purse.tokens is None):
        return f"${spent.usd:.2f} of ${purse.usd:.2f}"
    return f"{spent.tokens} of {purse.tokens} tokens"
