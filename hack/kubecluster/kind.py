"""A cluster in a container engine through kind, where a machine has both."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubecluster.files import HERE, ClusterError, private_dir, remove, say

#: The processes in the node's container, by the names that hack/cluster gives the parts.
PROCESSES = {"etcd": "etcd", "apiserver": "kube-apiserver", "controller-manager": "kube-controller-manager"}


def available() -> bool:
    """Whether kind is there and an engine answers: a docker client alone is not enough."""
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


@dataclass(frozen=True)
class KindCluster:
    """One cluster that kind made; its name there has a prefix, so no other one is ever touched."""

    name: str
    folder: Path

    @classmethod
    def create(cls, name: str, folder: Path) -> dict[str, Any]:
        """Prepare a new cluster's folder and return what is to be remembered of it."""
        private_dir(folder / "audit")
        (folder / "kind.json").write_text(json.dumps(_configuration(folder)))
        return {"version": "as kind chose"}

    @property
    def kind_name(self) -> str:
        return f"ringmaster-{self.name}"

    @property
    def node(self) -> str:
        return f"{self.kind_name}-control-plane"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit" / "audit.log"

    def start(self, *, patience: float) -> None:
        """Create the cluster unless it is there, and wait until it works."""
        kubeconfig = self.folder / "kubeconfig"
        if not kubeconfig.exists() or not kubeconfig.stat().st_size:
            self.stop()  # what an interrupted start may have left
            draft = self.folder / ".kubeconfig"
            create = [
                "create",
                "cluster",
                "--name",
                self.kind_name,
                "--config",
                str(self.folder / "kind.json"),
            ]
            _kind(*create, "--kubeconfig", str(draft), "--wait", f"{patience:.0f}s")
            draft.rename(kubeconfig)
        else:
            _run(["docker", "start", self.node])
            wait = ["wait", "--for=condition=Ready", "node", "--all", f"--timeout={patience:.0f}s"]
            _run(["docker", "exec", self.node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *wait])

    def running(self) -> dict[str, int | None]:
        """Each part's process id in the node's container, or None where it is down."""
        return {part: self._pid(process) for part, process in PROCESSES.items()}

    def _pid(self, process: str) -> int | None:
        asked = [
            "docker",
            "exec",
            self.node,
            "pgrep",
            "-o",
            "-x",
            process[:15],
        ]  # the kernel cuts names at 15
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        return int(found) if found else None

    def ready(self) -> bool:
        """Whether the API server answers."""
        asked = ["docker", "exec", self.node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get"]
        return subprocess.run([*asked, "--raw=/readyz"], capture_output=True, check=False).returncode == 0

    def kill(self, part: str) -> None:
        """End one part as a crash would; the node's kubelet brings it back."""
        _run(["docker", "exec", self.node, "pkill", "-KILL", "-x", PROCESSES[part][:15]])

    def load(self, archive: Path) -> list[str]:
        """Make an archive's images known to the node; kind tells no names."""
        _kind("load", "image-archive", str(archive), "--name", self.kind_name)
        return [f"the images of {archive}"]

    def stop(self) -> None:
        """Delete the cluster in kind, if it is there."""
        _kind("delete", "cluster", "--name", self.kind_name, "--kubeconfig", str(self.folder / ".kubeconfig"))
        remove(self.folder / ".kubeconfig")


def _configuration(folder: Path) -> dict[str, object]:
    arguments = {
        "audit-policy-file": "/ringmaster/policy.yaml",
        "audit-log-path": "/ringmaster/audit/audit.log",
    }
    volumes = [
        {"name": name, "hostPath": path, "mountPath": path, "readOnly": read_only, "pathType": kind}
        for name, path, read_only, kind in (
            ("audit-policy", "/ringmaster/policy.yaml", True, "File"),
            ("audit-log", "/ringmaster/audit", False, "Directory"),
        )
    ]
    # Without a version, kind turns the patch into the form that the node image's kubeadm wants.
    patch = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": arguments, "extraVolumes": volumes}}
    mounts = [
        {
            "hostPath": str(HERE / "audit-policy.yaml"),
            "containerPath": "/ringmaster/policy.yaml",
            "readOnly": True,
        },
        {"hostPath": str(folder / "audit"), "containerPath": "/ringmaster/audit"},
    ]
    node = {"role": "control-plane", "extraMounts": mounts, "kubeadmConfigPatches": [json.dumps(patch)]}
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node]}


def _kind(*arguments: str) -> None:
    _run(["kind", *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(done.stdout + done.stderr)
        raise ClusterError(f"`{' '.join(command)}` failed; what it said stands above")
