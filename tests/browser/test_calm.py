"""A page that somebody has open all day: what did not change is left as it is, nothing piles up."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.manifests import bead

WATCH = """
(keys) => {
  window.touched = Object.fromEntries(keys.map((key) => [key, 0]));
  const note = (key) => (records) => {
    // Times go by, by themselves.
    const others = records.filter(({ target }) => !(target.parentElement ?? target).closest("time"));
    window.touched[key] += others.length;
  };
  const how = { subtree: true, childList: true, attributes: true, characterData: true };
  for (const key of keys) {
    new MutationObserver(note(key)).observe(document.querySelector(`[data-key="${key}"]`), how);
  }
  window.files = 0;
  const make = URL.createObjectURL;
  URL.createObjectURL = (what) => (window.files++, make.call(URL, what));
  window.charts = 0;
  const element = document.createElement;
  document.createElement = (tag) => (tag === "figure" && window.charts++, element.call(document, tag));
}
"""
CHANGES = 3


def question(name: str, words: str) -> dict[str, Any]:
    options = [{"name": "left"}, {"name": "right"}]
    decision = {"question": "Which way?", "options": options}
    return bead(name, title=words, priority="P0", type="decision", decision=decision)


def test_a_change_touches_only_what_shows_it(desk: Desk, fleet: Fleet) -> None:
    fleet.apply(question("moves", "Change 0"), question("stays", "As it is"))
    page = desk.person().settled("overview")
    for name in ("moves", "stays"):
        expect(page.locator(f'[data-key="decision {name}"]')).to_be_visible()
    page.evaluate(WATCH, ["decision moves", "decision stays", "Done"])
    for number in range(1, CHANGES + 1):
        fleet.apply(question("moves", f"Change {number}"))
        expect(page.locator('[data-key="decision moves"]')).to_contain_text(f"Change {number}")
    touched = page.evaluate("window.touched")
    assert touched.pop("decision moves") >= CHANGES
    assert touched == {"decision stays": 0, "Done": 0}
    assert page.evaluate("[window.files, window.charts]") == [0, 0]
    fleet.apply(question("stays", "And so does this"))
    expect(page.locator('[data-key="decision stays"]')).to_contain_text("And so does this")
