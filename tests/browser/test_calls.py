"""What a page asks the operator for while somebody looks at it: nothing that the stream tells."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead

QUESTION = {"question": "Which way?", "options": [{"name": "left"}, {"name": "right"}]}
CUT = """
const real = window.fetch;
window.cut = new AbortController();
window.fetch = (what, how = {}) => {
  const signals = [window.cut.signal, ...(how.signal ? [how.signal] : [])];
  return real(what, { ...how, signal: window.cut.signal.aborted ? how.signal : AbortSignal.any(signals) });
};
"""
"""Lets a test end what is on its way, as a network that is gone does: a browser that is offline keeps it."""
CHANGES = 3
PAUSE = 0.4
"""Seconds between two changes, at least: a page that asks on a change has done so meanwhile."""


def asked(page: Page) -> list[str]:
    """The calls that the page makes from here on, without its streams."""
    found: list[str] = []

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if "/api/v1/" in path and not path.endswith("/watch"):
            found.append(path.partition("/api/v1/")[2])

    page.on("request", note)
    return found


def streams(page: Page) -> list[bool]:
    """Of each stream that the page opens from here on: whether it tells how the namespace stands."""
    found: list[bool] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).path.endswith("/watch"):
            found.append("kinds=overview" in request.url)

    page.on("request", note)
    return found


def question(number: int) -> dict[str, Any]:
    return bead("way", title=f"Way number {number}?", type="decision", decision=QUESTION)


@pytest.mark.parametrize("place", ["overview", "board"])
def test_a_page_that_shows_changes_asks_for_nothing_meanwhile(desk: Desk, fleet: Fleet, place: str) -> None:
    fleet.apply(question(0))
    page = desk.person().settled(place)
    expect(page.get_by_text("Way number 0?").first).to_be_visible()
    calls = asked(page)
    for number in range(1, CHANGES + 1):
        fleet.apply(question(number))
        expect(page.get_by_text(f"Way number {number}?").first).to_be_visible()
        time.sleep(PAUSE)
    assert calls == []


def test_workers_are_told_of_and_a_question_is_read_once_for_each_change(desk: Desk, fleet: Fleet) -> None:
    page = desk.person().settled("workers")
    row = page.locator("[data-key=w]")
    calls = asked(page)
    for suspend, words in ((True, "Take beads again"), (False, "Suspend"), (True, "Take beads again")):
        fleet.patch(suspend=suspend)
        expect(row.get_by_role("button", name=words)).to_be_visible()
        time.sleep(PAUSE)
    assert calls == []
    fleet.patch(suspend=False)
    fleet.apply(question(0))
    page = desk.person().settled("decisions")
    expect(page.get_by_text("Way number 0?")).to_be_visible()
    calls = asked(page)
    for number in range(CHANGES):
        fleet.apply(bead("other", title=f"Nothing to ask {number}", desired="Hold"))
        time.sleep(PAUSE)
    assert calls == []
    changed = {"question": "Where to?", "options": [{"name": "there", "consequence": "It is far."}]}
    fleet.apply(bead("way", title="Way at last?", type="decision", decision=changed))
    expect(page.get_by_text("Way at last?")).to_be_visible()
    expect(page.get_by_text("It is far.")).to_be_visible()
    assert set(calls) <= {f"namespaces/{desk.namespace}/{what}" for what in ("beads/way", "overview")}


def test_the_stream_says_what_the_page_wants_and_no_more(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(question(0))
    ada = desk.person()
    found = streams(ada.page)
    page = ada.settled("board")
    assert found == [False]
    side = page.get_by_role("navigation", name="Pages")
    side.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    side.get_by_role("link", name="Workers").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    fleet.apply(question(1))
    side.get_by_role("link", name="Overview").click()
    expect(page.get_by_text("Way number 1?")).to_be_visible()
    assert found == [False, True]
    side.get_by_role("link", name="Board").click()
    deadline = time.monotonic() + 20
    while len(found) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert found == [False, True, False]
    fleet.apply(question(2))
    expect(page.get_by_text("Way number 2?")).to_be_visible()  # it goes on where it was
    assert len(found) == 3


def test_a_role_that_is_taken_away_ends_what_is_told_and_anothers_goes_on(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(question(0))
    desk.user("guest", "viewer")
    eve, guest = desk.person("eve").settled("overview"), desk.person("guest").settled("overview")
    for page in (eve, guest):
        expect(page.get_by_text("Way number 0?")).to_be_visible()
    desk.call("DELETE", f"roles?subject=user:guest&namespace={desk.namespace}")
    expect(guest.get_by_text("Changes are told no more")).to_be_visible()
    expect(guest.get_by_role("heading", name="Not yours to see")).to_be_visible()
    fleet.apply(question(1))
    expect(eve.get_by_text("Way number 1?")).to_be_visible()
    assert guest.get_by_text("Way number").count() == 0


def test_a_page_that_lost_its_stream_shows_how_it_stands_once_it_has_it_again(
    desk: Desk, fleet: Fleet
) -> None:
    fleet.apply(question(0))
    ada = desk.person()
    ada.page.add_init_script(CUT)
    page = ada.settled("overview")
    expect(page.get_by_text("Way number 0?")).to_be_visible()
    page.context.set_offline(True)
    page.evaluate("window.cut.abort()")
    expect(page.get_by_text("Not live:")).to_be_visible()
    fleet.apply(question(1))
    page.context.set_offline(False)
    expect(page.get_by_text("Way number 1?")).to_be_visible()
    expect(page.get_by_text("Not live:")).to_have_count(0)
    fleet.apply(question(2))
    expect(page.get_by_text("Way number 2?")).to_be_visible()
