"""What opens over pages, and what is reached from them: usable by all, in both themes and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browsing import Desk, Person
from support.fleet import Fleet

DIALOGS = {
    "edit": ("beads/shown", "Edit"),
    "steer": ("beads/shown", "Steer"),
    "cancel": ("beads/shown", "Cancel"),
    "retry": ("beads/lost", "Retry"),
    "delete": ("beads/lost", "Delete"),
    "scale": ("workers/w", "Scale"),
    "lesson": ("lessons", "Add"),
    "retire": ("lessons", "Retire"),
    "user": ("../_/users", "Add a user"),
    "disable": ("../_/users", "Disable"),
    "grant": ("../_/users", "Grant a role"),
    "revoke": ("../_/users", "Revoke the role of group:"),
    "account": ("overview", "Account of"),
}
KEYS = {
    "palette": ("overview", ["Control+k"]),
    "palette-found": ("overview", ["Control+k", *"img"]),
    "keys": ("board", ["?"]),
}


def seen(person: Person, name: str) -> list[str]:
    """What axe finds on the page as it stands, in both themes; a picture of each stays."""
    found = []
    for theme in ("light", "dark"):
        person.page.emulate_media(color_scheme=theme)
        person.shot(f"{name}-{theme}")
        found += [f"{name}, {theme}: {fault}" for fault in person.unusable()]
    person.page.emulate_media(color_scheme="light")
    return found


def fits(person: Person, name: str) -> list[str]:
    """Whether it is as wide as a phone, without scrolling sideways."""
    person.page.set_viewport_size({"width": 390, "height": 844})
    person.shot(f"{name}-phone")
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    person.page.set_viewport_size({"width": 1360, "height": 860})
    return [] if wide <= 390 else [f"{name}: {wide} pixels wide"]


@pytest.mark.parametrize("place", sorted({place for place, _ in DIALOGS.values()}))
def test_all_people_can_use_every_dialog_of_a_page(desk: Desk, evil: None, place: str) -> None:
    ada, faults = desk.person(), []
    page = ada.settled(place)
    for name, button in [(name, button) for name, (where, button) in DIALOGS.items() if where == place]:
        page.get_by_role("button", name=button).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        faults += seen(ada, f"dialog-{name}") + fits(ada, f"dialog-{name}")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert faults == []


def test_all_people_can_use_what_keys_open(desk: Desk, evil: None) -> None:
    ada, faults = desk.person(), []
    for name, (place, keys) in KEYS.items():
        page = ada.settled(place)
        for key in keys:
            page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        faults += seen(ada, f"dialog-{name}") + fits(ada, f"dialog-{name}")
    assert faults == []


def test_all_people_can_use_what_an_iteration_left_and_what_is_not_there(desk: Desk, evil: None) -> None:
    ada = desk.person()
    ada.expected += ("404 (Not Found)", "422 (Unprocessable")
    (one, *_) = desk.call("GET", f"namespaces/{desk.namespace}/beads/told/iterations")["items"]
    kinds = ("prompt", "transcript", "diff", "checks")
    places = {kind: f"beads/told/iterations/{one['id']}/{kind}" for kind in kinds}
    places |= {"not-there": "beads/none", "no-page": "none/none", "no-session": "workers/w/sessions/none"}
    faults = []
    for name, place in places.items():
        ada.page.goto(f"{desk.operator.url}/ui/{desk.namespace}/{place}")
        ada.page.wait_for_selector(".frame main h1, .frame main .state:not(.loading) h2")
        faults += seen(ada, f"record-{name}") + fits(ada, f"record-{name}")
    assert faults == []


def test_all_people_can_use_a_terminal(desk: Desk, fleet: Fleet) -> None:
    colours = "printf '\\033[3%dm colour \\033[0m\\033[1;3%dm bold \\033[0m\\n' 1 1 2 2 3 3 4 4 5 5 6 6 7 7"
    fleet.patch(replicas=1)
    fleet.apply(fleet.bead("coloured", {"run": colours}, {"say": "All colours"}, {"sleep": 20}))
    try:
        fleet.until(lambda: fleet.status("coloured").get("phase") == "Running", "it is worked on")
        ada = desk.person()
        page = ada.settled("workers/w/sessions/w-0")
        expect(page.get_by_role("region", name="Terminal")).to_contain_text("All colours")
        faults = seen(ada, "terminal") + fits(ada, "terminal")
        page.get_by_role("button", name="Type into it").click()
        assert faults + seen(ada, "terminal-typing") == []
    finally:
        fleet.patch(replicas=0)
