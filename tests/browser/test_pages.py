"""Every page: usable by all people, in both themes and on a phone, whatever strangers have written there."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browsing import Desk

PAGES = {
    "overview": "Overview",
    "board": "Board",
    "board?as=table": "Board",
    "beads/shown": None,
    "graph": "Graph",
    "decisions": "Decisions",
    "workers": "Workers",
    "workers/w": "w",
    "costs": "Costs",
    "lessons": "Lessons",
    "backups": "Backups",
    "events": "Events",
    "notifications": "Notifications",
    "audit": "Audit",
    "new": "New bead",
    "../_/users": "Users",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_people_can_use_every_page(desk: Desk, evil: None, theme: str) -> None:
    ada = desk.person(color_scheme=theme)
    faults = {}
    for place, title in PAGES.items():
        page = ada.visit(place)
        expect(page.locator("[aria-busy]")).to_have_count(0)
        if title is not None:
            expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
        ada.shot(f"{place.strip('./_').replace('/', '-').replace('?', '-')}-{theme}")
        faults[place] = ada.unusable()
    assert {place: found for place, found in faults.items() if found} == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(desk: Desk, evil: None) -> None:
    ada = desk.person(viewport={"width": 390, "height": 844}, has_touch=True)
    for place in PAGES:
        page = ada.visit(place)
        expect(page.locator("[aria-busy]")).to_have_count(0)
        ada.shot(f"{place.strip('./_').replace('/', '-').replace('?', '-')}-phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place


def test_the_page_to_sign_in_can_be_used_by_all(desk: Desk) -> None:
    ada = desk.person()
    ada.page.context.clear_cookies()
    ada.page.goto(f"{desk.operator.url}/ui")
    expect(ada.page.get_by_label("Password")).to_be_visible()
    ada.shot("sign-in")
    assert ada.unusable() == []
