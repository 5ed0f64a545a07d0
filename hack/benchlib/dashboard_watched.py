"""What the sessions have of it that people look: claims and reconciles, without viewers and with them."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from benchlib import dashboard_apart, dashboard_scene
from benchlib.dashboard_pages import chromium
from benchlib.dashboard_scene import NAMESPACE, Scene
from benchlib.dashboard_viewers import HELD, TURN
from benchlib.figures import Figure, percentile
from ringmaster_operator.kube import BEADS, Kube

OPEN = ("Overview", "Board")
"""The pages that are open in real browsers; the other viewers make a page's calls."""
WARM_UP, BEGIN = 3.0, 60.0
"""Seconds: between two rounds, and for viewers to begin at most."""
TICK = 0.5
"""Seconds between two changes of the held bead, of which viewers say how late they see it."""
LATE = 500.0
"""Milliseconds: the goal for nineteen in twenty of them."""
SAME = 0.05
"""How much worse it may be for the sessions when people look."""


@dataclass(frozen=True)
class Load:
    """What the operator did in some seconds."""

    reconciles: float
    """A second."""
    claims: list[float]
    """How long each took, in ms."""
    cpu: float
    """Percent of a processor; so are the others."""
    waited: float
    """How long the operator's event loop was ready to run and had no processor."""
    others: float = 0.0
    """What the viewers' processes took."""
    calls: float = 0.0
    """Of viewers without a browser, a second."""
    overviews: float = 0.0
    """That they were sent, a second."""
    late: list[float] = field(default_factory=list)
    """How late each of them saw each change, in ms."""

    @property
    def middle(self) -> float:
        return statistics.median(self.claims)


async def watched(scene: Scene, viewers: int, rounds: int, seconds: float, *, apart: bool) -> list[Figure]:
    """Rounds without and with viewers; where they are apart, also with as much that is not ours."""
    alone, seen, busy = [], [], []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
        alone.append(await _load(scene, seconds))
        async with _looked_at(scene, viewers, apart=apart) as taking:
            seen.append(await _load(scene, seconds, taking))
        if apart:
            with dashboard_apart.busy(seen[-1].others / 100):
                busy.append(await _load(scene, seconds))
    who = f"{viewers} look{', apart' if apart else ''}"
    figures = [*_loads("nobody looks", alone), *_loads(who, seen), *_looks(who, seen)]
    if apart:
        figures += _loads("as much that is not ours", busy)
        figures.append(_ratio("claim p50, with what is not ours / without", alone, busy))
        figures.append(_ratio("claim p50, with viewers / with what is not ours", busy, seen))
    rates = [other.reconciles / one.reconciles for one, other in zip(alone, seen, strict=True)]
    figures.append(_ratio(f"claim p50, {who} / nobody", alone, seen, at_most=1 + SAME))
    figures.append(Figure("viewers", f"reconciles/s, {who} / nobody", rates, at_least=1 - SAME))
    return figures


@asynccontextmanager
async def _looked_at(scene: Scene, viewers: int, *, apart: bool) -> AsyncIterator[Callable[[], float]]:
    """With so many people at the dashboard; yields what says how many seconds their processes have taken."""
    known = {each.pid for each in dashboard_apart.outside(set())}
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(chromium(scene))
        pages = [await browser.opened(name) for name in OPEN[:viewers]]
        arguments = (scene.operator.url, NAMESPACE, str(viewers - len(pages)))
        cookie = {"BENCH_COOKIE": scene.cookie}
        stack.enter_context(
            dashboard_scene.process("dashboard_viewers", *arguments, output=scene.seen, **cookie)
        )
        await _begun(scene, viewers - len(pages))
        theirs = dashboard_apart.outside(known)
        if apart:
            dashboard_apart.set_apart(theirs)
        yield lambda: dashboard_apart.taken(theirs)
        for page in pages:
            await page.context.close()


async def _begun(scene: Scene, viewers: int) -> None:
    """Until they have made as many calls as there are viewers without a browser."""
    before = scene.seen.stat().st_size
    async with asyncio.timeout(BEGIN):
        while scene.seen.read_bytes()[before:].count(b"call") < viewers:
            await asyncio.sleep(0.1)


async def _load(scene: Scene, seconds: float, taking: Callable[[], float] = float) -> Load:
    """What the operator does in these seconds."""
    await asyncio.sleep(WARM_UP)
    async with _ticks(scene):
        began, clock = time.time(), time.perf_counter()
        before = scene.cpu(), dashboard_apart.waited(scene.pid), taking(), await scene.reconciled()
        await asyncio.sleep(seconds)
        after = scene.cpu(), dashboard_apart.waited(scene.pid), taking(), await scene.reconciled()
        took, ended = time.perf_counter() - clock, time.time()
    cpu, waited, others, done = ((new - old) / took for old, new in zip(before, after, strict=True))
    claims = dashboard_scene.claimed(scene, began, ended)
    if not claims:
        raise RuntimeError("nothing was claimed: too few beads are ready, or the machine has no time for it")
    told = list(_told(scene, began, ended))
    calls, overviews = (sum(kind == name for kind, _ in told) / took for name in ("call", "overview"))
    late = [value * 1e3 for kind, value in told if kind == "seen"]
    milliseconds = [value * 1e3 for value in claims]
    return Load(done, milliseconds, cpu * 100, waited * 100, others * 100, calls, overviews, late)


@asynccontextmanager
async def _ticks(scene: Scene) -> AsyncIterator[None]:
    """The held bead's costs say what time it is."""
    kube = await Kube.connect(str(scene.cluster.kubeconfig))

    async def tick() -> None:
        while True:
            body = {"cost": {"usd": round(time.time() % TURN, 4)}}
            await kube.patch_status(BEADS, NAMESPACE, HELD, body)
            await asyncio.sleep(TICK)

    task = asyncio.create_task(tick())
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await kube.close()


def _told(scene: Scene, since: float, until: float) -> Iterator[tuple[str, float]]:
    """What the viewers' lines of that time say: call, seen or overview, and seconds."""
    lines = scene.seen.read_text().splitlines() if scene.seen.exists() else []
    for line in map(str.split, lines):
        if len(line) == 3 and since <= float(line[1]) < until:
            yield line[0], float(line[2])


def _loads(who: str, loads: list[Load]) -> list[Figure]:
    return [
        Figure("viewers", f"{who}: reconciles/s", [item.reconciles for item in loads]),
        Figure("viewers", f"{who}: a claim", [value for item in loads for value in item.claims], "ms"),
        Figure("viewers", f"{who}: claim p95", [percentile(item.claims, 0.95) for item in loads], "ms"),
        Figure("viewers", f"{who}: operator's CPU", [item.cpu for item in loads], "%"),
        Figure("viewers", f"{who}: its event loop has no processor", [item.waited for item in loads], "%"),
    ]


def _looks(who: str, loads: list[Load]) -> list[Figure]:
    late = [value for item in loads for value in item.late]
    if not late:
        raise RuntimeError("the viewers saw nothing: other work leaves no processor to them")
    return [
        Figure("viewers", f"{who}: CPU of viewers and browsers", [item.others for item in loads], "%"),
        Figure("viewers", f"{who}: calls/s without browser", [item.calls for item in loads]),
        Figure("viewers", f"{who}: overviews/s sent to them", [item.overviews for item in loads]),
        Figure("viewers", f"{who}: patch sent → heard", late, "ms"),
        Figure("viewers", f"{who}: the same, p95", [percentile(late, 0.95)], "ms", at_most=LATE),
    ]


def _ratio(name: str, ones: list[Load], others: list[Load], at_most: float | None = None) -> Figure:
    found = [other.middle / one.middle for one, other in zip(ones, others, strict=True)]
    return Figure("viewers", name, found, at_most=at_most)
