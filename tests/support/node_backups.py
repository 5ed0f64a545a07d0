"""An installation on a real node: its history, its backups, and restores by kustomize/restore."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import account, images
from support.clusters import OwnCluster
from support.manifests import API, worker
from support.renders import ROOT
from support.station import scenario, steps

SECONDS = 600.0
RESTORE = "ringmaster-restore"
RESTORING = ROOT / "kustomize" / "restore"
ATTEMPTS = "select bead, kind from attempt order by bead"
DONE = scenario(steps({"run": "sleep 4"}, {"done": "so"}))
#: What a report says of such a bead: nothing judges it but its agent.
WELL = "likely_success"
READ = """\
import json, sqlite3, sys
print(json.dumps(sqlite3.connect("/var/lib/ringmaster/ringmaster.db").execute(sys.argv[1]).fetchall()))
"""


def schedule(**spec: Any) -> str:
    """`history`, every minute unless told otherwise."""
    spec = {"hourly": {"schedule": "* * * * *"}, "compression": "zstd", **spec}
    return json.dumps(
        {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "history"}, "spec": spec}
    )


def fleet(replicas: int) -> dict[str, Any]:
    """A Worker whose pods play what beads describe."""
    agent = {"profile": "claude-code", "command": ["/usr/local/bin/scripted-agent"]}
    return worker("fleet", runtime="Pod", replicas=replicas, agent=agent, pod={"image": images.AGENT})


class Scene:
    """An overlay on a node of its own, and a project of some namespace."""

    def __init__(self, cluster: OwnCluster, project: str) -> None:
        self.cluster = cluster
        self.namespace = project

    def system(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", account.NAMESPACE, *arguments, stdin=stdin)

    def project(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("bks", "history", "-n", account.NAMESPACE).get("status", {})
        return found

    def phases(self) -> dict[str, str]:
        items = self.cluster.get("beads", "-n", self.namespace)["items"]
        return {item["metadata"]["name"]: item.get("status", {}).get("phase", "") for item in items}

    def until(self, check: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                state = self.cluster.kubectl("get", "pods,jobs,workers,beads,bks", "-A")
                raise AssertionError(f"not within {seconds} s: {what}\n{state}\n{self.status()}")
            time.sleep(0.5)

    def ready(self) -> None:
        wait = ("wait", "--for=condition=Available", "--timeout=120s", "deployment/ringmaster-operator")
        self.system(*wait)

    def done(self) -> set[str]:
        return {name for name, phase in self.phases().items() if phase == "Succeeded"}

    def back_up(self, trigger: str) -> None:
        patch = json.dumps({"spec": {"trigger": trigger}})
        self.system("patch", "bks/history", "--type=merge", f"-p={patch}")
        self.until(lambda: self.status().get("lastTrigger") == trigger, f"the backup {trigger}")

    def suspend(self) -> None:
        """No backup is made, nor being made."""
        self.system("patch", "bks/history", "--type=merge", '-p={"spec":{"suspend":true}}')
        flags = ("get", "cronjobs", "-o=jsonpath={.items[*].spec.suspend}")
        self.until(lambda: "false" not in self.system(*flags), "suspended")
        active = ("get", "jobs", "-o=jsonpath={.items[*].status.active}")
        self.until(lambda: not self.system(*active).strip(), "the last one has ended")

    def ask(self, query: str) -> list[list[Any]]:
        """Rows of the history, read beside the running operator."""
        inside = ("exec", "deploy/ringmaster-operator", "--", "/opt/ringmaster/bin/python")
        rows: list[list[Any]] = json.loads(self.system(*inside, "-c", READ, query))
        return rows

    def restore(self, folder: Path, *, well: bool = True) -> str:
        """What the pod of a kustomization on kustomize/restore said, which is then taken off again."""
        self.cluster.kubectl("apply", "-k", str(folder))
        return self.ends(folder, well=well)

    def ends(self, folder: Path, *, well: bool) -> str:
        phase = ("get", "pod", RESTORE, "-o=jsonpath={.status.phase}")
        self.until(lambda: self.system(*phase) in ("Succeeded", "Failed"), "the restore ends")
        said = self.system("logs", RESTORE)
        print(said)
        assert (self.system(*phase) == "Succeeded") == well, said
        self.cluster.kubectl("delete", "-k", str(folder), "--timeout=60s")
        return said

    def replicas(self) -> str:
        return self.system("get", "deployment/ringmaster-operator", "-o=jsonpath={.spec.replicas}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """The operator's pod does not go while this lasts: the restore waits for that."""
        operator = self.system(
            "get", "pod", "-l=app.kubernetes.io/name=ringmaster-operator", "-o=name"
        ).strip()
        hold = '-p={"metadata":{"finalizers":%s}}'
        self.system("patch", operator, "--type=merge", hold % '["ringmaster.dev/held-by-a-test"]')
        try:
            yield
        finally:
            self.system("patch", operator, "--type=merge", hold % "null")
