"""What strangers write stays text on every page: no script, no markup comes of it, no policy is broken."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

from playwright.sync_api import Page, expect

from support.browsing import Desk, Person
from support.fleet import Fleet
from support.front import PASSWORD
from support.manifests import bead
from support.payloads import BLOCK, LINES, NAME, PLACES
from support.strange import DOUBTED, FAILED, GOES, SAVED, TRIED

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
MISSING = ("404 (Not Found)", "422 (Unprocessable")
EVERYWHERE = (
    *(
        "overview",
        "board",
        "board?as=table",
        "graph",
        "decisions",
        "workers",
        "workers/w",
        "workers/strange",
        "backups",
        "events",
        "notifications",
        "audit",
    ),
    *("lessons", "lessons?q=img", "lessons?state=all", "new?parent=%3Cimg%20src%3Dx%3E", "../_/users"),
    *("costs", "costs?by=bead", "costs?by=repository", "costs?by=user", "costs?by=outcome"),
    *("beads/shown", "beads/told", "beads/lost", "beads/asks", "beads/asked"),
)


SHOWN = {
    "overview": [LINES[1]],
    "workers/strange": [LINES[5]],
    "backups": [SAVED, FAILED, TRIED, DOUBTED, GOES],
    "events": [LINES[0]],
    "audit": [LINES[1]],
    "../_/users": [LINES[0]],
}
"""What is to be read there: that nothing comes of it must not be because it is not shown."""


def faults(person: Person, places: list[str]) -> tuple[dict[str, list[str]], str]:
    """What became of texts on pages, and all that they showed."""
    found, seen = {}, ""
    for place in places:
        page = person.settled(place)
        found[place] = person.strange()
        text = page.evaluate("document.body.textContent") + page.title()
        found[place] += [f"it does not show {words}" for words in SHOWN.get(place, []) if words not in text]
        seen += text
    return {place: traces for place, traces in found.items() if traces}, seen


def records(desk: Desk) -> list[str]:
    """The pages of what each iteration left."""
    places = []
    for name in ("told", "asks", "lost"):
        found = desk.call("GET", f"namespaces/{desk.namespace}/beads/{name}/iterations")["items"]
        assert found
        kinds = ("prompt", "transcript", "diff", "checks")
        places += [f"beads/{name}/iterations/{found[0]['id']}/{kind}" for kind in kinds]
    return places


def test_text_of_strangers_is_shown_as_it_is_on_every_page(desk: Desk, evil: None) -> None:
    ada = desk.person()
    ada.expected += MISSING
    found, seen = faults(ada, [*EVERYWHERE, *records(desk)])
    assert found == {}
    assert [line for line in (*LINES, NAME) if line not in seen] == []


def test_what_runs_or_becomes_an_element_would_be_noticed(desk: Desk) -> None:
    page = desk.stranger()
    page.set_content(f"<main>{LINES[0]}{LINES[6]}{LINES[13]}</main>")
    page.wait_for_selector("img", state="attached")
    person = Person(desk, page, "nobody")
    page.wait_for_function("window.traces.includes('a script ran: 1')")
    found = " ".join(person.strange())
    for trace in ("an element: <img", "an element: <img", "onerror=window.pwned=1", "href=javascript:"):
        assert trace in found, found
    page.context.close()


MARKUP = "(one) => { one.innerHTML = one.textContent }"
"""What a page does that takes a text for markup."""


def test_a_condition_or_a_destination_that_were_markup_would_be_noticed(desk: Desk, evil: None) -> None:
    ada = desk.person(bypass_csp=True)  # the policy of our pages would not even let them do so
    ada.expected += MISSING
    for place, words, trace in (
        ("td", "the trial restore of", "an element: <img"),
        ("p", "s3://strange/", "an attribute: onload="),
    ):
        page = ada.settled("backups")
        assert ada.strange() == []
        page.locator(place).filter(has_text=words).evaluate(MARKUP)
        page.wait_for_function("window.traces.includes('a script ran: 1')")
        found = ada.strange()
        assert [one for one in found if one.startswith(trace)], found


def test_addresses_of_strangers_lead_nowhere_else(desk: Desk, evil: None) -> None:
    ada = desk.person()
    ada.expected += MISSING
    named = ("board?text={}", "board?label={}&phase={}&as={}", "graph?focus={}", "costs?by={}&days={}")
    places = [place.replace("{}", quote(text, safe="")) for text in PLACES for place in named]
    for text in PLACES:
        part = quote(text, safe="")
        places += [f"../{part}/board", f"beads/{part}", f"workers/{part}/sessions/{part}", f"{part}/{part}"]
    for place in places:
        ada.page.goto(f"{desk.operator.url}/ui/{desk.namespace}/{place}")
        ada.page.wait_for_selector("#app main")
        ada.page.wait_for_selector("[aria-busy]", state="detached")
        assert ada.strange() == [], place
        assert ada.page.url.startswith(f"{desk.operator.url}/ui"), place
    assert ada.hosts == {desk.operator.url.removeprefix("http://")}


def test_signing_in_leads_back_to_pages_of_ours_only(desk: Desk) -> None:
    for back in ("javascript:window.pwned=1", "//127.0.0.1:1/", "/\\127.0.0.1:1/", "/ui/../api/v1/auth/me"):
        page = desk.stranger()
        page.goto(f"{desk.operator.url}/ui/_/sign-in?back={quote(back, safe='')}")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector(".frame main h1, .frame main .state h2")
        assert page.url.startswith(f"{desk.operator.url}/ui"), back
        assert page.evaluate("window.traces") == []
        page.context.close()


def test_what_comes_live_and_in_dialogs_is_text_too(desk: Desk, fleet: Fleet, evil: None) -> None:
    ada = desk.person()
    fleet.apply(bead("turning", title="Harmless yet", desired="Hold"))
    page = ada.settled("board?text=turning")
    expect(page.get_by_role("link", name="Harmless yet")).to_be_visible()
    fleet.apply(bead("turning", title=f"turning {LINES[0]}", desired="Hold"))
    expect(page.get_by_role("link", name=f"turning {LINES[0]}")).to_be_visible()
    assert ada.strange() == []
    page = ada.settled("beads/shown")
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Description")).to_have_value(BLOCK)
    assert ada.strange() == []
    page.keyboard.press("Escape")
    found(page, "img src", LINES[0])
    assert ada.strange() == []
    page.keyboard.press("Escape")
    page = ada.settled("../_/users")
    page.get_by_role("button", name="Revoke the role of group:").click()
    expect(page.get_by_role("dialog")).to_contain_text("group:<script>")
    assert ada.strange() == []
    page = ada.settled("notifications")
    page.get_by_role("button", name="Add a notification for you").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"me: {LINES[0]}")
    assert ada.strange() == []
    page = ada.settled("lessons")
    page.get_by_role("button", name="Retire").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("onerror=")
    assert ada.strange() == []


def found(page: Page, words: str, title: str) -> None:
    """Look for a bead by the palette."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to a page").fill(words)
    expect(page.get_by_role("option").filter(has_text=title).first).to_be_visible()


def test_a_terminal_shows_what_agents_print_as_text(desk: Desk, fleet: Fleet) -> None:
    steering = "\x1b]8;;javascript:window.pwned=1\x07go\x1b]8;;\x07\x1b]0;<b>title</b>\x07\x1b[31m<u>red</u>"
    fleet.patch(replicas=1)
    fleet.apply(fleet.bead("spoken", {"say": BLOCK}, {"say": steering}, {"sleep": 5}))
    try:
        fleet.until(lambda: fleet.status("spoken").get("phase") == "Running", "it is worked on")
        ada = desk.person()
        page = ada.settled("workers/w/sessions/w-0")
        expect(page.get_by_role("region", name="Terminal")).to_contain_text("<img src=x onerror=")
        expect(page.get_by_role("region", name="Terminal")).to_contain_text("<u>red</u>")
        assert ada.strange() == []
        ada.shot("terminal-strange")
    finally:
        fleet.patch(replicas=0)


SAVE = """
async (rows) => {
  const { csv } = await import(document.querySelector("link[href$='/js/parts/charts.js']").href);
  Object.assign(document.createElement("a"), { href: csv(rows), download: "x.csv" }).click();
}
"""


def test_a_spreadsheet_runs_nothing_of_what_is_saved(desk: Desk, evil: None) -> None:
    page = desk.person().settled("costs?by=bead")
    for link in page.get_by_role("link", name="CSV").all():
        with page.expect_download() as saved:
            link.click()
        rows = list(csv.reader(io.StringIO(saved.value.path().read_text(), newline="")))
        assert len(rows) > 1
        assert [cell for row in rows for cell in row if cell.startswith(FORMULAS)] == []
    texts = ["=1+1", "-2", "+3", "@a", "\tb", "\r=c", "plain, text"]
    with page.expect_download() as saved:
        page.evaluate(SAVE, [["name", "value"], *([text, 1] for text in texts)])
    with saved.value.path().open(newline="") as file:
        cells = [row[0] for row in list(csv.reader(file))[1:]]
    assert cells == [f"'{text}" for text in texts[:-1]] + texts[-1:]
