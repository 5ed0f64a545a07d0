"""Every page: usable by all people in both themes and on a phone, and no place for what strangers write."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead

EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{{1}}\'">'
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
    "audit": "Audit",
    "new": "New bead",
    "../_/users": "Users",
}


@pytest.fixture(scope="module")
def evil(office: Desk, fleet: Fleet) -> None:
    """A namespace in which every text that strangers may set is markup."""
    asked = {"question": EVIL, "options": [{"name": EVIL, "consequence": EVIL}], "recommendation": EVIL}
    criteria = {"criteria": [EVIL], "verify": [f"true || echo '{EVIL[:30]}'"]}
    written = {"write": {"path": "evil.txt", "text": "yes\n"}}
    fleet.apply(
        bead("shown", title=EVIL, description=EVIL, acceptance=criteria, desired="Hold"),
        bead("asked", title=EVIL, type="decision", decision=asked),
        fleet.bead("told", {"say": EVIL}, written, {"done": EVIL}, title=EVIL, acceptance=criteria),
        fleet.bead("lost", {"failed": EVIL}, title=EVIL, limits={"maxAttempts": 1}),
    )
    office.call("POST", f"namespaces/{office.namespace}/lessons", {"lesson": EVIL, "cause": EVIL})
    path = f"namespaces/{office.namespace}/beads/shown/steer"
    office.call("POST", path, {"text": EVIL})
    fleet.patch(replicas=1)
    fleet.done("told")
    fleet.until(lambda: fleet.status("lost").get("phase") == "Failed", "the other one fails")
    fleet.patch(replicas=0)


@pytest.mark.parametrize("place", [*PAGES, "beads/told", "beads/lost", "beads/asked"])
def test_text_stays_text(desk: Desk, evil: None, place: str) -> None:
    ada = desk.person()
    page = ada.visit(place)
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main script, main iframe").count() == 0
    if place.startswith("beads/") or place == "decisions":
        expect(page.locator("main")).to_contain_text("<img src=x onerror=")


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
