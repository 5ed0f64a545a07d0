"""Objects as users write them, as dicts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

API = "ringmaster.dev/v1alpha1"


def bead(name: str, **spec: Any) -> dict[str, Any]:
    """A Bead; labels=... goes into the metadata."""
    labels = spec.pop("labels", {})
    return {
        "apiVersion": API,
        "kind": "Bead",
        "metadata": {"name": name, "labels": labels},
        "spec": {"title": f"Do {name}"[:256], **spec},
    }


def worker(name: str, **spec: Any) -> dict[str, Any]:
    """A tmux Worker; without a tmux host that serves it, only its settings matter."""
    labels = spec.pop("labels", {})
    return {
        "apiVersion": API,
        "kind": "Worker",
        "metadata": {"name": name, "labels": labels},
        "spec": {"runtime": "Tmux", "replicas": 0, **spec},
    }


def account(worker_name: str) -> dict[str, Any]:
    """The service account of a Worker."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": f"ringmaster-worker-{worker_name}"},
    }


def listed(items: Iterable[dict[str, Any]]) -> str:
    """Many objects as one document for kubectl apply."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
