"""The short form of `hack/bench lessons`: lessons help the same beads, and are found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HACK = Path(__file__).resolve().parents[3] / "hack"


@pytest.fixture(autouse=True)
def benchlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HACK))


async def test_with_lessons_the_same_beads_take_fewer_iterations() -> None:
    """The interval of the difference excludes zero, and no bead is told a lesson where they are off."""
    from benchlib.lessons import both
    from ringmaster_operator.recall import mean

    seed = int(os.environ.get("RINGMASTER_SEED", "1"))
    print(f"seed {seed}: replay with RINGMASTER_SEED={seed}", file=sys.stderr)
    off, on = await both(300 if os.environ.get("RINGMASTER_LONG") else 120, seed)
    _, low, _ = mean([float(one.iterations - other.iterations) for one, other in zip(off, on, strict=True)])
    assert low > 0
    assert not any(run.right for run in off)
    assert sum(run.right for run in on) > len(on) / 4


async def test_lessons_are_found_better_than_by_counting_words() -> None:
    from benchlib.lesson_world import rankings

    found = await rankings(1)
    assert found["recall"].mean > 0.9
    assert found["recall"].mean > found["keyword count"].mean + 0.2
    assert found["recall"].told > 180, "of 200 beads"
