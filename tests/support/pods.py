"""Pods on an API server that has no node: the test is the kubelet, and says what becomes of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from support.manifests import listed, worker
from support.sessions import Session, token_of

SECONDS = 120.0
IMAGE = "registry.invalid/agent:1"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pods:
    """One namespace with Workers of runtime Pod."""

    def __init__(self, cluster: Any, url: str, namespace: str) -> None:
        self.cluster = cluster
        self.url = url
        self.namespace = namespace

    def apply(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-n", self.namespace, "-f-", stdin=listed(items))

    def worker(self, name: str = "w", **spec: Any) -> dict[str, Any]:
        pod = {"image": IMAGE, **spec.pop("pod", {})}
        return worker(name, **{"runtime": "Pod", "replicas": 1, "pod": pod, **spec})

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get(kind, name, "-n", self.namespace)
        return found

    def pods(self) -> dict[str, dict[str, Any]]:
        items = self.cluster.get("pods", "-n", self.namespace)["items"]
        return {item["metadata"]["name"]: item for item in items}

    def uid(self, name: str = "w-0") -> str:
        return str(self.pods().get(name, {}).get("metadata", {}).get("uid", ""))

    def appears(self, name: str = "w-0", *, other_than: str = "") -> str:
        """The uid of a pod of this name, and not of the one that was there before."""
        self.until(lambda: self.uid(name) not in ("", other_than), f"a fresh pod {name}")
        return self.uid(name)

    def status(self, name: str = "w-0", **status: Any) -> None:
        """What the kubelet says of it."""
        text = json.dumps({"status": status})
        where = ("-n", self.namespace, "--subresource=status", "--type=merge", f"-p={text}")
        self.cluster.kubectl("patch", f"pod/{name}", *where)

    def runs(self, name: str = "w-0") -> None:
        self.container(name, phase="Running", running={"startedAt": now()})

    def ends(self, name: str = "w-0", *, code: int, **more: Any) -> None:
        ended = {"exitCode": code, "startedAt": now(), "finishedAt": now(), **more}
        self.container(name, phase="Failed" if code else "Succeeded", terminated=ended)

    def container(self, name: str = "w-0", *, phase: str = "Pending", **state: Any) -> None:
        told = {"name": "worker", "state": state, "ready": "running" in state, "restartCount": 0}
        told |= {"image": IMAGE, "imageID": ""}
        self.status(name, phase=phase, containerStatuses=[told])

    def condition(self, kind: str = "Available", name: str = "w") -> dict[str, Any]:
        conditions = self.get("worker", name).get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == kind), {})

    def available(self, reason: str, *, status: str = "False") -> str:
        """Waits until Available says so; its message."""

        def told() -> bool:
            found = self.condition()
            return (found.get("status"), found.get("reason")) == (status, reason)

        self.until(told, f"Available is {status} for {reason}")
        return str(self.condition().get("message", ""))

    def events(self, about: str = "w") -> str:
        field = f"--field-selector=involvedObject.name={about}"
        shown = "-ojsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}"
        text: str = self.cluster.kubectl("get", "events", "-n", self.namespace, field, shown)
        return text

    def session(self, name: str = "w-0", *, of: str = "w") -> Session:
        """What would run in the pod, with a token as it would have."""
        return Session(self.url, token_of(self.cluster, self.namespace, of), worker=of, name=name)

    def until(self, check: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                worker_status = self.get("worker", "w").get("status", {})
                raise AssertionError(f"not within {seconds} s: {what}; {worker_status}; {list(self.pods())}")
            time.sleep(0.1)
