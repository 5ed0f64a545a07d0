"""What a browser shows, and when: first useful paint, live changes, scrolling."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchlib.dashboard_scene import ASKED, NAMESPACE, Scene, cookies
from benchlib.dashboard_viewers import HELD
from ringmaster_operator.kube import BEADS, Kube
from support.browsing import program

PAGES = {
    "Overview": ("overview", ".overview .card li, .overview .card td"),
    "Board": ("board", ".bead-card .bead-title"),
    "Board as a table": ("board?as=table", ".rows tbody tr[data-key]"),
    "Graph": ("graph", ".graph rect.node"),
    "Workers": ("workers", ".card[data-key] tbody tr"),
    "Costs": ("costs", ".overview .card table tbody tr"),
}
"""Each with what must be there for the page to be of use."""
WHEEL, WHEELS, WHEEL_SECONDS = 1600, 260, 0.03
"""Pixels of a turn of the wheel; 260 of them are more than 10,000 rows."""
WATCH = """
window.bench = { tasks: [] };
new PerformanceObserver((list) => window.bench.tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
window.bench.seen = (right) => new Promise((done) => {
  const told = () => done(performance.timeOrigin + performance.now());
  const look = () => right() ? setTimeout(told) : requestAnimationFrame(look);
  look();
});
"""
"""Looks once a frame; the task after a frame's callbacks begins when that frame is painted, or nearly."""


def there(selector: str) -> str:
    return f"window.bench.seen(() => document.querySelector({json.dumps(selector)}))"


def shows(selector: str, words: str) -> str:
    found = f"document.querySelector({json.dumps(selector)})?.textContent"
    return f"window.bench.seen(() => {found}?.includes({json.dumps(words)}))"


@dataclass
class Chromium:
    """Debian's Chromium; every context is signed in and has an empty cache."""

    browser: Browser
    scene: Scene

    async def context(self) -> BrowserContext:
        made = await self.browser.new_context(viewport={"width": 1360, "height": 860})
        await made.add_init_script(WATCH)
        await made.add_cookies(cookies(self.scene))  # type: ignore[arg-type]
        return made

    async def opened(self, name: str) -> Page:
        """A page in a browser of its own, as soon as it is of use."""
        page = await (await self.context()).new_page()
        await self.paint(page, name)
        return page

    async def paint(self, page: Page, name: str) -> float:
        """Seconds from the beginning of the navigation until the page is of use."""
        place, selector = PAGES[name]
        await page.goto(f"{self.scene.operator.url}/ui/{NAMESPACE}/{place}", wait_until="commit")
        return (
            float(await page.evaluate(f"{there(selector)}.then((at) => at - performance.timeOrigin)")) / 1000
        )


@asynccontextmanager
async def chromium(scene: Scene) -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        # Its sandbox takes rights that root in a container does not have; it opens our own pages only.
        browser = await playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        try:
            yield Chromium(browser, scene)
        finally:
            await browser.close()


async def paints(chromium: Chromium, name: str, rounds: int) -> tuple[list[float], list[float]]:
    """First useful paint in a browser that was never there, and again in the same one."""
    cold, warm = [], []
    for _ in range(rounds):
        context = await chromium.context()
        page = await context.new_page()
        cold.append(await chromium.paint(page, name))
        await page.goto("about:blank")
        warm.append(await chromium.paint(page, name))
        await context.close()
    return cold, warm


async def changes(chromium: Chromium, kube: Kube, name: str, count: int, seed: int) -> list[float]:
    """Seconds from sending a patch to the API server until the page shows it."""
    rng, page, taken = random.Random(f"{name} {seed}"), await chromium.opened(name), []
    await asyncio.sleep(3)
    for number in range(count):
        await asyncio.sleep(rng.uniform(0.3, 0.9))
        if name == "Overview":
            words, selector = f"Change {number} of {count}", f'[data-key="decision {ASKED}"]'
        else:
            words, selector = f"{rng.randrange(100, 100_000) / 100:.2f}", f'[data-key="{HELD}"]'
        seen = asyncio.ensure_future(page.evaluate(shows(selector, words)))
        began = time.time()
        if name == "Overview":
            await kube.patch(BEADS, NAMESPACE, ASKED, {"spec": {"title": words}})
        else:
            await kube.patch_status(BEADS, NAMESPACE, HELD, {"cost": {"usd": float(words)}})
        taken.append(float(await asyncio.wait_for(seen, 30)) / 1000 - began)
    await page.context.close()
    return taken


async def scrolled(chromium: Chromium) -> tuple[list[float], float]:
    """Long tasks (more than 50 ms) while all rows are scrolled through, in seconds; rows a second."""
    page = await chromium.opened("Board as a table")
    await asyncio.sleep(5)
    await page.mouse.move(600, 500)
    await page.evaluate("window.bench.tasks.length = 0")
    began, rows = time.perf_counter(), "document.querySelector('.rows.scroll')"
    for _ in range(WHEELS):
        await page.mouse.wheel(0, WHEEL)
        await asyncio.sleep(WHEEL_SECONDS)
    took = time.perf_counter() - began
    found: dict[str, Any] = await page.evaluate(
        f"({{ tasks: window.bench.tasks, at: {rows}.scrollTop, high: {rows}.scrollHeight }})"
    )
    await page.context.close()
    if found["at"] < found["high"] / 2:
        raise RuntimeError(f"the table was scrolled to {found['at']} of {found['high']} pixels only")
    return [task / 1000 for task in found["tasks"]], found["at"] / 40 / took
