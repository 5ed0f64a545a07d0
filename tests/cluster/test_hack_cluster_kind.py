"""hack/cluster where a machine has kind: which provider it takes, and what it asks of kind and docker.

Stand-ins write down how they were called. They show the calls, not that a node of kind really starts: that
needs a container engine.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HACK_CLUSTER = Path(__file__).resolve().parent.parent.parent / "hack" / "cluster"
STAND_IN = """\
#!/bin/sh
echo "{name} $*" >> "{calls}"
case "$*" in
  *"create cluster"*) [ -e "{calls}.broken" ] && exit 1; while [ $# -gt 1 ]; do
    [ "$1" = --kubeconfig ] && echo made-by-kind > "$2"; shift; done ;;
  *pgrep*) echo 42 ;;
esac
exit {code}
"""


@dataclass(frozen=True)
class Machine:
    """A PATH with stand-ins first, and a state folder."""

    folder: Path

    def has(self, name: str, *, code: int = 0) -> None:
        program = self.folder / name
        program.write_text(STAND_IN.format(name=name, calls=self.folder / "calls", code=code))
        program.chmod(0o755)

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        path = f"{self.folder}:{os.environ['PATH']}"
        environment = {**kept, "XDG_STATE_HOME": str(self.folder / "state"), "PATH": path}
        command = [str(HACK_CLUSTER), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done

    def calls(self) -> list[str]:
        """What was asked since the last time, without the waits and their like."""
        lines = (self.folder / "calls").read_text().splitlines()
        (self.folder / "calls").write_text("")
        return lines

    @property
    def cluster(self) -> Path:
        return self.folder / "state" / "ringmaster" / "clusters" / "a"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.has("kind")
    made.has("docker")
    return made


def test_a_cluster_is_made_used_and_deleted_under_a_name_of_its_own(machine: Machine) -> None:
    machine.run("up", "--name", "a")
    assert (machine.cluster / "kubeconfig").read_text() == "made-by-kind\n"
    creations = [call for call in machine.calls() if call.startswith("kind create")]
    assert len(creations) == 1
    assert "--name ringmaster-a " in creations[0]

    status = json.loads(machine.run("status", "--json", "--name", "a").stdout)
    assert (status["provider"], status["level"], status["ready"]) == ("kind", "node", True)
    assert status["parts"]["etcd"] == 42

    machine.calls()
    machine.run("up", "--name", "a")
    assert not [call for call in machine.calls() if call.startswith("kind create")]

    machine.run("kill", "apiserver", "--name", "a")
    assert machine.calls() == ["docker exec ringmaster-a-control-plane pkill -KILL -x kube-apiserver"]

    machine.run("down", "--name", "a")
    assert [call.split(" --kubeconfig")[0] for call in machine.calls()] == [
        "kind delete cluster --name ringmaster-a"
    ]
    assert not machine.cluster.exists()


def test_images_are_loaded_onto_its_node(machine: Machine) -> None:
    machine.run("up", "--name", "a", "--level", "node")
    machine.calls()
    archive = machine.folder / "image.tar"
    archive.touch()
    machine.run("load", "--name", "a", str(archive))
    assert machine.calls() == [f"kind load image-archive {archive} --name ringmaster-a"]
    assert "there is no image archive" in machine.run("load", "--name", "a", "missing.tar", code=1).stderr


def test_its_nodes_write_the_audit_log_that_status_names(machine: Machine) -> None:
    machine.run("up", "--name", "a")
    node = json.loads((machine.cluster / "kind.json").read_text())["nodes"][0]
    mounts = {mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]}
    server = json.loads(node["kubeadmConfigPatches"][0])["apiServer"]
    log = server["extraArgs"]["audit-log-path"]
    inside = next(path for path in mounts if log.startswith(path + "/"))
    told = json.loads(machine.run("status", "--json", "--name", "a").stdout)["auditLog"]
    assert told == mounts[inside] + log.removeprefix(inside)
    assert Path(mounts[server["extraArgs"]["audit-policy-file"]]).is_file()
    assert {volume["hostPath"] for volume in server["extraVolumes"]} == set(mounts)


def test_a_failed_creation_is_cleaned_up_and_the_next_one_starts_afresh(machine: Machine) -> None:
    (machine.folder / "calls.broken").touch()
    assert "failed" in machine.run("up", "--name", "a", code=1).stderr
    assert machine.calls()[-1].startswith("kind delete cluster --name ringmaster-a")
    assert machine.run("list").stdout.strip() == ""

    (machine.folder / "calls.broken").unlink()
    machine.run("up", "--name", "a")
    assert machine.run("list").stdout.strip() == "a"


@pytest.mark.cluster
def test_a_docker_client_without_an_engine_is_not_enough(machine: Machine) -> None:
    machine.has("docker", code=1)
    try:
        machine.run("up", "--name", "a")
        assert json.loads(machine.run("status", "--json", "--name", "a").stdout)["provider"] == "built"
        assert machine.calls() == ["docker info"]
    finally:
        machine.run("down", "--name", "a")
