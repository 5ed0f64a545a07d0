"""Several people at once: what one does the others see, and a right that is taken ends what it allowed."""

from __future__ import annotations

from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead


def test_what_one_changes_another_sees_on_every_open_page(desk: Desk, fleet: Fleet) -> None:
    options = [{"name": "left"}, {"name": "right"}]
    fleet.apply(
        bead("shared", title="Shared by two", desired="Hold"),
        bead("turn", title="Which way?", type="decision", decision={"question": "Way?", "options": options}),
    )
    ada, bob = desk.person("ada"), desk.person("bob")
    watched = ada.visit("beads/shared")
    expect(watched.locator(".bead-line")).to_contain_text("Held")
    page = bob.visit("beads/shared")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill("Shared by both")
    page.get_by_label("Priority").select_option("P1")
    page.get_by_role("button", name="Save").click()
    expect(watched.get_by_role("heading", name="Shared by both")).to_be_visible()
    expect(watched.locator(".bead-line")).to_contain_text("P1")
    inbox = ada.visit("decisions")
    expect(inbox.locator("[data-bead=turn]")).to_be_visible()
    page = bob.visit("decisions")
    page.locator("[data-bead=turn]").get_by_role("button", name="left").click()
    expect(inbox.locator("[data-bead=turn]")).to_have_count(0)


def test_of_two_who_edit_the_second_is_told(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(bead("edited", title="Edited by two", desired="Hold"))
    ada, bob = desk.person("ada"), desk.person("bob")
    bob.expected += ("412 (Precondition Failed)",)
    first, second = ada.visit("beads/edited"), bob.visit("beads/edited")
    for page in (first, second):
        page.get_by_role("button", name="Edit").click()
    first.get_by_label("Title").fill("Edited by ada")
    first.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading", name="Edited by ada", include_hidden=True)).to_have_count(1)
    second.get_by_label("Title").fill("Edited by bob")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    assert fleet.get("bead", "edited")["spec"]["title"] == "Edited by ada"


def test_a_right_that_is_taken_ends_what_is_open(desk: Desk, fleet: Fleet) -> None:
    desk.user("carol", "contributor")
    fleet.apply(bead("hers", title="Hers to hold"))
    carol = desk.person("carol")
    page = carol.visit("beads/hers")
    expect(page.get_by_role("button", name="Hold")).to_be_visible()
    board = page.context.new_page()
    board.goto(f"{desk.operator.url}/ui/{desk.namespace}/board")
    expect(board.get_by_role("link", name="Hers to hold")).to_be_visible()
    desk.admin.delete(
        "roles", params={"subject": "user:carol", "namespace": desk.namespace}
    ).raise_for_status()
    page.get_by_role("button", name="Hold").click()
    expect(
        page.get_by_role("alert").or_(page.get_by_role("status")).filter(has_text="may not")
    ).to_be_visible()
    assert fleet.get("bead", "hers")["spec"].get("desired") != "Hold"
    expect(board.get_by_text("Changes are told no more")).to_be_visible(timeout=60000)
    page.reload()
    expect(page.get_by_role("heading", name="Not yours to see")).to_be_visible()
