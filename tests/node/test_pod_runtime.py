"""The pod runtime on a real node: the conformance suite, as tmux has it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import PODS, Kube, NotFound
from ringmaster_operator.resources.worker_runtime import PodSettings
from ringmaster_operator.runtimes.pod.manifest import INIT
from ringmaster_operator.runtimes.pod.output import LOG_BYTES
from ringmaster_operator.runtimes.pod.runtime import PodRuntime
from support.clusters import Cluster
from support.runtimes import NAMESPACE, until

pytest.register_assert_rewrite("unit.runtimes.conformance", "unit.runtimes.endings")
from unit.runtimes.conformance import RuntimeConformance  # noqa: E402

pytestmark = pytest.mark.node

NAMESPACES = (NAMESPACE, "play")
IMAGE = "localhost/ringmaster/worker:dev"
SETTINGS = PodSettings.check(
    {"image": IMAGE, "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "512Mi"}}}
)
STRANGER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": NAMESPACE},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "600"]}],
    },
}


class NodePlace:
    """A cluster of one node, whose processes are this machine's."""

    python = "python3"

    def __init__(self, kube: Kube, root: Path) -> None:
        self._kube = kube
        self._root = root
        self._tasks: list[asyncio.Task[None]] = []

    def runtime(self, *, log_bytes: int | None = None) -> PodRuntime:
        made = PodRuntime(
            kube=self._kube,
            clock=Clock(),
            state_directory=self._root,
            log_bytes=log_bytes or LOG_BYTES,
            start_seconds=90.0,
            plain=SETTINGS,
        )
        self._tasks.append(asyncio.create_task(made.run()))
        return made

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        body = {**STRANGER, "metadata": {"namespace": NAMESPACE, "name": name}}
        uid = (await self._kube.create(PODS, NAMESPACE, body))["metadata"]["uid"]

        async def lives() -> bool:
            found = await self._kube.get(PODS, NAMESPACE, name)
            return bool(found["metadata"]["uid"] == uid and found["status"]["phase"] == "Running")

        await until(lives, f"the stranger's pod {name} runs", 90)
        return lives

    async def command_lines(self) -> list[str]:
        """Without each pod's first process, which is the runtime's own and repeats the program's line."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if process.info["status"] != psutil.STATUS_ZOMBIE and words[:1] != [INIT[0]]:
                found.append(" ".join(words))
        return found

    async def lose(self, name: str) -> None:
        """As when the cluster gives a node up: the pod is gone, and none of ours asked for it."""
        await self._kube.delete(PODS, NAMESPACE, name, grace=1)
        await self._gone(NAMESPACE, name)

    async def clean(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for namespace in NAMESPACES:
            names = [pod["metadata"]["name"] async for pod in self._kube.list(PODS, namespace)]
            for name in names:
                await self._kube.delete(PODS, namespace, name, grace=1)
            await asyncio.gather(*(self._gone(namespace, name) for name in names))

    async def _gone(self, namespace: str, name: str) -> None:
        async def gone() -> bool:
            try:
                await self._kube.get(PODS, namespace, name)
            except NotFound:
                return True
            return False

        await until(gone, f"pod {name} is gone", 60)


@pytest.fixture(scope="module")
def node(image_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, with the namespaces that the suite speaks of."""
    for name in NAMESPACES:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        image_cluster.kubectl("apply", "-f-", stdin=json.dumps(body))
        image_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=150s")
    yield image_cluster
    for name in NAMESPACES:
        image_cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
async def place(node: Cluster) -> AsyncIterator[NodePlace]:
    kube = await Kube.connect(str(node.kubeconfig))
    with tempfile.TemporaryDirectory(prefix="rm-pods-") as root:
        made = NodePlace(kube, Path(root))
        try:
            yield made
        finally:
            await made.clean()
            await kube.close()


class TestPods(RuntimeConformance):
    """All of it, unchanged."""
