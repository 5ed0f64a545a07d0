"""Ringmaster into a cluster: an overlay applied, with a backup before an upgrade and a way back after it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Refused, UsageError
from ringmaster_cli.install import data
from ringmaster_cli.install.kubectl import Kubectl

SYSTEM = "ringmaster-system"
OPERATOR = "ringmaster-operator"
IMAGES = ("localhost/ringmaster/operator", "registry.example.com/ringmaster/operator")
LOOK_SECONDS = 1.0
BACKUP_SECONDS = 3600.0


def overlay(name: str) -> Path:
    """The folder of an overlay, by name or by path. Raises UsageError."""
    for place in (Path(name), data.folder("kustomize") / "overlays" / name):
        if (place / "kustomization.yaml").is_file():
            return place.resolve()
    shipped = sorted(item.name for item in (data.folder("kustomize") / "overlays").iterdir())
    raise UsageError(f"there is no overlay {name}: name a folder, or one of {', '.join(shipped)}")


class Installation:
    """One installation in one cluster; each step is fine with being done again."""

    def __init__(self, kubectl: Kubectl, folder: Path, *, image: str, timeout: float) -> None:
        """timeout: seconds that the operator gets to be ready."""
        self._kubectl = kubectl
        self._folder = folder
        self._image = image
        self._timeout = timeout
        self.before = kubectl.find("deployment", OPERATOR, SYSTEM)

    def rendered(self) -> str:
        """What is applied, as YAML. Raises CliError."""
        if not self._image:
            return self._kubectl("kustomize", str(self._folder))
        with tempfile.TemporaryDirectory(prefix="ringmaster-install-") as there:
            name, _, digest = self._image.partition("@")
            repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
            new = {"newName": repository} | ({"digest": digest} if digest else {"newTag": tag or "latest"})
            own = {
                "resources": [os.path.relpath(self._folder, Path(there).resolve())],
                "images": [{"name": known, **new} for known in IMAGES],
            }
            Path(there, "kustomization.yaml").write_text(json.dumps(own), encoding="utf-8")
            return self._kubectl("kustomize", there)

    def changes(self, text: str) -> bool:
        """Whether applying it would change anything. Raises CliError."""
        done = self._kubectl.tried_with(text, "diff", "--server-side", "--force-conflicts", "--filename=-")
        if done.returncode > 1:
            return True  # kinds that are not there yet cannot be compared
        return done.returncode == 1

    def back_up(self) -> str:
        """Have a backup made by a BackupSchedule; its name. Raises Refused where there is none."""
        items = self._kubectl.json("get", "backupschedules.ringmaster.dev", "-n", SYSTEM)["items"]
        if not items:
            raise Refused(
                f"no BackupSchedule in {SYSTEM} could save the history before the upgrade: make one,"
                " or say --without-backup"
            )
        name = items[0]["metadata"]["name"]
        trigger = f"before the upgrade of {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        change = json.dumps({"spec": {"trigger": trigger}})
        self._kubectl("patch", "backupschedule", name, "-n", SYSTEM, "--type=merge", f"--patch={change}")

        def status() -> dict[str, Any]:
            found = self._kubectl.find("backupschedules.ringmaster.dev", name, SYSTEM) or {}
            return dict(found.get("status", {}))

        def done() -> bool:
            return status().get("lastTrigger") == trigger

        if not _until(done, BACKUP_SECONDS, f"BackupSchedule {name} makes a backup"):
            raise Refused(f"the backup by BackupSchedule {name} is not done after {BACKUP_SECONDS:.0f} s")
        made, failed = status().get("lastSuccess"), status().get("lastFailure")
        if made is None or (failed and failed["time"] > made["time"]):
            raise Refused(f"the backup failed: {(failed or {}).get('message', 'no reason given')}")
        return str(made["name"])

    def lost(self, text: str) -> list[str]:
        """Fields of the cluster's definitions that these lack: objects would lose them. Raises CliError."""
        words = ("--server-side", "--force-conflicts", "--dry-run=server", "--output=json", "--filename=-")
        done = self._kubectl.tried_with(text, "apply", *words)
        if done.returncode:
            return []  # applying it says why
        found = json.loads(done.stdout)
        lost = []
        for item in found.get("items", [found]):
            if item["kind"] == "CustomResourceDefinition":
                name = item["metadata"]["name"]
                there = self._kubectl.find("customresourcedefinition", name, SYSTEM) or {}
                gone = _fields(there) - _fields(item)
                lost += [f"{item['spec']['names']['kind']} {path}" for path in sorted(gone)]
        return lost

    def apply(self, text: str) -> None:
        """Apply it. Raises CliError."""
        self._kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)

    def ready(self) -> bool:
        """Whether the operator of the new spec gets ready in time."""
        return _until(self._is_ready, self._timeout, "the operator starts")

    def _is_ready(self) -> bool:
        found = self._kubectl.find("deployment", OPERATOR, SYSTEM) or {}
        status = found.get("status", {})
        total, fresh = status.get("replicas", 0), status.get("updatedReplicas", 0)
        seen = status.get("observedGeneration") == found.get("metadata", {}).get("generation")
        return bool(seen and total == fresh and status.get("readyReplicas", 0) >= 1)

    def why(self) -> str:
        """What the newest pod of the operator says."""
        where = ("-n", SYSTEM, "-l", f"app.kubernetes.io/name={OPERATOR}")
        pods = self._kubectl.json("get", "pods", *where)["items"]
        words = []
        for pod in pods:
            status = pod["status"]
            for item in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
                waiting = item.get("state", {}).get("waiting", {})
                if waiting.get("message"):
                    words.append(f"{waiting.get('reason', '')}: {waiting['message']}"[:300])
        said = self._kubectl.tried("logs", *where, "--tail=1").stdout.strip()
        return "; ".join([*words, *([said] if said else [])]) or "its pods say nothing"

    def back(self) -> bool:
        """Put the former operator back; whether it got ready."""
        self._kubectl("rollout", "undo", f"deployment/{OPERATOR}", "-n", SYSTEM)
        return self.ready()


def install(plan: Installation, *, backup: bool) -> None:
    """Apply, wait, and go back where the new operator does not get ready. Raises CliError."""
    text = plan.rendered()
    fresh = plan.before is None
    if not fresh and not plan.changes(text):
        if plan.ready():
            output.note("nothing to change: this version is installed, and ready")
            return
        raise CliError(f"this version is installed, and its operator is not ready: {plan.why()}")
    if not fresh and (lost := plan.lost(text)):
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise Refused(
            f"nothing was changed: this is older than what is installed, its definitions lack {lost[0]}"
            f"{more}, and objects would lose that"
        )
    saved = plan.back_up() if not fresh and backup else ""
    if saved:
        output.note(f"backed up as {saved}")
    plan.apply(text)
    if plan.ready():
        output.note("Ringmaster is installed, and its operator is ready")
        return
    raise _failed(plan, saved)


def _failed(plan: Installation, saved: str) -> CliError:
    """What to say of an operator that does not get ready, once the former one is back where there was one."""
    reason = plan.why()
    if plan.before is None:
        return CliError(f"the operator does not get ready: {reason}", exit=Exit.FAULTS)
    if plan.back():
        return CliError(f"the former operator is back, since the new one did not get ready: {reason}")
    restore = data.folder("kustomize") / "restore"
    return CliError(
        f"neither the new nor the former operator gets ready: {reason}; the former one is in place. Where the"
        f" new one has upgraded the history, put back {saved or 'the backup of before'} by a pod with the"
        f" former image: kubectl apply -k {restore}, as docs/backup-schedules.md tells"
    )


def _fields(definition: dict[str, Any]) -> set[str]:
    """The paths of all fields that a definition has."""
    found: set[str] = set()

    def walk(schema: dict[str, Any], path: str) -> None:
        for name, part in schema.get("properties", {}).items():
            found.add(inner := f"{path}.{name}" if path else name)
            walk(part, inner)
        for name in ("items", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                walk(schema[name], f"{path}[]")

    for version in definition.get("spec", {}).get("versions", []):
        walk(version.get("schema", {}).get("openAPIV3Schema", {}), "")
    return found


def _until(done: Callable[[], bool], seconds: float, what: str) -> bool:
    end, tell = time.monotonic() + seconds, time.monotonic() + 2
    while not done():
        now = time.monotonic()
        if now > end:
            return False
        if now > tell:
            output.note(f"{what} ...")
            tell = end
        time.sleep(LOOK_SECONDS)
    return True
