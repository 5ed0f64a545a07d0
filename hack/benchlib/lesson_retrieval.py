"""`hack/bench lessons --retrieval`: how long a claim looks for lessons, the more of them there are.

Beside it one read of the same database in the same run: what any look at the history costs.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from ringmaster_operator.history import History, Teaching
from ringmaster_operator.recall import Situation
from ringmaster_operator.resources.lesson import LessonOrigin

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
COMMON = ("test", "run", "build", "fix", "check", "error", "path", "module", "config", "service", "table")
BATCH = 250


def vocabulary(chance: random.Random) -> list[str]:
    """Words of a trade, the first ones common: as in speech, the n-th is said a n-th as often."""
    letters = "bcdfghklmnprstvz"
    made = {"".join(chance.choice(letters) + chance.choice("aeiou") for _ in range(4)) for _ in range(4000)}
    return [*COMMON, *sorted(made)]


def sentence(words: list[str], chance: random.Random, count: int) -> str:
    weights = [1 / (place + 3) for place in range(len(words))]
    return " ".join(chance.choices(words, weights, k=count))


async def fill(history: History, words: list[str], chance: random.Random, count: int) -> None:
    """Lessons as agents write them, until there are so many."""
    there = (await history.lesson_counts(namespace="team")).get("active", 0)
    while there < count:
        batch = [
            Teaching(
                namespace="team",
                text=sentence(words, chance, chance.randint(8, 18)),
                cause=sentence(words, chance, 8),
                where=Situation(
                    repository=f"git.example/team/app-{chance.randrange(5)}",
                    paths=(f"src/{chance.choice(words)}.py",),
                    capabilities=("python",),
                ),
                origin=LessonOrigin.AGENT,
                author="bead",
                bead_uid=f"uid-{there + number}",
            )
            for number in range(min(BATCH, count - there))
        ]
        await history.teach_all(teachings=batch, now=NOON)
        there = (await history.lesson_counts(namespace="team")).get("active", 0)


async def timed(call: Callable[[int], Awaitable[object]], times: int) -> list[float]:
    """Milliseconds of each call, in order of length."""
    found = []
    for number in range(times):
        begin = time.perf_counter()
        await call(number)
        found.append((time.perf_counter() - begin) * 1000)
    return sorted(found)


async def measure(
    url: str, sizes: list[int], *, seed: int = 1, queries: int = 60
) -> list[tuple[int, float, float, float]]:
    """By number of lessons: median and 95th percentile of a search, and median of one read; milliseconds."""
    chance = random.Random(seed)
    words = vocabulary(chance)
    texts = [sentence(words, chance, 120) for _ in range(queries)]
    here = Situation(repository="git.example/team/app-1", capabilities=("python",))
    history, found = await History.open(url), []
    try:
        for size in sizes:
            await fill(history, words, chance, size)

            async def search(number: int) -> object:
                return await history.matching_lessons(
                    namespace="team", text=texts[number], here=here, now=NOON
                )

            async def read(number: int) -> object:
                return await history.lesson(namespace="team", lesson=1 + number)

            await search(0)
            took, base = await timed(search, queries), await timed(read, queries)
            found.append(
                (size, statistics.median(took), took[int(len(took) * 0.95)], statistics.median(base))
            )
    finally:
        await history.close()
    return found


def table(sizes: list[int], seed: int, url: str | None = None) -> None:
    """Print it."""
    with tempfile.TemporaryDirectory() as folder:
        place = url or f"sqlite:///{Path(folder)}/ringmaster.db"
        rows = asyncio.run(measure(place, sizes, seed=seed))
    print("| active lessons | a search, p50 | p95 | one read, p50 | p50 as reads |\n|---|---|---|---|---|")
    for size, middle, most, base in rows:
        print(f"| {size} | {middle:.2f} ms | {most:.2f} ms | {base:.2f} ms | {middle / base:.1f} |")
