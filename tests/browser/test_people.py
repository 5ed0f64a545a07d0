"""The main paths of people, each in a browser at a real operator on a real API server."""

from __future__ import annotations

from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.front import PASSWORD
from support.manifests import bead


def test_a_stranger_signs_in_and_comes_to_the_page_that_was_asked_for(desk: Desk) -> None:
    page = desk.stranger()
    page.goto(f"{desk.operator.url}/ui/{desk.namespace}/board?as=table")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Board")).to_be_visible()
    assert page.url.endswith("/board?as=table")
    page.context.close()


def test_a_bead_is_made_and_its_board_shows_it_at_once(desk: Desk) -> None:
    ada, bob = desk.person("ada"), desk.person("bob")
    ada.visit("board")
    page = bob.visit("new")
    page.get_by_label("Title").fill("Say hello to everybody")
    page.get_by_label("Do not start it yet").check()
    page.get_by_role("button", name="Create bead").click()
    expect(page.get_by_role("heading", name="Say hello to everybody")).to_be_visible()
    held = ada.page.get_by_role("region", name="Held", exact=True)
    expect(held.get_by_role("link", name="Say hello to everybody")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    ready = ada.page.get_by_role("region", name="Ready", exact=True)
    expect(ready.get_by_role("link", name="Say hello to everybody")).to_be_visible()
    assert ada.hosts | bob.hosts == {desk.operator.url.removeprefix("http://")}


def test_who_may_only_look_is_offered_no_acts(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(bead("looked-at", desired="Hold"))
    page = desk.person("eve").visit("beads/looked-at")
    expect(page.get_by_role("heading", name="Do looked-at")).to_be_visible()
    assert page.get_by_role("button", name="Resume").count() == 0


def test_who_may_nothing_is_told_so(desk: Desk) -> None:
    page = desk.person("mallory").visit("board")
    expect(page.get_by_role("heading", name="Not yours to see")).to_be_visible()
