"""`hack/bench growth` in a tiny form: what is put past the API server is served by it; all is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.clusters import REPOSITORY, Cluster, add_definitions, drop_namespace

pytestmark = pytest.mark.cluster

BEADS, FINISHED, OTHERS = 80, 100, 10


async def test_every_figure_is_measured_on_beads_in_many_phases(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "hack"))
    from benchlib.bench import Bench
    from benchlib.growth_figures import CLAIMERS, Size, measured

    add_definitions(cluster)
    bench = Bench(cluster, tmp_path, beads=None, rounds=1)
    size = Size(BEADS, 0, FINISHED, turns=1, singly=3, claims=CLAIMERS, others=OTHERS)
    try:
        found = await measured(bench, size, seed=1)
        beads = cluster.get("beads", "-n", bench.made[0])["items"]
    finally:
        for name in bench.made:
            drop_namespace(cluster, name)
    phases = {bead["status"]["phase"] for bead in beads}
    assert {"Ready", "Blocked", "Held", "Succeeded", "Failed", "Cancelled"} <= phases
    assert len(beads) == BEADS + size.singly + OTHERS + 1
    assert len(found) >= 14
    assert min(found.values()) > 0
