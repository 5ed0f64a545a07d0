"""Each page with nothing on it, nothing yet, nothing for this person, and while the operator is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from support.browsing import Desk, Person
from support.clusters import fresh_namespace
from support.manifests import bead, listed, worker
from support.operators import OperatorProcess

EMPTY = {
    "overview": "Nothing here yet",
    "board": "No beads yet",
    "board?as=table": "No beads yet",
    "graph": "Nothing",
    "decisions": "Nobody waits for you",
    "workers": "No Workers yet",
    "costs": "Nothing was spent",
    "lessons": "No lessons",
    "backups": "No BackupSchedule here",
    "events": "Nothing",
    "notifications": "no channels are set up",
    "audit": "Nothing",
}
"""What each page says where nothing is."""
LOADED = {
    **dict.fromkeys(EMPTY, ""),
    "beads/one": "",
    "workers/w": "",
    "new": "",
    "../_/users": "",
}
"""Pages of a namespace with a bead, a Worker and a question in it."""
PHONE: ViewportSize = {"width": 390, "height": 844}
USUAL: ViewportSize = {"width": 1360, "height": 860}


TABS = 4
"""Of one browser: it has six connections to a host, and each page that is seen keeps one."""


def named(place: str) -> str:
    return place.strip("./_").replace("/", "-").replace("?", "-")


class Office(Desk):
    """An operator of all namespaces: this one has something in it, `empty` nothing, and mallory no right."""

    def __init__(self, cluster: Any, folder: Path, browser: Browser) -> None:
        self.cluster = cluster
        self.empty = fresh_namespace(cluster)
        super().__init__(OperatorProcess(cluster.kubeconfig, "", folder), fresh_namespace(cluster), browser)

    def __post_init__(self) -> None:
        self.operator.start()
        super().__post_init__()
        self.user("mallory", None)
        asked = {"question": "Which way?", "options": [{"name": "left"}]}
        self.apply(bead("one", title="Before"), bead("asked", type="decision", decision=asked), worker("w"))

    def apply(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-n", self.namespace, "-f-", stdin=listed(items))


@pytest.fixture(scope="module")
def there(cluster: Any, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Office]:
    made = Office(cluster, tmp_path_factory.mktemp("states"), browser)
    try:
        yield made
        made.close()
    finally:
        made.operator.stop()


class Held:
    """Answers that are on their way until they are let go."""

    def __init__(self) -> None:
        self.waiting: list[Route] | None = []

    def take(self, route: Route) -> None:
        if self.waiting is None:
            route.continue_()
        else:
            self.waiting.append(route)

    def go(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for route in waiting:
            route.continue_()


def usable(person: Person, name: str, *themes: Literal["light", "dark"]) -> list[str]:
    """What axe finds in these themes, and whether it is wider than a phone; a picture of each stays."""
    page, found = person.page, []
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        person.shot(f"{name}-{theme}")
        found += [f"{name}, {theme}: {fault}" for fault in person.unusable()]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    person.shot(f"{name}-phone")
    if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
        found.append(f"{name}: wider than a phone")
    page.set_viewport_size(USUAL)
    return found


def test_every_page_says_that_there_is_nothing_and_what_to_do(there: Office) -> None:
    ada, faults = there.person(), []
    for place, words in EMPTY.items():
        page = ada.settled(f"../{there.empty}/{place}")
        expect(page.locator("main")).to_contain_text(words, ignore_case=True)
        faults += usable(ada, f"empty-{named(place)}", "light", "dark")
    assert faults == []


def test_every_page_says_that_it_is_not_for_this_person(there: Office) -> None:
    mallory, faults = there.person("mallory"), []
    for place in LOADED:
        if place in ("notifications", "new"):
            continue  # one's own, and a form
        page = mallory.visit(place)
        expect(page.get_by_role("heading", name="Not yours to see")).to_be_visible()
        faults += usable(mallory, f"forbidden-{named(place)}", "light", "dark")
    assert faults == []


def test_every_page_shows_that_it_loads(there: Office) -> None:
    ada, faults = there.person(), []
    for place in LOADED:
        if place == "new":
            continue
        answers = Held()
        for asked in ("namespaces/**", "users*", "audit*", "me/notifications"):
            ada.page.route(f"**/api/v1/{asked}", answers.take)
        ada.page.goto(f"{there.operator.url}/ui/{there.namespace}/{place}")
        expect(ada.page.locator("main [aria-busy=true]").first).to_be_visible()
        faults += usable(ada, f"loading-{named(place)}", "dark")
        answers.go()
        expect(ada.page.locator("[aria-busy]")).to_have_count(0)
        ada.page.unroute_all()
    assert faults == []


def test_every_open_page_says_that_the_operator_is_away_and_catches_up_by_itself(there: Office) -> None:
    pages: dict[str, Page] = {}
    faults: list[str] = []
    for number, place in enumerate(LOADED):
        if number % TABS == 0:
            ada = there.person()
        pages[place] = page = ada.page.context.new_page()
        page.goto(f"{there.operator.url}/ui/{there.namespace}/{place}")
        page.wait_for_selector(".frame main h1")
        expect(page.locator("[aria-busy]")).to_have_count(0)
        page.evaluate("window.same = true")
    there.operator.stop()
    for place, page in pages.items():
        expect(page.get_by_text("Not live:")).to_be_visible()
        expect(page.locator("main h1")).to_be_visible()  # what was seen stays
        watched = Person(there, page, "ada")
        faults += usable(watched, f"away-{named(place)}", "dark")
    for page in pages.values():  # and what is opened meanwhile says so, too
        page.locator("nav.side").get_by_role("link", name="Costs").click()
        expect(page.get_by_role("heading", name="The operator does not answer")).to_be_visible()
        page.go_back()
    there.apply(bead("one", title="After"))
    there.operator.start()
    for place, page in pages.items():
        expect(page.get_by_text("Not live:")).to_have_count(0, timeout=60_000)
        expect(page.locator("main h1")).to_be_visible(timeout=60_000)
        assert page.evaluate("window.same"), f"{place} was loaded anew"
    for place in ("board", "board?as=table", "beads/one"):
        expect(pages[place].get_by_text("After").first).to_be_visible(timeout=60_000)
    assert faults == []
