"""People at the dashboard: each with a browser context of their own in Debian's Chromium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import run
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from support.agents import REPOSITORY
from support.front import PASSWORD
from support.operators import OperatorProcess

SHOTS = Path(os.environ.get("RINGMASTER_SHOTS", REPOSITORY / "build" / "screenshots"))
"""Where screenshots stay; git ignores it."""
TRAP = """
window.traces = [];
Object.defineProperty(window, 'pwned', { set(value) { traces.push(`a script ran: ${value}`); } });
addEventListener('securitypolicyviolation', (event) =>
  traces.push([event.violatedDirective, event.blockedURI, event.sample, event.sourceFile].join(' ')));
"""
"""In every page, before its own scripts: tells that a text ran, or that the page broke its own policy."""
MADE = """
(() => {
  const made = [...document.body.querySelectorAll('*')];
  const strange = 'script,img,iframe,object,embed,base,link,meta,style,video,audio,math,xss,b,u';
  return [
    ...window.traces,
    ...made.filter((one) => one.matches(strange)).map((one) => `an element: ${one.outerHTML.slice(0, 120)}`),
    ...made.flatMap((one) => [...one.attributes].filter(({ name, value }) =>
      /^(on|srcdoc|formaction)/.test(name) || /^(href|src|action|xlink:href)$/.test(name)
      && !/^(https?:|blob:|[/?#])/.test(value)).map(({ name, value }) => `an attribute: ${name}=${value}`)),
  ];
})()
"""
"""What only markup could have made of a text: our pages are made of other elements."""
EXPECTED = ("401 (Unauthorized)", "403 (Forbidden)", "net::ERR_", "503 (Service Unavailable)")
"""What a browser says of answers that are as they should be: not signed in, refused, nobody there."""


def program() -> str:
    """Where Debian's Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found is not None, "Chromium is missing: hack/setup --for test installs it"
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        # Its sandbox takes rights that root in a container does not have; it opens our own pages only.
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Desk:
    """An operator whose first administrator is ada."""

    operator: OperatorProcess
    namespace: str
    browser: Browser
    admin: httpx2.Client = field(init=False)
    people: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin = httpx2.Client(base_url=f"{self.operator.url}/api/v1/", timeout=30)
        code = (self.operator.folder / "state" / "first-admin-code").read_text().strip()
        self.call("POST", "auth/first-admin", {"code": code, "name": "ada", "password": PASSWORD})

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A call of ada's, as a program makes it."""
        answer = self.admin.request(method, path, json=body)
        assert answer.is_success, answer.text
        found: Any = answer.json() if answer.content else None
        if path.startswith("auth/"):
            self.admin.headers["X-Ringmaster-CSRF"] = found["csrf"]
        return found

    def user(self, name: str, role: str | None) -> None:
        """A user, with a role in the namespace."""
        self.call("POST", "users", {"name": name, "password": PASSWORD})
        if role is not None:
            grant = {"subject": f"user:{name}", "namespace": self.namespace, "role": role}
            self.call("PUT", "roles", grant)

    def person(self, name: str = "ada", **context: Any) -> Person:
        """Somebody's browser, signed in; `context` is Playwright's."""
        made = Person(self, self.stranger(**context), name)
        made.sign_in()
        self.people.append(made)
        return made

    def stranger(self, **context: Any) -> Page:
        """A browser in which nobody is signed in."""
        return visitor(self.browser, **context)

    def close(self) -> None:
        """End all browsers; what went wrong in their pages fails the test."""
        self.admin.close()
        faults = [fault for person in self.people for fault in person.faults]
        for person in self.people:
            person.page.context.close()
        assert faults == []


@dataclass
class Person:
    """Somebody who is signed in at the dashboard."""

    desk: Desk
    page: Page
    name: str
    faults: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = EXPECTED
    hosts: set[str] = field(default_factory=set)
    """All hosts that the browser asked for anything."""

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._said)
        self.page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.faults.append(message.text)

    def sign_in(self) -> None:
        """By name and password, as everybody does."""
        self.page.goto(f"{self.desk.operator.url}/ui/_/sign-in")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_selector(".frame")

    def visit(self, place: str) -> Page:
        """A page of the namespace."""
        self.page.goto(f"{self.desk.operator.url}/ui/{self.desk.namespace}/{place}")
        self.page.wait_for_selector(".frame main h1, .frame main .state h2")
        return self.page

    def settled(self, place: str) -> Page:
        """A page of the namespace with all that it loads, and all that can be unfolded."""
        self.visit(place)
        self.page.wait_for_selector("[aria-busy]", state="detached")
        self.page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
        return self.page

    def strange(self) -> list[str]:
        """Traces of a text that was taken for markup or a script."""
        found: list[str] = self.page.evaluate(MADE)
        return found

    def shot(self, name: str) -> None:
        """Keep how the page looks."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def unusable(self) -> list[str]:
        """What axe finds that keeps people from using the page as it is; serious and critical."""
        return axe_finds(self.page)


def visitor(browser: Browser, **context: Any) -> Page:
    """A browser context of somebody's own; `context` is Playwright's."""
    settings = {"viewport": {"width": 1360, "height": 860}, "reduced_motion": "reduce", **context}
    visit = browser.new_context(**settings)
    visit.add_init_script(TRAP)
    page = visit.new_page()
    page.set_default_timeout(20000)
    return page


STILL = """
async () => {
  await document.fonts.ready;
  const places = () => [...document.body.querySelectorAll('*')].map((one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return [x, y, width, height].join();
  }).join(';');
  for (let turn = 0, before = ''; turn < 100; turn += 1) {
    await new Promise(requestAnimationFrame);
    const now = places();
    if (now === before) return;
    before = now;
  }
}
"""
"""Until two frames look alike: a page that is still being drawn is not what people meet."""


def axe_finds(page: Page) -> list[str]:
    """What keeps people from using a page as it is: serious and critical."""
    page.evaluate(axe())
    page.evaluate(STILL)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = page.evaluate(f"axe.run({json.dumps(rules)})")
    return [
        f"{rule['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


@cache
def axe() -> str:
    """axe-core, installed once into the user's cache."""
    done = run([REPOSITORY / "hack" / "agents", "axe"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).read_text()
