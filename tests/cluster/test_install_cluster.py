"""What `ringmaster install cluster` refuses before it changes anything, on a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ringmaster_cli.install.cluster import Installation
from ringmaster_cli.install.kubectl import Kubectl
from support.clusters import KUBECTL, definitions
from support.renders import ROOT

pytestmark = pytest.mark.cluster


def test_definitions_that_lack_fields_are_told(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{KUBECTL.parent}", prepend=":")
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    plan = Installation(Kubectl(), ROOT / "kustomize" / "overlays" / "dev", image="", timeout=5)
    assert plan.lost(yaml.safe_dump_all(definitions().values())) == []

    older = json.loads(json.dumps(definitions()["beads.ringmaster.dev"]))
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del spec["title"], spec["acceptance"]["properties"]["verify"]
    spec["newer"] = {"type": "string"}
    found = plan.lost(yaml.safe_dump(older))
    assert {"Bead spec.title", "Bead spec.acceptance.verify"} <= set(found)
    assert all(path.startswith(("Bead spec.title", "Bead spec.acceptance.verify")) for path in found)
    assert plan.lost(yaml.safe_dump_all(definitions().values())) == [], "nothing was changed by looking"
