"""Who says how much: bead, parents, project, defaults; and what a day may cost."""

from __future__ import annotations

from ringmaster_operator.board.budgets import project_within_budget, worker_within_budget
from ringmaster_operator.board.limits import EffectiveLimits, repository_of, resolve
from ringmaster_operator.resources.bead import Repository
from ringmaster_operator.resources.project import Project
from support.boards import bead, worker


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


def test_a_worker_stops_at_its_budget_and_says_when_it_goes_on() -> None:
    hand = worker(budget={"usd_per_day": 2.0, "tokens_per_day": 100})
    assert worker_within_budget(hand, 1.99, 99) == (True, "")
    within, message = worker_within_budget(hand, 2.0, 0)
    assert not within
    assert "$2.00 of $2.00" in message
    assert "tomorrow (UTC)" in message
    assert "100 of 100 tokens" in worker_within_budget(hand, 0.0, 100)[1]
    assert worker_within_budget(worker(), 1e6, 10**9) == (True, "")


def test_a_project_stops_at_its_budget() -> None:
    project = Project.model_validate({"budget": {"usd_per_day": 0}})
    assert not project_within_budget(project, 0.0, 0)[0]
    assert project_within_budget(Project(), 5.0, 5) == (True, "")
    assert project_within_budget(None, 5.0, 5) == (True, "")
