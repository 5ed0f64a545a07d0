"""A whole cluster on this machine: the control plane, and one node that runs pods.

All of it lives in a machine of its own (see machine.py), so the cluster can reach nothing outside, and two
of them run side by side. On this machine its API server answers on 127.0.0.1, as the control plane's does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from kubecluster import golang, images, keys, machine, namespaces, node_config, parts, programs, volumes
from kubecluster.built import PROGRAMS, ControlPlane
from kubecluster.cgroups import make_groups, remove_groups
from kubecluster.files import HERE, ClusterError, Refusal, remove, write_private

STARTED = "kubelet.started"
"""A file with the time of kubelet's last start."""
NODE_URL = f"/api/v1/nodes/{keys.NODE_NAME}"
DNS_URL = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"


@dataclass(frozen=True)
class NodeCluster(ControlPlane):
    """One cluster with a node in its folder."""

    level: ClassVar[str] = "node"
    order: ClassVar[tuple[str, ...]] = (
        "machine",
        *ControlPlane.order,
        "scheduler",
        "containerd",
        "kubelet",
        "kube-proxy",
        "kube-router",
    )
    users: ClassVar[dict[str, str]] = {
        "controller-manager": keys.CONTROLLERS,
        "scheduler": keys.SCHEDULER,
        "kubelet": keys.NODE,
        "kube-proxy": keys.PROXY,
        "kube-router": keys.ROUTER,
    }

    @classmethod
    def create(cls, name: str, folder: Path) -> dict[str, Any]:
        """Prepare a new cluster's folder and return what is to be remembered of it."""
        made = super().create(name, folder)
        write_private(folder / "containerd.toml", node_config.containerd_config(folder))
        write_private(folder / "kubelet.json", json.dumps(node_config.kubelet_config(folder), indent=2))
        write_private(folder / "resolv.conf", "# no server but the cluster's own\n")
        (folder / "cni").mkdir()
        write_private(folder / "cni" / "10-pods.conflist", json.dumps(node_config.network_config(), indent=2))
        (folder / "machine").symlink_to(Path(sys.executable).resolve())
        volumes.make(folder)
        return made

    @property
    def group(self) -> str:
        """The name of the control group that all pods are in."""
        return node_config.group(self.folder)

    def _flags(self) -> dict[str, dict[str, object]]:
        return {
            **super()._flags(),
            "scheduler": {
                "kubeconfig": "scheduler.kubeconfig",
                "bind-address": "127.0.0.1",
                "leader-elect": "false",
            },
            "containerd": {"config": "containerd.toml"},
            "kubelet": {
                "config": "kubelet.json",
                "kubeconfig": "kubelet.kubeconfig",
                "hostname-override": keys.NODE_NAME,
                "node-ip": machine.NODE_ADDRESS,
            },
            "kube-proxy": {
                "kubeconfig": "kube-proxy.kubeconfig",
                "hostname-override": keys.NODE_NAME,
                "cluster-cidr": node_config.PODS,
                "proxy-mode": "iptables",
                "conntrack-max-per-core": 0,  # the whole kernel's, not this network's
                "conntrack-tcp-timeout-established": "0s",
                "conntrack-tcp-timeout-close-wait": "0s",
            },
            "kube-router": {  # its network policies alone
                "kubeconfig": "kube-router.kubeconfig",
                "hostname-override": keys.NODE_NAME,
                "service-cluster-ip-range": machine.SERVICES,
                "run-firewall": "true",
                "run-router": "false",
                "run-service-proxy": "false",
                "enable-cni": "false",
                "health-port": 0,
            },
        }

    def _apiserver(self) -> dict[str, object]:
        flags = super()._apiserver()
        del flags["endpoint-reconciler-type"]
        return flags | {
            "bind-address": "0.0.0.0",  # in the machine's own network
            "advertise-address": machine.NODE_ADDRESS,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "kubelet-client-certificate": "server.crt",
            "kubelet-client-key": "server.key",
            "kubelet-preferred-address-types": "InternalIP",
        }

    def _controllers(self) -> dict[str, object]:
        return super()._controllers() | {"node-monitor-grace-period": "25s"}

    def start(self, *, patience: float) -> None:
        """Start the parts that are down and wait until pods run and find each other by name."""
        before = self.running()
        if before["machine"] is None:
            self._end_pods()
        super().start(patience=patience)

    def _start_part(self, part: str) -> None:
        if part == "machine":
            self._start_machine()
            return
        if part == "kube-router":  # ends where there is no such node yet
            deadline = time.monotonic() + 30
            self._await(lambda: self.answers(NODE_URL), needs=("kubelet",), deadline=deadline)
        inside = namespaces.entering(self.machine, self.folder)
        parts.start(self.folder, part, programs.path_of(PROGRAMS[part]), self.flags(part), inside=inside)
        if part == "containerd":
            self._load_own_images()
        if part == "kubelet":
            (self.folder / STARTED).touch()
            self._apply((HERE / "addons.yaml").read_text(encoding="utf-8"))
            self._apply(volumes.manifest(self.folder))

    def _start_machine(self) -> None:
        make_groups(self.group)
        remove(self.folder / "machine.ready")
        program = self.folder / "machine"
        found = f"import sys; sys.path.insert(0, {str(HERE.parent)!r})"
        code = f"{found}; from kubecluster import machine; machine.main()"
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(("127.0.0.1", self.ports["apiserver"]))
            door.listen(128)
            arguments = ["-IBc", code, str(self.folder), str(door.fileno()), str(self.ports["apiserver"])]
            parts.start(
                self.folder, "machine", program, arguments,
                inside=namespaces.leave_for_new, pass_fds=[door.fileno()],
            )  # fmt: skip
        is_ready = (self.folder / "machine.ready").exists
        self._await(is_ready, needs=("machine",), deadline=time.monotonic() + 30)

    @property
    def machine(self) -> int:
        """The process id of the machine's first process."""
        pid = parts.pid_of(self.folder, "machine")
        if pid is None:
            raise ClusterError(
                f"cluster {self.name} is down: `hack/cluster up --name {self.name}` starts it again"
            )
        return pid

    def _load_own_images(self) -> None:
        deadline = time.monotonic() + 30
        while self._ctr(["version"], check=False).returncode:
            if time.monotonic() > deadline:
                raise self._fault("containerd", "did not get ready in time")
            time.sleep(0.1)
        coredns = images.Image(images.DNS, programs.path_of("coredns"), "bin/coredns", ("/bin/coredns",))
        present = self._ctr(["images", "list", "--quiet"]).stdout.decode().split()
        for image in (images.busybox(), coredns):
            if image.name not in present:
                archive = self.folder / "image.tar"
                images.write(image, archive)
                self.load(archive)
                remove(archive)

    def load(self, archive: Path) -> list[str]:
        """Make an archive's images known to the node, and return their names."""
        with archive.open("rb") as content:
            imported = self._ctr(["images", "import", "--local", "-"], stdin=content.fileno())
        return re.findall(r"unpacking (\S+)", imported.stdout.decode()) or [str(archive)]

    def _ctr(self, arguments: Sequence[str], *, stdin: int = subprocess.DEVNULL, check: bool = True) -> Any:
        enter = ["nsenter", f"--target={self.machine}", "--mount", "--net", "--pid"]
        command = [
            str(programs.path_of("ctr")),
            f"--address={node_config.CONTAINERD}",
            "--namespace=k8s.io",
            *arguments,
        ]
        done = subprocess.run([*enter, *command], stdin=stdin, capture_output=True, check=False)
        if check and done.returncode:
            raise ClusterError(f"`ctr {' '.join(arguments)}` failed: {done.stderr.decode().strip()}")
        return done

    def _apply(self, manifest: str) -> None:
        admin = self.folder / ".admin.kubeconfig"
        port = self.ports["apiserver"]
        write_private(admin, keys.kubeconfig(self.folder, name=self.name, port=port, user=keys.ADMIN))
        apply = ["apply", "--server-side", "--force-conflicts", "--filename=-"]
        command = [str(golang.kubectl()), f"--kubeconfig={admin}", *apply]
        done = subprocess.run(command, input=manifest, capture_output=True, text=True, check=False)
        remove(admin)
        if done.returncode:
            raise ClusterError(f"`kubectl apply` of what the node comes with failed: {done.stderr.strip()}")

    def _works(self) -> bool:
        # What the API server tells of a node is old where kubelet is down, or has just come back.
        return (
            super()._works()
            and self.answers(f"{NODE_URL}/proxy/healthz")
            and _has(self.fetch(NODE_URL), "Ready", since=(self.folder / STARTED).stat().st_mtime)
            and _has(self.fetch(DNS_URL), "Available")
        )

    def stop(self) -> None:
        """End the machine, and with it all that runs in it, and remove what the kernel keeps of it."""
        for part in self.order:  # the machine first: it takes the others along
            parts.kill(self.folder, part)
        self._end_pods()

    def _end_pods(self) -> None:
        remove_groups(self.group)


def check_host() -> None:
    """Raises what keeps this machine from having a node, before anything is built for one."""
    if os.geteuid():
        raise Refusal("a node needs root, for containers and their network: run hack/cluster with sudo")
    for program in ("ip", "runc", "iptables", "ipset", "nsenter"):
        if shutil.which(program) is None:
            raise ClusterError(f"a node needs {program}: {node_config.MISSING}")
    images.busybox()
    node_config.plugins()


def _has(answer: bytes | None, condition: str, *, since: float = 0.0) -> bool:
    """Whether a condition holds, told at that time (seconds since 1970) or later."""
    conditions = json.loads(answer or b"{}").get("status", {}).get("conditions", [])
    told = [one for one in conditions if one["type"] == condition and one["status"] == "True"]
    return any(not since or _seconds(one["lastHeartbeatTime"]) >= int(since) for one in told)


def _seconds(time_of_day: str) -> float:
    return datetime.fromisoformat(time_of_day.replace("Z", "+00:00")).timestamp()
