"""An operator with a Worker of scripted agents, and a Chromium, for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browsing import Desk, chromium
from support.fleet import Fleet
from support.manifests import account


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def fleet(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """An operator that is a tmux host, with a Worker that is to be scaled up by who needs it."""
    made = Fleet(cluster, tmp_path_factory.mktemp("fleet"))
    made.operator.start()
    made.apply(account("w"), made.worker(replicas=0))
    yield made
    made.clean()


@pytest.fixture(scope="session")
def office(fleet: Fleet, browser: Browser) -> Iterator[Desk]:
    """Its people: ada manages, bob contributes, eve looks, mallory may nothing."""
    made = Desk(fleet.operator, fleet.namespace, browser)
    for name, role in (("bob", "contributor"), ("eve", "viewer"), ("mallory", None)):
        made.user(name, role)
    yield made
    made.close()


@pytest.fixture
def desk(office: Desk) -> Iterator[Desk]:
    """The same, for one test: the browsers that it opened are closed, and nothing went wrong in them."""
    yield office
    faults = [fault for person in office.people for fault in person.faults]
    for person in office.people:
        person.page.context.close()
    office.people.clear()
    assert faults == []
