"""The page of events: live, filtered by its address, kept when the bead is gone."""

from __future__ import annotations

from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead


def test_events_come_live_and_are_filtered_by_the_address(desk: Desk, fleet: Fleet) -> None:
    ada = desk.person()
    page = ada.visit("events?text=round-trip")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    fleet.apply(bead("round-trip", title="There and back", dependsOn=["nowhere"]))
    rows = page.get_by_role("region", name="Events").locator("tbody tr")
    warning = rows.filter(has_text="Warning")
    expect(warning).to_contain_text("round-trip")
    ada.shot("events-live")
    page.get_by_role("combobox", name="Any type").select_option("Warnings")
    expect(rows.filter(has_text="Normal")).to_have_count(0)
    assert "type=Warning" in page.url
    assert "text=round-trip" in page.url
    fleet.cluster.kubectl("delete", "-n", fleet.namespace, "bead/round-trip")
    page.reload()
    expect(warning).to_have_count(1)  # the address has the filter, the history the event
    warning.get_by_role("button", name="Only those about round-trip").click()
    assert "kind=Bead" in page.url
    assert "name=round-trip" in page.url
    page.get_by_role("searchbox").fill("nothing is like this")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(rows.first).to_be_visible()
    assert page.url.endswith("/events")


def test_a_bead_leads_to_all_its_events(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(bead("eventful", title="Have a history", dependsOn=["nowhere"]))
    page = desk.person("eve").visit("beads/eventful")
    page.get_by_role("link", name="All events").click()
    rows = page.get_by_role("region", name="Events").locator("tbody tr")
    expect(rows.first).to_contain_text("eventful")
    assert page.url.endswith("/events?kind=Bead&name=eventful")


def test_more_events_are_shown_when_asked_and_new_ones_push_out_the_last(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(*(bead(f"flood-{number}", dependsOn=["nowhere"]) for number in range(105)))
    page = desk.person().visit("events?text=flood-")
    rows = page.get_by_role("region", name="Events").locator("tbody tr")
    heading = page.get_by_role("heading", level=2)
    expect(heading).to_have_text("100 events, the newest", timeout=30000)
    page.get_by_role("button", name="Show more").click()
    expect(heading).to_have_text("105 events", timeout=30000)
    page.reload()
    expect(rows).to_have_count(100)
    fleet.apply(bead("flood-last", dependsOn=["nowhere"]))
    expect(rows.first).to_contain_text("flood-last")
    expect(rows).to_have_count(100)


def test_the_audit_log_is_searched_by_words(desk: Desk) -> None:
    wish = {"name": "audited", "spec": {"title": "Leave a trace", "desired": "Hold"}}
    desk.call("POST", f"namespaces/{desk.namespace}/beads", wish)
    page = desk.person().visit("audit")
    page.keyboard.press("/")
    page.keyboard.type("user:ada bead.create audited")
    rows = page.get_by_role("region", name="Audit log").locator("tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nobody did this")
    expect(page.get_by_text("None of these has these words.")).to_be_visible()
    assert "text=nobody" in page.url
