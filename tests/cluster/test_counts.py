"""What a bead costs in writes and calls: counts, which are the same on any machine (`hack/bench counts`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.clusters import REPOSITORY, Cluster, drop_namespace

pytestmark = pytest.mark.cluster

BEADS = 10


async def test_a_clean_run_takes_few_writes_and_no_reads(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "hack"))
    from benchlib.bench import Bench
    from benchlib.counts import lives

    bench = Bench(cluster, tmp_path, beads=BEADS, rounds=1)
    try:
        writes, calls = await lives(bench)
    finally:
        for name in bench.made:
            drop_namespace(cluster, name)
    print(f"{writes} writes and {calls} calls a bead")
    assert 2 <= writes <= 4  # claimed and done at the least
    assert calls <= writes + 0.5
