"""The operator as something to stop and start: a Deployment, a systemd unit, or a person's own affair."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import host_unit
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.kube import PODS, Kind, Kube, KubeError

T = TypeVar("T")
DEPLOYMENTS = Kind("Deployment", "deployments", "apps")
REPLICAS = "ringmaster.dev/replicas-before-restore"
"""Annotation with the number to come back to, so that a restore that died can be run again."""
STOP_SECONDS = 120.0
READY_SECONDS = 180.0
LOOK_SECONDS = 0.5


class Service(Protocol):
    """The operator."""

    name: str
    stops: str
    """What stopping is, for people."""
    starts: str
    """What starting is."""

    def check(self) -> None:
        """Raises BackupError when it is not there or may not be stopped."""

    def stop(self) -> None:
        """Stop it, and return when nothing of it runs. Raises BackupError."""

    def start(self) -> None:
        """Start it as it was, and return when it is ready. Raises BackupError."""


class Nobody:
    """The operator was stopped by hand, and is started by hand."""

    name = "the operator"
    stops = "make sure that nobody has the database open"
    starts = "done; start the operator yourself"

    def check(self) -> None:
        """Nothing to look for: the lock on the database tells."""

    def stop(self) -> None:
        """The same."""

    def start(self) -> None:
        """A person does."""


class Deployment:
    """The operator in a cluster."""

    def __init__(self, where: str, kubeconfig: str | None, *, ready_seconds: float = READY_SECONDS) -> None:
        namespace, slash, name = where.partition("/")
        if not (namespace and slash and name):
            raise UsageError(f"--deployment {where}: give NAMESPACE/NAME")
        self._key = (namespace, name)
        self._kubeconfig = kubeconfig
        self._ready_seconds = ready_seconds
        self.name = f"Deployment {where}"
        self.stops = f"stop {self.name}"
        self.starts = f"start {self.name} and wait until it is ready; else put back what was there"

    def check(self) -> None:
        self._call(lambda kube: kube.get(DEPLOYMENTS, *self._key))

    def stop(self) -> None:
        async def work(kube: Kube) -> None:
            body = await kube.get(DEPLOYMENTS, *self._key)
            replicas = int(body["spec"].get("replicas", 1))
            noted = body["metadata"].get("annotations", {}).get(REPLICAS)
            note = noted if noted and not replicas else str(replicas)
            patch: dict[str, Any] = {"metadata": {"annotations": {REPLICAS: note}}, "spec": {"replicas": 0}}
            await kube.patch(DEPLOYMENTS, *self._key, patch)
            labels = ",".join(
                f"{key}={value}" for key, value in body["spec"]["selector"]["matchLabels"].items()
            )
            await _until(
                lambda: _no_pods(kube, self._key[0], labels), STOP_SECONDS, f"{self.name} does not end"
            )

        self._call(work)

    def start(self) -> None:
        async def work(kube: Kube) -> None:
            body = await kube.get(DEPLOYMENTS, *self._key)
            noted = body["metadata"].get("annotations", {}).get(REPLICAS)
            if noted is None:
                return
            patch: dict[str, Any] = {"metadata": {"annotations": {REPLICAS: None}}}
            patch["spec"] = {"replicas": int(noted)}
            await kube.patch(DEPLOYMENTS, *self._key, patch)
            if int(noted):
                await _until(
                    lambda: _is_ready(kube, self._key),
                    self._ready_seconds,
                    f"{self.name} does not become ready",
                )

        self._call(work)

    def _call(self, work: Callable[[Kube], Coroutine[Any, Any, T]]) -> T:
        async def connected() -> T:
            kube = await Kube.connect(self._kubeconfig)
            try:
                return await work(kube)
            finally:
                await kube.close()

        try:
            return asyncio.run(connected())
        except KubeError as error:
            raise BackupError(f"{self.name}: {error}") from error


async def _no_pods(kube: Kube, namespace: str, labels: str) -> bool:
    async for _ in kube.list(PODS, namespace, labels=labels, metadata_only=True):
        return False
    return True


async def _is_ready(kube: Kube, key: tuple[str, str]) -> bool:
    """One that is ready is enough: of several operators only the leader is."""
    body = await kube.get(DEPLOYMENTS, *key)
    status = body.get("status", {})
    current = status.get("observedGeneration", 0) >= body["metadata"]["generation"]
    return bool(current and status.get("readyReplicas", 0) >= 1)


async def _until(holds: Callable[[], Coroutine[Any, Any, bool]], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise BackupError(f"{otherwise} within {seconds:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)


class Unit:
    """The operator under systemd."""

    def __init__(self, unit: str, url: str, *, ready_seconds: float = READY_SECONDS) -> None:
        self._unit = unit
        self._url = f"{url.rstrip('/')}/readyz"
        self._ready_seconds = ready_seconds
        self.name = f"unit {unit}"
        self.stops = f"stop {self.name}"
        self.starts = f"start {self.name} and wait until it is ready; else put back what was there"

    def check(self) -> None:
        host_unit.systemctl("cat", self._unit)

    def stop(self) -> None:
        host_unit.systemctl("stop", self._unit)

    def start(self) -> None:
        host_unit.systemctl("start", self._unit)
        deadline = time.monotonic() + self._ready_seconds
        while not self._answers():
            if time.monotonic() > deadline:
                raise BackupError(
                    f"{self.name} does not become ready within {self._ready_seconds:.0f} s ({self._url}); "
                    f"journalctl -u {self._unit} says why"
                )
            time.sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url, timeout=2) as answer:  # noqa: S310 - the operator's own URL
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
