"""The operator's own account on a cluster, as kustomize/ gives it, and what it did by the audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from support import renders

NAMESPACE = "ringmaster-system"
USER = f"system:serviceaccount:{NAMESPACE}:ringmaster-operator"
RIGHTS = ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
Right = tuple[str, str, str]
"""(group, resource, verb), as a rule says it."""


def install(cluster: Any, *names: str, kinds: tuple[str, ...] = RIGHTS) -> None:
    """Apply what these renders have of some kinds."""
    wanted = [body for name in names for body in renders.objects(name) if body["kind"] in kinds]
    text = yaml.safe_dump_all(wanted)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)


def kubeconfig(cluster: Any, file: Path) -> Path:
    """A kubeconfig of the operator's account and nobody else."""
    made: str = cluster.kubectl("create", "token", "ringmaster-operator", "-n", NAMESPACE, "--duration=2h")
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": user["name"], "user": {"token": made.strip()}} for user in config["users"]]
    file.write_text(json.dumps(config), encoding="utf-8")
    file.chmod(0o600)
    return file


def calls(cluster: Any, *, since: int = 0) -> list[dict[str, Any]]:
    """The account's requests for objects, from the audit log."""
    entries = cluster.audit(since=since)
    return [entry for entry in entries if entry["user"]["username"] == USER and "objectRef" in entry]


def used(entries: list[dict[str, Any]]) -> set[Right]:
    """The rights that requests needed."""
    found = set()
    for entry in entries:
        ref = entry["objectRef"]
        resource = "/".join(part for part in (ref["resource"], ref.get("subresource")) if part)
        found.add((ref.get("apiGroup", ""), resource, entry["verb"]))
        if entry["verb"] == "patch" and entry["responseStatus"]["code"] == 201:
            found.add((ref.get("apiGroup", ""), resource, "create"))  # server-side apply of a new object
    return found


def refused(entries: list[dict[str, Any]]) -> list[str]:
    """The requests that the account had no right to."""
    return sorted(
        {
            f"{entry['verb']} {entry['requestURI'].partition('?')[0]}"
            for entry in entries
            if entry["responseStatus"]["code"] in (401, 403)
        }
    )
