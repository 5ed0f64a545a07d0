"""Installing into a cluster as a person does: an overlay of one's own, and `ringmaster` on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import account
from support.clusters import KUBECTL, OwnCluster
from support.manifests import API
from support.renders import ROOT

DAILY = {"daily": {}, "destination": {"volumeClaim": "ringmaster-backups"}}
SCHEDULE = {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "history"}, "spec": DAILY}


def overlay(folder: Path, *, tree: Path = ROOT, **settings: str) -> str:
    """overlays/dev of a tree with a volume for backups, and settings of one's own."""
    folder.mkdir()
    place = Path(os.path.relpath(tree / "kustomize", folder))
    literals = [f"{name}={value}" for name, value in settings.items()]
    more = {"name": "ringmaster-settings", "namespace": account.NAMESPACE, "behavior": "merge"}
    own: dict[str, Any] = {
        "resources": [str(place / "overlays" / "dev")],
        "components": [str(place / "components" / "backup-volume")],
        "configMapGenerator": [{**more, "literals": literals}] if literals else [],
        "labels": [{"pairs": {"app.kubernetes.io/part-of": "ringmaster"}}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(own))
    return str(folder)


class Person:
    """Who has kubectl and ringmaster, and a kubeconfig."""

    def __init__(self, cluster: OwnCluster, *, tree: Path = ROOT) -> None:
        """tree: whose `ringmaster` it is."""
        self._env = {
            "PYTHONPATH": f"{tree}/cli:{tree}/operator",
            "PATH": f"{KUBECTL.parent}:{os.environ['PATH']}",
            "HOME": "/nowhere",
            "KUBECONFIG": str(cluster.kubeconfig),
        }

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code, and what was said."""
        command = [sys.executable, "-m", "ringmaster_cli", *words]
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=280, check=False
        )
        print(words, done.returncode, done.stdout, done.stderr, sep="\n")
        return done.returncode, done.stdout + done.stderr
