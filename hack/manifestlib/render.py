"""Renders kustomizations with the kustomize that kubectl carries."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from kubecluster import golang
from kubecluster.files import REPOSITORY, ClusterError

KUSTOMIZE = REPOSITORY / "kustomize"
GOLDENS = REPOSITORY / "tests" / "unit" / "kustomize" / "goldens"
RENDERED = {
    "dev": KUSTOMIZE / "overlays" / "dev",
    "prod": KUSTOMIZE / "overlays" / "prod",
    "prod-postgres": KUSTOMIZE / "overlays" / "prod-postgres",
    "project": KUSTOMIZE / "project",
    "restore": KUSTOMIZE / "restore",
    "tmux-host": KUSTOMIZE / "overlays" / "tmux-host",
}
HEAD = "# Written by hack/manifests; do not edit. The definitions of the kinds, as in crds/, are left out.\n"


def render(folder: Path) -> str:
    """The kustomization's objects as YAML. Raises ClusterError with kustomize's own words."""
    command = [str(golang.kubectl()), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{folder.relative_to(REPOSITORY)}: {done.stderr.strip()}")
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a render."""
    return [body for body in yaml.load_all(text, Loader=yaml.CSafeLoader) if body]


def golden(text: str) -> str:
    """What is kept of a render."""
    kept = [
        part for part in text.split("\n---\n") if "\nkind: CustomResourceDefinition\n" not in f"\n{part}\n"
    ]
    return HEAD + "\n---\n".join(kept).rstrip("\n") + "\n"
