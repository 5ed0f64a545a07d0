"""Applies Ringmaster's objects from files: kubectl can't apply them together with their own definitions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml

from ringmaster_operator.kinds import BACKUP_SCHEDULES, BEADS, WORKERS
from ringmaster_operator.kube import Kube, KubeUnavailable, NotFound

KINDS = {kind.name: kind for kind in (BEADS, WORKERS, BACKUP_SCHEDULES)}
MANAGER = "ringmaster-apply"
PATIENCE = 60
"""Seconds that the definitions may take to be served, and the API server to answer."""


class ApplyError(Exception):
    """A file can't be applied; the text says which and why."""


def read(folder: Path) -> list[dict[str, Any]]:
    """The objects of all .yaml files of a folder, by file name. Raises ApplyError."""
    found = []
    for file in sorted(folder.glob("*.yaml")):
        try:
            bodies = [body for body in yaml.safe_load_all(file.read_text(encoding="utf-8")) if body]
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise ApplyError(f"{file}: {error}") from error
        for body in bodies:
            if body.get("kind") not in KINDS or not body.get("metadata", {}).get("namespace"):
                raise ApplyError(f"{file}: only Beads, Workers and BackupSchedules, each with a namespace")
        found.extend(bodies)
    return found


async def apply(kube: Kube, bodies: list[dict[str, Any]]) -> list[str]:
    """Server-side apply, in order; returns what was applied. Raises KubeError."""
    end = asyncio.get_running_loop().time() + PATIENCE
    for body in bodies:
        while True:
            try:
                await kube.apply(KINDS[body["kind"]], body["metadata"]["namespace"], body, manager=MANAGER)
                break
            except (NotFound, KubeUnavailable):
                if asyncio.get_running_loop().time() > end:
                    raise
            await asyncio.sleep(1.0)
    return [f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}" for body in bodies]
