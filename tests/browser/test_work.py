"""Work as people follow it in their browsers: live, in bulk, by drag, over a restart of the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead

COUNT = """
window.made = 0;
document.createElement = (tag) => {
  window.made += tag === "tr";
  return Document.prototype.createElement.call(document, tag);
};
"""
"""How many rows of tables the page makes from here on."""


@pytest.fixture
def session(fleet: Fleet) -> Iterator[str]:
    """A session that works as long as the test runs."""
    fleet.patch(replicas=1)
    yield "w-0"
    fleet.patch(replicas=0)


def column(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def link(page: Page, where: str, title: str) -> Locator:
    return column(page, where).get_by_role("link", name=title, exact=True)


def drag(page: Page, source: Locator, target: Locator) -> None:
    """As a hand does it: what may be dropped on shows itself once something moves."""
    source.hover()
    page.mouse.down()
    box = source.bounding_box()
    assert box is not None
    for step in (5, 15):
        page.mouse.move(box["x"] + step, box["y"] + step)
    target.hover()
    target.hover()
    page.mouse.up()


def test_work_is_seen_as_it_goes_on(desk: Desk, fleet: Fleet, session: str) -> None:
    ada = desk.person()
    page = ada.visit("board")
    says = {"say": "I count to ten now"}
    fleet.apply(fleet.bead("counted", says, {"sleep": 8}, says, title="Count to ten"))
    expect(link(page, "Running", "Count to ten")).to_be_visible(timeout=60000)
    page.goto(f"{desk.operator.url}/ui/{desk.namespace}/workers/w/sessions/{session}")
    expect(page.get_by_role("region", name="Terminal")).to_contain_text("count to ten", timeout=60000)
    ada.shot("terminal")
    page = ada.visit("workers/w")
    expect(page.locator(".chip.is-working").first).to_be_visible()
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("document.getAnimations().length") == 0  # for who looks all day: nothing blinks
    page = ada.visit("beads/counted")
    expect(page.locator(".bead-line")).to_contain_text("Succeeded", timeout=60000)
    expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    page.get_by_text("Iteration 1").click()
    page.get_by_role("link", name="Diff").click()
    expect(page.get_by_role("region", name="Changes")).to_contain_text("+yes")
    ada.shot("diff")
    page.get_by_role("link", name="Prompt").click()
    expect(page.locator(".sent")).to_contain_text("Count to ten")
    page.get_by_role("link", name="Transcript").click()
    expect(page.locator(".transcript")).to_contain_text("I count to ten now")


def test_a_question_is_answered_with_one_click(desk: Desk, fleet: Fleet) -> None:
    options = [{"name": "Monday", "consequence": "Early."}, {"name": "Friday"}]
    fleet.apply(
        bead(
            "when",
            title="When do we ship?",
            type="decision",
            decision={"question": "When?", "options": options},
        )
    )
    page = desk.person("bob").visit("decisions")
    card = page.locator("[data-bead=when]")
    expect(card).to_contain_text("Early.")
    card.get_by_role("button", name="Friday").click()
    expect(card).to_have_count(0)
    fleet.until(
        lambda: fleet.status("when").get("decision", {}).get("answer") == "Friday", "the answer is there"
    )
    assert fleet.status("when")["decision"]["by"] == "user:bob"


def test_many_beads_are_held_at_once(desk: Desk, fleet: Fleet) -> None:
    names = [f"many-{number}" for number in range(5)]
    fleet.apply(*(bead(name, title=f"Of many {name}") for name in names))
    page = desk.person("bob").visit("board?as=table&text=many-")
    for name in names:
        page.get_by_label(f"Pick {name}").check()
    page.get_by_role("toolbar").get_by_role("button", name="Hold").click()
    expect(page.get_by_text("5 beads are held")).to_be_visible()
    fleet.until(lambda: {fleet.status(name).get("phase") for name in names} == {"Held"}, "all are held")


def test_a_card_is_dragged_to_another_priority_and_to_held(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(bead("dragged", title="Drag me"))
    ada, bob = desk.person("ada"), desk.person("bob")
    page = ada.visit("board?text=dragged")
    other = bob.visit("board?text=dragged")
    card = page.locator("[data-key=dragged]")
    expect(card).to_contain_text("P2")
    drag(page, card, page.locator("[data-priority=P0]"))
    expect(other.locator("[data-key=dragged]")).to_contain_text("P0")
    assert fleet.get("bead", "dragged")["spec"]["priority"] == "P0"
    drag(page, page.locator("[data-key=dragged]"), column(page, "Held"))
    expect(link(other, "Held", "Drag me")).to_be_visible()


def test_a_restart_of_the_operator_is_told_and_passes(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(bead("lasting", title="Outlast it", desired="Hold"))
    page = desk.person().visit("board")
    expect(link(page, "Held", "Outlast it")).to_be_visible()
    fleet.operator.stop()
    expect(page.get_by_text("What you see is from before")).to_be_visible()
    expect(link(page, "Held", "Outlast it")).to_be_visible()
    fleet.operator.start()
    expect(page.get_by_text("What you see is from before")).to_be_hidden(timeout=40000)
    fleet.apply(bead("after", title="Made afterwards", desired="Hold"))
    expect(link(page, "Held", "Made afterwards")).to_be_visible()


def test_the_graph_shows_what_one_bead_would_release(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(
        bead("first", title="Lay the ground", desired="Hold"),
        bead("second", title="Build on it", dependsOn=["first"], priority="P0"),
        bead("third", title="Move in", dependsOn=["second"]),
    )
    ada = desk.person()
    page = ada.visit("graph")
    page.get_by_role("link", name="Lay the ground, Held").click()
    expect(page.get_by_text("Finishing it makes 1 ready")).to_be_visible()
    assert page.url.endswith("?focus=first")
    expect(page.locator(".graph .node")).to_have_count(3)
    expect(page.locator(".graph .edge.is-critical")).to_have_count(2)
    expect(page.locator(".graph .edge.is-lent")).to_have_count(1)
    ada.shot("graph")


def test_keys_lead_everywhere(desk: Desk) -> None:
    page = desk.person().visit("overview")
    page.keyboard.press("g")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Board")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to a page").fill("dec")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decisions")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.go_back()
    expect(page.get_by_role("heading", name="Board")).to_be_visible()


def test_a_long_table_shows_what_is_scrolled_to_and_makes_changed_rows_only(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(*(bead(f"long-{at:03}", title=f"Row {at}", desired="Hold") for at in range(80)))
    page = desk.person().visit("board?as=table&text=long-&sort=name")
    row = {at: page.locator(f"[data-key=long-{at:03}]") for at in (0, 30, 78, 79)}
    expect(page.get_by_text("80 of")).to_be_visible()
    expect(row[0]).to_be_visible()
    expect(row[79]).to_have_count(0)
    page.evaluate("document.querySelector('.rows').scrollTop = 1e6")
    expect(row[79]).to_be_visible()
    expect(row[0]).to_have_count(0)
    page.evaluate(COUNT)
    fleet.apply(bead("long-079", title="Another title", desired="Hold"))
    expect(row[79]).to_contain_text("Another title")
    expect(row[78]).to_contain_text("Row 78")
    assert 0 < page.evaluate("window.made") < 10
    page.get_by_label("Pick long-078").check()
    expect(row[78]).to_have_class(re.compile("is-chosen"))
    page.evaluate("document.querySelector('.rows').scrollTop = 30 * 40")
    expect(row[30]).to_be_visible()
    expect(row[79]).to_have_count(0)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Table").click()
    expect(row[0]).to_be_visible()
    page.keyboard.press("j")
    expect(row[0]).to_have_class(re.compile("is-cursor"))
