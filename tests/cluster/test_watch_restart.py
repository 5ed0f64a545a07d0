"""Many watchers, and an operator killed and started meanwhile: each ends with what the cluster has."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import accounts
from support.watch import Event, events

pytestmark = pytest.mark.cluster
WATCHERS = 20


@pytest.fixture
def own_operator(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    process.start()
    yield process
    process.stop()
    print(process.tail(100))


class Watcher:
    """Lists once, follows from there, lists again where it lost its place."""

    def __init__(self, url: str, token: str, namespace: str, client: httpx2.AsyncClient) -> None:
        self._base = f"{url}/api/v1/namespaces/{namespace}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._client = client
        self._last = ""
        self.versions: dict[str, int] = {}
        self.streams = 0
        """Those on which something came."""
        self.told: list[str] = []
        """When it was told to list: ready of a new stream, reset of one that goes on."""
        self.lists = 0
        """Those that came to their end."""
        self.broken = 0

    async def run(self) -> None:
        while True:
            try:
                headers = {**self._headers, **({"Last-Event-ID": self._last} if self._last else {})}
                url, first = f"{self._base}/watch", True
                async for event in events(self._client, url, params={"kinds": "beads"}, headers=headers):
                    self.streams += first
                    first = False
                    await self._take(event)
                    self._last = event.id or self._last
            except (httpx2.HTTPError, AssertionError):
                self.broken += 1
            await asyncio.sleep(0.1)

    async def _take(self, event: Event) -> None:
        if event.name in ("ready", "reset"):
            self.told.append(event.name)
            await self._list()
        elif event.name == "bead" and event.data["type"] == "DELETED":
            self.versions.pop(event.data["name"], None)
        elif event.name == "bead":
            name, version = event.data["name"], int(event.data["object"]["resourceVersion"])
            self.versions[name] = max(version, self.versions.get(name, 0))

    async def _list(self) -> None:
        self.versions, query = {}, {"limit": "7"}
        while True:
            answer = await self._client.get(f"{self._base}/beads", params=query, headers=self._headers)
            answer.raise_for_status()
            page = answer.json()
            self.versions |= {item["name"]: int(item["resourceVersion"]) for item in page["items"]}
            if "next" not in page:
                self.lists += 1
                return
            query["cursor"] = page["next"]


async def test_watchers_end_with_what_the_cluster_has(
    cluster: Any, namespace: str, own_operator: OperatorProcess, rng: random.Random
) -> None:
    token = accounts(cluster, namespace)["reader"]

    async def kubectl(*arguments: str, stdin: str | None = None) -> str:
        return str(await asyncio.to_thread(lambda: cluster.kubectl(*arguments, "-n", namespace, stdin=stdin)))

    async def shuffle(begin: int) -> None:
        names = [f"b{number}" for number in range(begin, begin + 15)]
        await kubectl("create", "-f-", stdin=listed([bead(name) for name in names]))
        for name in rng.sample(names, 4):
            await kubectl("patch", f"bead/{name}", "--type=merge", '-p={"spec":{"priority":"P0"}}')
        await kubectl("delete", "beads", *rng.sample(names, 4))

    async with httpx2.AsyncClient(timeout=30, limits=httpx2.Limits(max_connections=100)) as client:
        watchers = [Watcher(own_operator.url, token, namespace, client) for _ in range(WATCHERS)]
        tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
        try:
            await shuffle(0)
            async with asyncio.timeout(60):
                while not all(watcher.lists for watcher in watchers):
                    await asyncio.sleep(0.1)
            before = [len(watcher.told) for watcher in watchers]
            await asyncio.to_thread(own_operator.kill)
            await shuffle(100)
            await asyncio.to_thread(own_operator.start)
            await shuffle(200)
            async with asyncio.timeout(150):
                while True:
                    found = json.loads(await kubectl("get", "beads", "-o=json"))["items"]
                    truth = {
                        item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in found
                    }
                    if all(watcher.versions == truth for watcher in watchers):
                        break
                    await asyncio.sleep(0.3)
            assert len(truth) == 33
            for watcher, told in zip(watchers, before, strict=True):
                assert watcher.broken
                assert watcher.told[told] == "reset", "it hears that its place is kept no more"
                assert len(watcher.told) <= watcher.streams, "once a stream at most; it follows then"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
