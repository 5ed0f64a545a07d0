"""What a session is started with, in the same words for every runtime, and what all of them need for it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Protocol

from ringmaster_operator import metrics
from ringmaster_operator.kube import SERVICE_ACCOUNTS, Kube
from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.runtimes.pod.manifest import WORKER_LABEL
from ringmaster_operator.runtimes.protocol import SessionSpec
from ringmaster_operator.store import Key


class LaunchError(Exception):
    """No session can be started; reason is a CamelCase word, the text says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Launch(Protocol):
    """What all sessions of a Worker share."""

    @property
    def fingerprint(self) -> str:
        """Stands for everything whose change must replace a session."""
        ...

    def session(self, name: str) -> SessionSpec:
        """What the session of this name is."""
        ...


class Launcher(Protocol):
    """Makes Launches of Workers of one runtime."""

    resumable: bool
    """Whether a session that ended finds its bead again when it is started anew."""

    async def launch(self, worker: Worker) -> Launch:
        """Raises LaunchError, and KubeError when the API server does not answer."""
        ...

    async def token(self, worker: Worker) -> datetime | None:
        """See to what sessions prove with whose they are; when to do so again. Raises as launch() does."""
        ...

    def look_again(self, worker: Worker) -> bool:
        """Whether what a launch is made of can change without the Worker telling."""
        ...

    async def tidy(self, worker: Worker, name: str) -> str:
        """Clear up after a session that will not come back; what was said, if anything was to be done."""
        ...

    def forget(self, key: Key) -> None:
        """The Worker is gone."""
        ...


def owner_of(worker: Worker) -> dict[str, Any]:
    """The owner reference of what goes when the Worker does."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Worker",
        "name": worker.metadata.name,
        "uid": worker.metadata.uid,
        "controller": True,
    }


async def ensure_account(kube: Kube, worker: Worker) -> None:
    """The Worker's service account, which has no rights: its tokens only say whose session calls."""
    namespace, name = worker.key
    body = {
        "metadata": {
            "name": ACCOUNT_PREFIX + name,
            "labels": {WORKER_LABEL: name},
            "ownerReferences": [owner_of(worker)],
        },
        "automountServiceAccountToken": False,
    }
    metrics.api_writes.labels("ServiceAccount").inc()
    await kube.apply(SERVICE_ACCOUNTS, namespace, body)


def fingerprint(parts: object) -> str:
    """A word for whatever JSON can say."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
