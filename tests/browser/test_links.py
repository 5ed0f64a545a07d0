"""Keys on every page, addresses that others can open, times in the zone of whoever looks."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead

PLACES = (
    *("overview", "board", "board?as=table", "beads/linked", "graph", "decisions", "workers", "workers/w"),
    *("costs", "lessons", "backups", "events", "notifications", "audit", "new", "../_/users"),
)
ROWS = ("overview", "board", "board?as=table", "decisions", "workers", "events", "audit", "../_/users")
"""Pages with things that one can step through."""
QUESTION = {"question": "Which way?", "options": [{"name": "left"}]}


@pytest.fixture
def shared(desk: Desk, fleet: Fleet) -> Desk:
    fleet.apply(
        bead("linked", title="Linked to", desired="Hold", labels={"team": "links"}),
        bead("asking", type="decision", decision=QUESTION),
        bead("whole", title="A whole", type="epic"),
        bead("piece", title="A piece", parent="whole", desired="Hold"),
    )
    return desk


def test_keys_work_on_every_page(shared: Desk) -> None:
    ada = shared.person()
    for place in PLACES:
        page = ada.settled(place)
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Go to a page")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.evaluate("document.activeElement.blur()")  # where one writes, it is a sign like others
        page.keyboard.press("?")
        keys = page.get_by_role("dialog").get_by_role("row")
        expect(keys.filter(has_text="Ctrl+K")).to_have_count(1)
        told = [row.split("\t")[0] for row in keys.all_inner_texts()]
        assert len(told) == len(set(told)), place  # a page's own key takes the place of the one of all
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    for place in ROWS:
        page = ada.settled(place)
        page.keyboard.press("j")
        first = current(page)
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert current(page) == first != "", place


def current(page: Page) -> str:
    """What keys have chosen: the board's cursor, or what has the focus in the page."""
    found: str = page.evaluate(
        "(document.querySelector('.is-cursor') ?? (document.activeElement?.closest('main') "
        "? document.activeElement : null))?.textContent ?? ''"
    )
    return found


def test_a_step_and_enter_open_what_is_listed(shared: Desk) -> None:
    page = shared.person().settled("events?text=asking")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Do asking")).to_be_visible()


def choose(page: Page, name: str, option: str) -> None:
    page.get_by_role("combobox", name=name).select_option(option)


def test_what_one_has_chosen_another_sees_by_the_address(shared: Desk) -> None:
    ada, eve = shared.person(), shared.person("eve")
    page = ada.settled("board")
    page.keyboard.press("v")
    page.get_by_role("searchbox").fill("linked")
    page.get_by_role("button", name="Created").click()
    same(page, eve.page, "Created", 1)
    page = ada.settled("costs")
    choose(page, "Time", "30")
    choose(page, "Grouping", "outcome")
    other = opened(page, eve.page)
    expect(other.get_by_role("combobox", name="Time")).to_have_value("30")
    expect(other.get_by_role("combobox", name="Grouping")).to_have_value("outcome")
    page = ada.settled("events")
    choose(page, "Any type", "Normal")
    choose(page, "Any time", "24")
    other = opened(page, eve.page)
    expect(other.get_by_role("combobox", name="Any type")).to_have_value("Normal")
    expect(other.get_by_role("combobox", name="Any time")).to_have_value("24")
    page = ada.settled("graph")
    choose(page, "Epic", "whole")
    expect(opened(page, eve.page).get_by_role("combobox", name="Epic")).to_have_value("whole")
    page = ada.settled("lessons")
    page.get_by_role("searchbox").fill("nothing of the kind")
    page.wait_for_url(re.compile("q=nothing"))
    expect(opened(page, eve.page).get_by_role("searchbox")).to_have_value("nothing of the kind")


def opened(page: Page, other: Page) -> Page:
    """The same address in another browser."""
    other.goto(page.url)
    other.wait_for_selector(".frame main h1")
    assert other.url == page.url
    return other


def same(page: Page, other: Page, sort: str, rows: int) -> None:
    """A table of the same beads in the same order."""
    opened(page, other)
    expect(other.get_by_role("button", name=sort)).to_have_attribute("aria-pressed", "true")
    expect(other.locator("tr[data-key]")).to_have_count(rows)
    expect(other.get_by_role("searchbox")).to_have_value("linked")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
def test_times_are_those_of_the_zone_that_one_is_in(shared: Desk, zone: str) -> None:
    """Zones that are half an hour off: what shows hours alone, or adds them up, is wrong there."""
    ada = shared.person(timezone_id=zone, locale="en-GB")
    for place in ("beads/linked", "events?text=asking", "audit", "workers/w"):
        times = ada.settled(place).locator("main time")
        expect(times.first).to_be_visible()
        for moment in times.all()[:5]:
            at = datetime.fromisoformat(moment.get_attribute("datetime") or "").astimezone(ZoneInfo(zone))
            shown = moment.get_attribute("title") or ""
            assert f"{at:%H:%M:%S}" in shown, (place, shown, at)
            assert f"{at.day} {at:%b}" in shown, (place, shown, at)
    page = ada.page
    page.get_by_role("button", name="Account of").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Times are those of {zone.split('/')[0]}/")
    days = ada.settled("overview").get_by_text("(UTC)")
    expect(days.first).to_be_visible()  # days of costs are UTC wherever one is, and say so
