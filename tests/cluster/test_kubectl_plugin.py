"""The CLI as kubectl's users expect a plugin to be: its flags, its forms of output, its completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manifests import bead, listed, worker

pytestmark = pytest.mark.cluster

_NOTHING: Mapping[str, str] = {}
PROGRAMS = Path(sys.executable).parent
COMPLETE = "from ringmaster_cli.main import complete; complete()"


@pytest.fixture
def project(cluster: Any, namespace: str) -> str:
    pods = worker("fleet", runtime="Pod", pod={"image": "agents:1"}, agent={"profile": "codex", "model": "m"})
    items = [worker("desk"), pods, bead("build"), bead("bake"), bead("test")]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))
    sessions = [{"name": f"desk-{n}", "state": "Idle"} for n in range(2)]
    patch = json.dumps({"status": {"sessions": sessions}})
    cluster.kubectl(
        "patch", "worker/desk", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch
    )
    return namespace


def run(*command: str, code: int = 0, env: Mapping[str, str] = _NOTHING) -> str:
    """What a program prints, without any kubeconfig but the one that it is given."""
    given = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": "/nowhere", **env}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


def test_it_is_a_plugin_of_kubectl(cluster: Any, project: str) -> None:
    config = {"KUBECONFIG": str(cluster.kubeconfig)}
    said = run("kubectl", "ringmaster", "worker", "list", "-n", project, env=config)
    assert [line.split()[0] for line in said.splitlines()][:2] == ["NAME", "desk"]


def test_flags_mean_what_they_mean_to_kubectl(cluster: Any, project: str, tmp_path: Path) -> None:
    command = ("ringmaster", "worker", "list", "-o", "name")
    wanted = "worker.ringmaster.dev/desk\nworker.ringmaster.dev/fleet\n"
    at = f"--kubeconfig={cluster.kubeconfig}"
    assert run(*command, at, "-n", project) == wanted
    assert "worker.ringmaster.dev/desk" in run(*command, at, "-A").splitlines()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    context = config["contexts"][0]
    mine = {"name": "mine", "context": {**context["context"], "namespace": project}}
    config["contexts"].append(mine)
    own = tmp_path / "config"
    own.write_text(json.dumps(config))
    assert run(*command, "--context", "mine", env={"KUBECONFIG": str(own)}) == wanted
    assert "no usable kubeconfig" in run(*command, "--context=other", code=2, env={"KUBECONFIG": str(own)})
    assert "no usable kubeconfig" in run(*command, "--kubeconfig=/nowhere/config", code=2)


def test_output_in_kubectls_forms(cluster: Any, project: str) -> None:
    command = ("ringmaster", "worker", "list", "-n", project, f"--kubeconfig={cluster.kubeconfig}")
    as_json = json.loads(run(*command, "-o", "json"))
    assert [item["metadata"]["name"] for item in as_json["items"]] == ["desk", "fleet"]
    assert yaml.safe_load(run(*command, "-oyaml")) == as_json
    assert json.loads(run(*command, "--json")) == as_json
    plain, wide = run(*command), run(*command, "--output=wide")
    assert "agents:1" not in plain
    assert ["fleet", "Pod", "codex", "0", "0", "0", "$0.0000", "m", "agents:1", "false"] in [
        line.split() for line in wide.splitlines()
    ]
    assert "one of json, yaml, name, wide" in run(*command, "-o", "xml", code=2)


def test_names_complete(cluster: Any, project: str) -> None:
    def complete(*words: str) -> list[str]:
        said = run(sys.executable, "-c", COMPLETE, *words, env={"KUBECONFIG": str(cluster.kubeconfig)})
        *found, directive = said.splitlines()
        assert directive == ":4"  # to the shell: these words, and no files
        return [line.split("\t")[0] for line in found]

    at = ("-n", project)
    assert complete("worker", "kill", *at, "") == ["desk", "fleet"]
    assert complete("worker", "kill", *at, "f") == ["fleet"]
    assert complete("worker", "attach", *at, "desk", "") == ["desk-0", "desk-1"]
    assert project in complete("worker", "list", "-n", "")
    assert complete("worker", "list", "-o", "y") == ["yaml"]
    assert "list" in complete("worker", "")
    assert complete("worker", "kill", "--kubeconfig=/nowhere", "") == []
    assert complete("explain", *at, "b") == ["bake", "build"]


def test_completion_of_a_shell_by_itself() -> None:
    env = {"_RINGMASTER_COMPLETE": "complete_bash", "COMP_WORDS": "ringmaster work", "COMP_CWORD": "1"}
    assert run("ringmaster", env=env).split() == ["worker"]
