"""Pods of some labels (all sessions', say), kept in step by one watch: a look costs the API server nothing.

The watch asks for pods with our labels only, and a relist notices what vanished while nobody watched.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from ringmaster_operator.kube import PODS, Kube, KubeError
from ringmaster_operator.runtimes.pod.manifest import SELECTOR
from ringmaster_operator.runtimes.protocol import Key, RuntimeUnavailable

log = logging.getLogger(__name__)

Body = dict[str, Any]

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


class PodCache:
    """Pods by (namespace, name). gone is told of each that vanished, with its last known state.

    Run run() for as long as it is used.
    """

    def __init__(
        self, *, kube: Kube, namespace: str, gone: Callable[[Body], None], labels: str = SELECTOR
    ) -> None:
        self._kube = kube
        self._namespace = namespace or None
        self._labels = labels
        self._gone = gone
        self._pods: dict[Key, Body] = {}
        self._changed = asyncio.Event()
        self._listed = False
        self._trouble = ""

    async def run(self) -> None:
        """List and watch, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                version = await self._list()
                pause = FIRST_PAUSE
                await self._follow(version)
            except KubeError as error:
                self._trouble = f"pods cannot be watched: {error}"
                self._notify()
                log.warning("%s; again in %.0f s", self._trouble, pause)
                await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311
                pause = min(pause * 2, LONGEST_PAUSE)

    async def ready(self) -> None:
        """Until the pods are known. Raises RuntimeUnavailable when they cannot be."""
        while not self._listed:
            changed = self._changed
            if self._trouble:
                raise RuntimeUnavailable(self._trouble)
            await changed.wait()

    def get(self, key: Key) -> Body | None:
        return self._pods.get(key)

    def all(self) -> list[Body]:
        return [self._pods[key] for key in sorted(self._pods)]

    async def changed(self, seconds: float) -> bool:
        """Until something changes; False when nothing has for so long."""
        event = self._changed
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def until(self, check: Callable[[], bool], seconds: float) -> bool:
        """Until check() holds, which is asked at each change; whether it did in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not check():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await self.changed(left)
        return True

    def observe(self, pod: Body) -> None:
        """Take in a pod, by whatever way it came; older than known is ignored."""
        meta = pod["metadata"]
        key = (meta["namespace"], meta["name"])
        known = self._pods.get(key)
        if known is not None and known["metadata"]["uid"] != meta["uid"]:
            if _version(pod) < _version(known):
                return
            self._gone(known)
        elif known is not None and _version(pod) <= _version(known):
            return
        self._pods[key] = pod
        self._notify()

    def forget(self, pod: Body) -> None:
        """This very pod is no more."""
        meta = pod["metadata"]
        known = self._pods.get((meta["namespace"], meta["name"]))
        if known is not None and known["metadata"]["uid"] == meta["uid"]:
            del self._pods[meta["namespace"], meta["name"]]
            self._gone(pod if pod.get("status") else known)
            self._notify()

    async def _list(self) -> str:
        """All there are; returns the resourceVersion to watch from."""
        before = list(self._pods.values())
        query = {"labelSelector": self._labels, "limit": "500"}
        found: set[str] = set()
        while True:
            page = await self._kube.request("GET", PODS.path(self._namespace), query=query)
            for pod in page.get("items") or []:
                found.add(pod["metadata"]["uid"])
                self.observe(pod)
            if not (more := page["metadata"].get("continue")):
                break
            query["continue"] = more
        for pod in before:
            if pod["metadata"]["uid"] not in found:
                self.forget(pod)
        self._listed, self._trouble = True, ""
        self._notify()
        return str(page["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> None:
        """Watch from there for as long as the API server goes along; returns when a list is needed."""
        while True:
            async for event in self._kube.watch(PODS, self._namespace, labels=self._labels, version=version):
                pod = event["object"]
                if event["type"] == "ERROR":
                    return  # the version is too old: begin with a list
                version = pod["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self.forget(pod)
                elif event["type"] != "BOOKMARK":
                    self.observe(pod)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _version(pod: Body) -> int:
    return int(pod["metadata"]["resourceVersion"])
