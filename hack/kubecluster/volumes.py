"""Volumes that a node has ready: folders of the cluster's own, for claims that name no storage class.

Nothing makes volumes on such a node; a handful that are there from the start serve installs and tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLASS = "standard"
COUNT = 8
SIZE = "10Gi"


def make(folder: Path) -> None:
    """The folders, which any pod's user may write to."""
    for place in _places(folder):
        place.mkdir(parents=True)
        place.chmod(0o777)  # what runs in a pod has another user than this machine's


def manifest(folder: Path) -> str:
    """The default storage class, and a PersistentVolume for each folder."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": default},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    items = [storage_class, *(_volume(place) for place in _places(folder))]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _volume(place: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": place.name},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(place)},
        },
    }


def _places(folder: Path) -> list[Path]:
    return [folder / "volumes" / f"volume-{number}" for number in range(COUNT)]
