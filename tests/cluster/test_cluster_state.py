"""Filling the store without any watch: the first list, and the sweep that mends what a watch lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.cluster_state import ClusterState
from ringmaster_operator.events import Events
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.store import Store
from support.manifests import bead, listed

pytestmark = pytest.mark.cluster


@pytest.fixture
async def state(cluster: Any, namespace: str, tmp_path: Path) -> AsyncIterator[tuple[ClusterState, Store]]:
    kube = await Kube.connect(str(cluster.kubeconfig))
    history = await History.open(f"sqlite:///{tmp_path}/history.db")
    store = Store()
    yield (
        ClusterState(
            kube=kube,
            store=store,
            board=Board(),
            namespace=namespace,
            events=Events(kube, history, Clock()),
            changed=lambda: None,
        ),
        store,
    )
    await history.close()
    await kube.close()


async def test_the_first_list_brings_all_pages(
    cluster: Any, namespace: str, state: tuple[ClusterState, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringmaster_operator.kube.PAGE", 3)
    names = {f"b{number}" for number in range(8)}
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(bead(name) for name in names))
    filler, store = state
    await filler.fill()
    assert {item.metadata.name for item in store.beads()} == names
    assert filler.trouble == ""


async def test_a_sweep_drops_ghosts_and_fetches_what_is_newer(
    cluster: Any, namespace: str, state: tuple[ClusterState, Store]
) -> None:
    def kubectl(*arguments: str, stdin: str | None = None) -> None:
        cluster.kubectl(*arguments, "-n", namespace, stdin=stdin)

    kubectl("create", "-f-", stdin=listed([bead("ghost"), bead("old"), bead("same")]))
    filler, store = state
    await filler.fill()
    kubectl("delete", "bead/ghost")
    kubectl("patch", "bead/old", "--type=merge", '-p={"spec":{"priority":"P0"}}')
    kubectl("create", "-f-", stdin=listed([bead("young")]))
    sweeping = asyncio.create_task(filler.sweep(0.05))

    def healed() -> bool:
        old = store.bead((namespace, "old"))
        names = {item.metadata.name for item in store.beads()}
        return names == {"old", "same", "young"} and old is not None and old.spec.priority == "P0"

    await becomes(healed, sweeping)
    kubectl("delete", "beads", "--all")
    await becomes(lambda: not list(store.beads()), sweeping)
    sweeping.cancel()


@pytest.mark.parametrize("few", [0, 100])
async def test_a_watch_that_begins_is_told_what_changed_before(
    cluster: Any,
    namespace: str,
    state: tuple[ClusterState, Store],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr("ringmaster_operator.cluster_state.FEW", few)  # listed again, or fetched one by one
    filler, store = state
    await filler.fill()
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("a"), bead("b")]))
    sweeping = asyncio.create_task(filler.catch_up())
    await asyncio.sleep(0)
    assert not list(store.beads())
    filler.began("beads")
    await becomes(lambda: {item.metadata.name for item in store.beads()} == {"a", "b"}, sweeping)
    sweeping.cancel()


async def becomes(condition: Callable[[], bool], sweeping: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            assert not sweeping.done(), sweeping.exception()
            await asyncio.sleep(0.05)
