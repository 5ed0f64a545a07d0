"""Who says how much: bead, parents, project, defaults; and what a day may cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.board.budgets import NOTHING, Amount, Payer, Purse, payer, purses
from ringmaster_operator.board.ledger import REMEMBERED, Estimates, Ledger
from ringmaster_operator.board.limits import EffectiveLimits, repository_of, resolve
from ringmaster_operator.resources.bead import Bead, Repository
from ringmaster_operator.resources.budget import Period
from ringmaster_operator.resources.project import Project
from support.boards import NOON, NS, bead, worker


def test_without_a_word_the_defaults_hold() -> None:
    assert resolve(bead("a"), [], None) == EffectiveLimits(5, 3, 3600, None, None)


def test_each_limit_comes_from_the_nearest_that_sets_it() -> None:
    item = bead("a", limits={"max_iterations": 2})
    parents = [
        bead("p", limits={"max_iterations": 9, "tokens": 0}),
        bead("e", limits={"cost_usd": 3.0, "tokens": 7}),
    ]
    project = Project.model_validate({"limits": {"timeout_seconds": 60, "cost_usd": 1.0}})
    assert resolve(item, parents, project) == EffectiveLimits(2, 3, 60, 3.0, 0)


def test_the_repository_comes_from_bead_parents_worker_project() -> None:
    def place(url: str) -> Repository:
        return Repository(url=url)

    project, hand = Project(repository=place("project")), worker(repository={"url": "worker"})
    item, parent = bead("a", repository={"url": "bead"}), bead("e", repository={"url": "parent"})
    assert repository_of(item, [parent], hand, project) == place("bead")
    assert repository_of(bead("a"), [bead("p"), parent], hand, project) == place("parent")
    assert repository_of(bead("a"), [], hand, project) == place("worker")
    assert repository_of(bead("a"), [], worker(), project) == place("project")
    assert repository_of(bead("a"), [], None, None) is None


def test_a_budget_per_bead_lowers_the_limit_of_those_that_it_counts() -> None:
    project = Project.from_toml(
        """
        [[budgets]]
        name = "small"
        per = "Bead"
        usd = 2.0
        tokens = 50
        labels = {size = "s"}
        [[budgets]]
        name = "alice"
        per = "Bead"
        usd = 1.0
        user = "alice"
        """
    )
    small = bead("a", labels={"size": "s"}, limits={"cost_usd": 5.0})
    assert (resolve(small, [], project).cost_usd, resolve(small, [], project).tokens) == (2.0, 50)
    hers = bead("b", labels={"size": "s", "ringmaster.dev/requested-by": "alice"})
    assert resolve(hers, [], project).cost_usd == 1.0
    assert resolve(bead("c", limits={"cost_usd": 5.0}), [], project).cost_usd == 5.0


BUDGETS = """
[budget]
usdPerDay = 100.0
[[budgets]]
name = "team-a"
usd = 10.0
labels = {team = "a"}
[[budgets]]
name = "people"
per = "Month"
tokens = 1000
each = "User"
onExceeded = "StopSessions"
[[budgets]]
name = "desk"
usd = 3.0
worker = "desk"
[[budgets]]
name = "bead"
per = "Bead"
usd = 1.0
"""


def names(item: Bead, **spec: Any) -> dict[str, Purse]:
    hand = worker("w", **spec)
    found = purses(hand, Project.from_toml(BUDGETS), payer("w", item))
    return {purse.name: purse for purse in found}


def test_each_piece_of_work_is_paid_from_the_budgets_that_count_it() -> None:
    assert list(names(bead("x"))) == ["the project"]
    hers = bead("x", labels={"team": "a", "ringmaster.dev/requested-by": "alice"})
    own = {"usd_per_day": 1.0, "tokens_per_month": 5, "on_exceeded": "StopSessions"}
    found = names(hers, budget=own)
    assert list(found) == ["Worker w", "the project", "budget team-a", "budget people of user alice"]
    assert found["budget people of user alice"].stops_sessions
    day, month, *_ = purses(worker("w", budget=own), None, payer("w", hers))
    assert (day.period, day.usd, day.tokens) == (Period.DAY, 1.0, None)
    assert (month.period, month.usd, month.tokens) == (Period.MONTH, None, 5)


def test_the_user_may_stand_in_an_annotation() -> None:
    item = bead("x")
    meta = item.metadata.model_copy(update={"annotations": {"ringmaster.dev/requested-by": "bob"}})
    assert payer("w", item.model_copy(update={"metadata": meta})).user == "bob"


def test_a_ledger_counts_each_day_month_and_payer_by_itself() -> None:
    ledger = Ledger()
    alice, bob = Payer(NS, "w", "alice"), Payer(NS, "w", "bob")
    ledger.post(alice, Amount(1.0, 10), NOON - timedelta(days=1))
    ledger.post(alice, Amount(2.0, 20), NOON)
    ledger.post(bob, Amount(4.0, 40), NOON)
    ledger.post(Payer("elsewhere", "w", "alice"), Amount(8.0, 80), NOON)

    def spent(period: Period, user: str | None = None) -> float:
        return ledger.spent(Purse(NS, "b", "here", period, usd=9.0, user=user), NOON).usd

    assert (spent(Period.DAY), spent(Period.DAY, "alice"), spent(Period.MONTH, "alice")) == (6.0, 2.0, 3.0)
    ledger.post(alice, Amount(16.0), NOON)
    assert (spent(Period.DAY), spent(Period.DAY, "bob"), spent(Period.MONTH, "alice")) == (22.0, 4.0, 19.0)
    purse = Purse(NS, "b", "here", Period.MONTH, usd=9.0)
    assert ledger.spent(purse, NOON + timedelta(days=31)) == NOTHING
    assert ledger.today((NS, "w"), NOON) == Amount(22.0, 60)


def test_a_ledger_forgets_days_that_no_period_reaches_back_to() -> None:
    ledger = Ledger()
    for day in range(40):
        for number in range(3):
            ledger.post(Payer(NS, "w", f"u{day}-{number}"), Amount(1.0), NOON + timedelta(days=day))
    first = 39 - REMEMBERED.days
    known = {f"u{day}-{number}" for day in range(first, 40) for number in range(3)}
    assert {who.user for who in ledger.payers(NS)} == known


def test_a_limit_that_is_reached_says_what_when_and_where() -> None:
    ledger = Ledger()
    purse = Purse(NS, "Worker w", "spec.budget", Period.DAY, usd=2.0, tokens=100)
    ledger.post(Payer(NS, "w"), Amount(1.99, 99), NOON)
    assert ledger.refusal([purse], Amount(5.0, 500), NOON) == ""
    ledger.post(Payer(NS, "w"), Amount(0.01), NOON)
    said = ledger.refusal([purse], Amount(5.0, 500), NOON)
    assert said == (
        "Worker w has spent $2.00 of $2.00 today; it goes on tomorrow (UTC), or once spec.budget is raised"
    )
    only = Purse(NS, "budget b", "there", Period.MONTH, tokens=99)
    assert "99 of 99 tokens this month; it goes on next month" in ledger.refusal([only], NOTHING, NOON)
    nought = Purse(NS, "budget b", "there", Period.DAY, usd=0.0)
    assert Ledger().refusal([nought], NOTHING, NOON) != ""


def test_a_running_session_is_topped_up_while_there_is_something_left() -> None:
    ledger, who = Ledger(), Payer(NS, "w")
    purse = Purse(NS, "b", "here", Period.DAY, usd=2.5, stops_sessions=True)
    assert ledger.reserve("c", who, [purse], Amount(1.0, 10), NOON) == Amount(1.0, 10)
    assert ledger.use("c", [purse], Amount(0.9), NOON) == ""
    item = ledger.of("c")
    assert item is not None
    assert item.granted.usd == pytest.approx(1.15)
    ledger.reserve("d", who, [purse], Amount(1.0), NOON)
    assert "$2.60 is set aside for what runs" in ledger.use("c", [purse], Amount(1.6), NOON)
    soft = replace(purse, stops_sessions=False)
    assert ledger.use("c", [soft], Amount(3.0), NOON) == ""
    assert "set aside" in ledger.refusal([soft], Amount(0.1), NOON)


def test_estimates_follow_what_iterations_of_a_kind_use() -> None:
    estimates, kind = Estimates(Amount(1.0, 1000)), ("codex", "m", "task")
    assert estimates.of(kind) == Amount(1.0, 1000)
    for _ in range(100):
        estimates.learn(kind, Amount(4.0, 400))
        estimates.learn(kind, NOTHING)
    assert estimates.of(kind) == Amount(4.0, 400)
    for _ in range(100):
        estimates.learn(kind, Amount(2.0, 200))
    assert estimates.of(kind).usd == pytest.approx(2.0, abs=0.05)
    assert estimates.of(("codex", "m", "question")) == Amount(1.0, 1000)
