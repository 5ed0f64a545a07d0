"""The short form of `hack/soak`: a fleet at work under a plan of faults, and nothing broken at the end.

The seed is printed, RINGMASTER_SEED replays the plan. RINGMASTER_LONG=1 runs ten minutes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

LONG = bool(os.environ.get("RINGMASTER_LONG"))
MINUTES = 10.0 if LONG else 1.0
HACK = Path(__file__).resolve().parents[2] / "hack"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.tmux,
    pytest.mark.long,
    pytest.mark.timeout(2400 if LONG else 900),
]


@pytest.fixture(autouse=True)
def soaklib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HACK))


async def test_a_fleet_under_a_plan_of_faults_loses_nothing(own_cluster: Any, tmp_path: Path) -> None:
    from soaklib.plan import plan
    from soaklib.run import soak
    from soaklib.table import as_markdown
    from soaklib.world import able

    seed = int(os.environ.get("RINGMASTER_SEED", "7"))
    print(f"seed {seed}: replay with RINGMASTER_SEED={seed}")
    faults = plan(seed, MINUTES, without=able())
    result = await soak(own_cluster, tmp_path, seed=seed, minutes=MINUTES, faults=faults)
    print(as_markdown(result))
    assert result.broken == []
    assert [carried.fault for carried in result.carried] == faults, "the whole plan was carried out"
    assert result.figures["acknowledged"] > 0
    assert result.figures["done"] > 0
