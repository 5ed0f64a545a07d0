"""The components that put a follower of the history beside the operator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.renders import ROOT

from .test_kustomize_renders import HARDENED


def rendered(folder: Path, *components: str) -> list[dict[str, Any]]:
    from manifestlib import render

    top = Path(os.path.relpath(ROOT / "kustomize", folder.resolve()))
    body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [str(top / "base")],
        "components": [str(top / "components" / name) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(body))
    return render.objects(render.render(folder))


@pytest.mark.parametrize("name", ["continuous-backup", "continuous-backup-s3"])
def test_a_sidecar_that_ends_after_the_operator(tmp_path: Path, name: str) -> None:
    found = rendered(tmp_path, "backup-volume", name)
    (deployment,) = [body for body in found if body["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["args"] == ["ringmaster", "backup", "follow"]
    assert sidecar["securityContext"] == HARDENED
    assert sidecar["image"] == pod["containers"][0]["image"]
    mounted = {mount["name"] for mount in sidecar["volumeMounts"]}
    in_bucket = name.endswith("s3")
    assert mounted == {"history", "tmp"} | (set() if in_bucket else {"backups"})
    assert mounted <= {volume["name"] for volume in pod["volumes"]}
    assert ("backups" in {volume["name"] for volume in pod["volumes"]}) is not in_bucket
    secrets = [item["secretRef"]["name"] for item in sidecar["envFrom"] if "secretRef" in item]
    assert secrets == (["backup-bucket"] if in_bucket else [])
