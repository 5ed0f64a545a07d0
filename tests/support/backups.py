"""BackupSchedules in tests: a namespace with some, and what a run reports."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from support.manifests import API
from support.operators import OperatorProcess

SECONDS = 120.0
HASH = "0" * 64


def schedule(**spec: Any) -> dict[str, Any]:
    """`nightly`: daily backups onto a volume, unless told otherwise."""
    spec = {"daily": {"schedule": "0 3 * * *"}, "destination": {"volumeClaim": "backups"}, **spec}
    return {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "nightly"}, "spec": spec}


class Scene:
    """A namespace with an operator, which may stand for one that runs as a pod of it."""

    def __init__(self, cluster: Any, namespace: str, operator: OperatorProcess) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.operator = operator

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        said: str = self.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin)
        return said

    def apply(self, body: dict[str, Any]) -> None:
        self.kubectl("apply", "-f-", stdin=json.dumps(body))

    def patch(self, spec: dict[str, Any], name: str = "nightly") -> None:
        self.kubectl("patch", "bks", name, "--type=merge", f"-p={json.dumps({'spec': spec})}")

    def names(self, kind: str) -> list[str]:
        return sorted(self.kubectl("get", kind, "-o=jsonpath={.items[*].metadata.name}").split())

    def status(self, name: str = "nightly") -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("bks", name, "-n", self.namespace).get("status", {})
        return found

    def reason(self, kind: str, name: str = "nightly") -> str:
        found = {item["type"]: item["reason"] for item in self.status(name).get("conditions", [])}
        return str(found.get(kind, ""))

    def until(self, check: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not check():
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}: {self.status()}"
            time.sleep(0.2)

    def end(self, pod: str, message: str, code: int = 0) -> None:
        end(self.cluster, self.namespace, pod, message, code)


def end(cluster: Any, namespace: str, pod: str, message: str, code: int = 0) -> None:
    """Say of a pod what a kubelet would, once its container has ended."""
    ended = {"exitCode": code, "message": message, "finishedAt": "2026-01-02T03:04:05Z"}
    state = {"name": "backup", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {"containerStatuses": [{**state, "state": {"terminated": ended}}]}
    body = json.dumps({"status": {"phase": "Failed" if code else "Succeeded", **status}})
    cluster.kubectl(
        "-n", namespace, "patch", "pod", pod, "--subresource=status", "--type=merge", f"-p={body}"
    )


def told(mode: str, **more: Any) -> str:
    """What a run reports."""
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    record = {"name": f"ringmaster_{mode}", "mode": mode, "time": now, "bytes": 7, "sha256": HASH}
    body = {"action": "backup", "succeeded": True, "mode": mode, "time": now, **more}
    if body["succeeded"]:
        body |= {"record": {**record, "verified": True}, "kept": {mode: 3}}
    return json.dumps(body)
