"""`ringmaster doctor cluster` on a real API server, for its administrator and for somebody without rights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.clusters import KUBECTL

pytestmark = pytest.mark.cluster


def doctor(kubeconfig: Path) -> tuple[int, dict[str, str]]:
    """Exit code, and what was said of each thing."""
    env = {
        "PATH": f"{KUBECTL.parent}:{os.environ['PATH']}",
        "HOME": "/nowhere",
        "KUBECONFIG": str(kubeconfig),
    }
    command = [sys.executable, "-m", "ringmaster_cli", "doctor", "cluster"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in done.stdout.splitlines() if ":" in line]
    return done.returncode, {line[9:].partition(":")[0]: line[:8].strip() for line in lines}


def test_a_cluster_without_nodes_lacks_volumes_and_names(cluster: Any) -> None:
    code, found = doctor(cluster.kubeconfig)
    assert code == 9
    assert found == {
        "API server": "ok",
        "clock": "ok",
        "rights": "ok",
        "DNS": "warning",
        "storage class": "fault",
    }


def test_who_may_not_install_is_told(cluster: Any, namespace: str, tmp_path: Path) -> None:
    token = cluster.kubectl("create", "token", "default", "-n", namespace).strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    code, found = doctor(tmp_path / "config")
    assert (code, found["rights"]) == (9, "fault")


def test_no_server_is_one_clear_fault(tmp_path: Path) -> None:
    code, found = doctor(tmp_path / "nothing")
    assert (code, found) == (9, {"API server": "fault"})
