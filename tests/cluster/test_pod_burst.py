"""A burst of beads that each get a fresh pod: the most urgent is served first, though it came last."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.kube import BEADS, PODS, Kube, NotFound
from support.manifests import bead
from support.operators import OperatorProcess, free_port
from support.pods import Pods, now
from support.sessions import Session

pytestmark = pytest.mark.cluster

BEADS_IN_ALL = 300 if os.environ.get("RINGMASTER_LONG") else 60
SIDE_BY_SIDE = BEADS_IN_ALL // 20


class Kubelet:
    """Starts pods in the order in which they were made, and does a bead in each, as `worker run --once`."""

    def __init__(self, kube: Kube, lab: Pods) -> None:
        self._kube = kube
        self._namespace = lab.namespace
        self._template = lab.session()
        self.made: list[str] = []
        """Uids of all pods, as they came."""
        self.served: dict[str, str] = {}
        """The pod of each bead."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while len(self.served) < BEADS_IN_ALL:
                listed = [pod async for pod in self._kube.list(PODS, self._namespace)]
                listed.sort(key=lambda pod: int(pod["metadata"]["resourceVersion"]))
                for pod in listed:
                    if pod["metadata"]["uid"] not in self.made:
                        self.made.append(pod["metadata"]["uid"])
                        group.create_task(self._pod(pod))
                await asyncio.sleep(0.2)

    async def _pod(self, pod: dict[str, Any]) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        await self._status(name, "Running", running={"startedAt": now()})
        session = Session(self._template.url, self._template.token, worker="w", name=name)
        claimed = await session.pull()
        if claimed is not None:
            self.served[claimed.bead.name] = uid
            assert (await session.report(claimed))[0] == 200
        await session.close()
        code = 3 if claimed is None else 0
        ended = {"exitCode": code, "startedAt": now(), "finishedAt": now()}
        await self._status(name, "Failed" if code else "Succeeded", terminated=ended)

    async def _status(self, name: str, phase: str, **state: Any) -> None:
        told = {"name": "worker", "state": state, "ready": False, "restartCount": 0}
        told |= {"image": "i", "imageID": ""}
        status = {"phase": phase, "containerStatuses": [told]}
        try:
            await self._kube.patch_status(PODS, self._namespace, name, status)
        except NotFound:
            return


@pytest.fixture
async def kube(cluster: Any) -> AsyncIterator[Kube]:
    made = await Kube.connect(str(cluster.kubeconfig))
    yield made
    await made.close()


async def test_the_last_and_most_urgent_of_a_burst_gets_one_of_the_first_pods(
    cluster: Any, namespace: str, kube: Kube, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"RINGMASTER_PODS": "true", "RINGMASTER_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path, settings=settings, port=port)
    operator.start()
    try:
        lab = Pods(cluster, operator.url, namespace)
        lab.apply(lab.worker(mode="Once", replicas=SIDE_BY_SIDE))
        lab.available("NoneWanted", status="True")
        for number in range(BEADS_IN_ALL - 1):
            await kube.create(BEADS, namespace, bead(f"b-{number}"))
        await kube.create(BEADS, namespace, bead("urgent", priority="P0"))
        async with asyncio.timeout(60):  # until the operator knows the last one
            while not (await kube.get(BEADS, namespace, "urgent")).get("status", {}).get("phase"):
                await asyncio.sleep(0.05)
        # A pod takes longer to come up than a burst takes: the first are made, and none runs yet.
        kubelet = Kubelet(kube, lab)
        await asyncio.wait_for(kubelet.run(), 600)
    finally:
        operator.stop()
        print(operator.tail())
    order = [uid for uid in kubelet.made if uid in kubelet.served.values()]
    assert len(set(kubelet.served.values())) == BEADS_IN_ALL, "a fresh pod for each bead"
    place = order.index(kubelet.served["urgent"])
    print(f"the urgent bead has pod {place + 1} of {len(order)}")
    assert place < BEADS_IN_ALL * 0.05
