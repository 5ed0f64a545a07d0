"""A day at the dashboard: sign in, ask for work, watch it, lose its session, decide, count the cost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from support.browsing import Desk
from support.fleet import Fleet
from support.front import PASSWORD
from support.manifests import bead

GREETINGS = [
    {"name": "Good morning", "consequence": "Early."},
    {"name": "Good evening", "consequence": "Late."},
]


@pytest.fixture
def session(fleet: Fleet) -> Iterator[str]:
    """A session that works as long as the test runs."""
    fleet.patch(replicas=1)
    yield "w-0"
    fleet.patch(replicas=0)


def told(fleet: Fleet) -> str:
    """What the agent does: it works on until it is killed, asks once it is back, and ends with the answer."""
    killed = fleet.folder / "killed-once"
    write = {"write": {"path": "greeting.txt", "text": "Good evening, yes\n"}}
    answered = {"match": "Good evening", "steps": [{"say": "So be it"}, write, {"done": "It greets"}]}
    work = {"run": f"test -e {killed} || {{ touch {killed}; sleep 600; }}"}
    ask = {"ask": {"question": "Which greeting?", "options": GREETINGS}}
    first = {"steps": [{"say": "I begin with the greeting"}, work, {"say": "I am back at it"}, ask]}
    runs = json.dumps({"runs": [answered, first]}).replace("Good evening", "Good\\u0020evening")
    return f"Greet.\n\n```scenario\n{runs}\n```\n"


def test_from_signing_in_to_the_cost_of_what_was_done(desk: Desk, fleet: Fleet, session: str) -> None:
    fleet.apply(bead("story", type="epic", title="Greet people", repository={"url": str(fleet.origin)}))
    page = desk.stranger()
    page.goto(f"{desk.operator.url}/ui/{desk.namespace}/new?parent=story")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Title").fill("Write the greeting")
    page.get_by_label("Description").fill(told(fleet))
    page.get_by_label("Verify commands").fill("grep -q yes greeting.txt")
    page.get_by_label("Priority").select_option("P0")
    expect(page.get_by_label("Parent")).to_have_value("story")
    page.get_by_role("button", name="Create bead").click()
    line = page.locator(".bead-line")
    expect(line).to_contain_text("Running", timeout=60000)
    name = page.url.rpartition("/")[2]
    loses_its_session_and_gets_it_back(page, fleet, session)
    page.get_by_role("link", name="Decisions").click()
    card = page.locator("[data-bead]").filter(has_text="Which greeting?")
    expect(card).to_contain_text("Late.", timeout=60000)
    card.get_by_role("button", name="Good evening").click()
    expect(card).to_have_count(0)
    page.goto(f"{desk.operator.url}/ui/{desk.namespace}/beads/{name}")
    expect(line).to_contain_text("Succeeded", timeout=60000)
    expect(page.get_by_text("It greets").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("Spent$0.")
    page.get_by_role("link", name="Costs").click()
    page.get_by_label("Grouping").select_option("bead")
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("$0.")
    page.context.close()


def loses_its_session_and_gets_it_back(page: Page, fleet: Fleet, session: str) -> None:
    """From a bead that is worked on to its terminal, whose session is killed: it shows what comes of it."""
    page.get_by_role("link", name=session).click()
    terminal = page.get_by_role("region", name="Terminal")
    expect(terminal).to_contain_text("I begin with the greeting", timeout=30000)
    fleet.until(lambda: (fleet.folder / "killed-once").exists(), "it is at work")
    assert fleet.kill_tree(session) > 0
    state = page.locator(".bead-line .chip").first
    expect(state).not_to_contain_text("Running")
    expect(state).to_contain_text("Running", timeout=60000)
    expect(terminal).to_contain_text("I am back at it", timeout=60000)
    expect(page.locator(".bead-line")).not_to_contain_text("not live")


def test_typing_reaches_the_session_of_who_may_until_it_is_left(
    desk: Desk, fleet: Fleet, session: str
) -> None:
    fleet.apply(fleet.bead("typed", {"say": "I listen"}, {"sleep": 15}, priority="P0"))
    ada, eve = desk.person("ada"), desk.person("eve")
    fleet.until(lambda: fleet.status("typed").get("phase") == "Running", "it is worked on")
    page = ada.visit(f"workers/w/sessions/{session}")
    terminal = page.get_by_role("region", name="Terminal")
    expect(terminal).to_contain_text("I listen")
    terminal.focus()
    page.keyboard.type("unheard")
    page.get_by_role("button", name="Type into it").click()
    expect(terminal).to_be_focused()
    page.keyboard.type("hello, you? ")
    page.keyboard.press("Backspace")
    expect(terminal).to_contain_text("hello, you?")
    page.keyboard.press("Shift+Escape")
    expect(page.get_by_role("button", name="Type into it")).to_be_visible()
    page.keyboard.type("unheard")
    other = eve.visit(f"workers/w/sessions/{session}")
    expect(other.get_by_role("region", name="Terminal")).to_contain_text("hello, you?")
    expect(other.get_by_text("read only: typing needs the right")).to_be_visible()
    assert other.get_by_role("button", name="Type into it").count() == 0
    other.get_by_role("region", name="Terminal").focus()
    other.keyboard.type("unheard")
    assert "unheard" not in fleet.screen(session)
    noted = desk.call("GET", f"audit?namespace={desk.namespace}&limit=50")["items"]
    typed = [one for one in noted if one["action"] == "session.type"]
    assert {one["person"] for one in typed} == {"user:ada"}
    assert "hello" not in json.dumps(typed)
