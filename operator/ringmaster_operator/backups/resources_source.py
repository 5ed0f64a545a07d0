"""The custom resources and the settings of projects, as YAML. Secrets are never read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml

from ringmaster_operator.backups.errors import BackupError, NoResources
from ringmaster_operator.kube import (
    BACKUP_SCHEDULES,
    BEADS,
    CONFIG_MAPS,
    WORKERS,
    Forbidden,
    Kube,
    KubeError,
    NotFound,
)
from ringmaster_operator.resources.project import CONFIG_MAP, PROFILE_LABEL

KINDS = {kind.name: kind for kind in (CONFIG_MAPS, WORKERS, BACKUP_SCHEDULES, BEADS)}
"""In the order in which they are made again: settings, then who works, then the work."""


def save(into: Path, *, namespace: str, kubeconfig: str | None) -> dict[str, int]:
    """Write all objects, of one namespace or of all when it is empty; the objects per kind.

    Raises NoResources when the cluster does not answer or may not be read.
    """

    async def work() -> dict[str, int]:
        kube = await Kube.connect(kubeconfig)
        try:
            counts = dict.fromkeys(KINDS, 0)
            with into.open("x", encoding="utf-8") as file:
                async for body in _objects(kube, namespace or None):
                    file.write("---\n")
                    yaml.dump(body, file, Dumper=yaml.CSafeDumper, sort_keys=False)
                    counts[body["kind"]] += 1
            return counts
        finally:
            await kube.close()

    try:
        return asyncio.run(work())
    except Forbidden as error:
        raise NoResources(
            f"the resources may not be read: {error}; --no-resources leaves them out"
        ) from error
    except KubeError as error:
        raise NoResources(f"the resources cannot be read: {error}; --no-resources leaves them out") from error


async def _objects(kube: Kube, namespace: str | None) -> AsyncIterator[dict[str, Any]]:
    try:
        query = {"fieldSelector": f"metadata.name={CONFIG_MAP}"}
        found = await kube.request("GET", CONFIG_MAPS.path(namespace), query=query)
        for body in found.get("items") or []:
            yield _lean({"apiVersion": "v1", "kind": "ConfigMap", **body})
        async for body in kube.list(CONFIG_MAPS, namespace, labels=PROFILE_LABEL):
            if body["metadata"]["name"] != CONFIG_MAP:
                yield _lean(body)
        for kind in (WORKERS, BACKUP_SCHEDULES, BEADS):
            async for body in kube.list(kind, namespace):
                yield _lean(body)
    except NotFound as error:
        raise NoResources(
            "the cluster does not know Ringmaster's kinds; --no-resources leaves them out"
        ) from error


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    body["metadata"].pop("managedFields", None)
    return {"apiVersion": body.pop("apiVersion"), "kind": body.pop("kind"), **body}


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects of an unpacked file. Raises BackupError."""
    try:
        with path.open(encoding="utf-8") as file:
            return [body for body in yaml.load_all(file, Loader=yaml.CSafeLoader) if body]
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BackupError(f"the resources cannot be read: {error}") from error


def count(path: Path) -> dict[str, int]:
    """Objects per kind, counted without building them."""
    counts = dict.fromkeys(KINDS, 0)
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("kind: "):
                kind = line.removeprefix("kind: ").strip()
                counts[kind] = counts.get(kind, 0) + 1
    return counts
