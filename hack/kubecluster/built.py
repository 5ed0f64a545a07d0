"""A control plane on this machine from programs that hack/cluster built: etcd, API server, controllers.

It listens on 127.0.0.1 alone. There is no node here: pods stay Pending, and whoever tests says how they end.
"""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kubecluster import keys, machine, parts, programs
from kubecluster.files import HERE, ClusterError, Refusal, last_lines, say, write_private

PROGRAMS = {
    "etcd": "etcd",
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "containerd": "containerd",
    "kubelet": "kubelet",
    "kube-proxy": "kube-proxy",
    "kube-router": "kube-router",
    "kwok": "kwok",
}
#: Below the range that the system gives to outgoing connections: while a part is down, a client that keeps
#: calling a port of that range would one day be connected to itself.
PORT_RANGE = range(20000, 32000)
#: A controller makes it: once it is there, etcd, API server and controllers work together.
FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


@dataclass(frozen=True)
class ControlPlane:
    """One cluster in its folder."""

    name: str
    folder: Path
    ports: dict[str, int]
    level: ClassVar[str] = "control-plane"
    #: The parts in the order of their start.
    order: ClassVar[tuple[str, ...]] = ("etcd", "apiserver", "controller-manager")
    #: The parts that call the API server, each as a user of its own.
    users: ClassVar[dict[str, str]] = {"controller-manager": keys.CONTROLLERS}

    @classmethod
    def create(cls, name: str, folder: Path) -> dict[str, Any]:
        """Prepare a new cluster's folder and return what is to be remembered of it."""
        keys.make(folder)
        ports = _free_ports(["etcd", "etcd-peer", "apiserver", *cls.users])
        for part, user in cls.users.items():
            config = keys.kubeconfig(folder, name=name, port=ports["apiserver"], user=user)
            write_private(folder / f"{part}.kubeconfig", config)
        return {"version": programs.kubernetes_version(), "ports": ports}

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def _url(self, port: str) -> str:
        return f"https://127.0.0.1:{self.ports[port]}"

    def flags(self, part: str) -> list[str]:
        """The command line of a part."""
        return [f"--{flag}={value}" for flag, value in self._flags()[part].items()]

    def _flags(self) -> dict[str, dict[str, object]]:
        return {
            "etcd": self._etcd(),
            "apiserver": self._apiserver(),
            "controller-manager": self._controllers(),
        }

    def _etcd(self) -> dict[str, object]:
        # Both listeners take nobody without the cluster's own certificate: etcd asks for no other proof.
        tls = {
            "cert-file": "server.crt",
            "key-file": "server.key",
            "client-cert-auth": "true",
            "trusted-ca-file": "ca.crt",
        }
        return {
            "name": "etcd",
            "data-dir": self.folder / "etcd-data",
            "listen-client-urls": self._url("etcd"),
            "advertise-client-urls": self._url("etcd"),
            "listen-peer-urls": self._url("etcd-peer"),
            "initial-advertise-peer-urls": self._url("etcd-peer"),
            "initial-cluster": f"etcd={self._url('etcd-peer')}",
            "log-level": "warn",
            **tls,
            **{f"peer-{flag}": value for flag, value in tls.items()},
        }

    def _apiserver(self) -> dict[str, object]:
        return {
            "bind-address": "127.0.0.1",
            "secure-port": self.ports["apiserver"],
            "endpoint-reconciler-type": "none",  # a loopback address cannot be an endpoint
            "tls-cert-file": "server.crt",
            "tls-private-key-file": "server.key",
            "client-ca-file": "ca.crt",
            "etcd-servers": self._url("etcd"),
            "etcd-cafile": "ca.crt",
            "etcd-certfile": "server.crt",
            "etcd-keyfile": "server.key",
            "authorization-mode": "RBAC",
            "token-auth-file": "tokens.csv",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": "service-accounts.key",
            "service-account-signing-key-file": "service-accounts.key",
            "service-cluster-ip-range": machine.SERVICES,
            "allow-privileged": "true",
            "audit-policy-file": HERE / "audit-policy.yaml",
            "audit-log-path": self.audit_log,
            "audit-log-maxsize": 2000,
        }

    def _controllers(self) -> dict[str, object]:
        return {
            "bind-address": "127.0.0.1",
            "secure-port": self.ports["controller-manager"],
            "kubeconfig": "controller-manager.kubeconfig",
            "authentication-kubeconfig": "controller-manager.kubeconfig",
            "authorization-kubeconfig": "controller-manager.kubeconfig",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": "service-accounts.key",
            "root-ca-file": "ca.crt",
            "leader-elect": "false",  # there is one, and it must be back at once after a crash
            "concurrent-namespace-syncs": 20,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        }

    def running(self) -> dict[str, int | None]:
        """Each part's process id, or None where it is down."""
        return {part: parts.pid_of(self.folder, part) for part in self.order}

    def start(self, *, patience: float) -> None:
        """Start the parts that are down and wait until the cluster works; leaves running ones alone."""
        deadline = time.monotonic() + patience
        for part in self.order:
            if parts.pid_of(self.folder, part) is None:
                self._start_part(part)
            if part == "apiserver":  # the controllers give up soon on one that is not there yet
                self._await(lambda: self.answers("/readyz"), needs=("etcd", "apiserver"), deadline=deadline)
        self._await(self._works, needs=self.order, deadline=deadline)
        # The last step: others take its presence as the sign of a cluster that is ready.
        config = keys.kubeconfig(self.folder, name=self.name, port=self.ports["apiserver"], user=keys.ADMIN)
        write_private(self.folder / "kubeconfig", config)

    def _start_part(self, part: str) -> None:
        parts.start(self.folder, part, programs.path_of(PROGRAMS[part]), self.flags(part))

    def _await(self, works: Callable[[], bool], *, needs: tuple[str, ...], deadline: float) -> None:
        grace = time.monotonic() + 1  # a part bears its name from exec on
        while not works():
            now, down = time.monotonic(), [part for part in needs if parts.pid_of(self.folder, part) is None]
            if down and now > grace:
                raise self._fault(down[0], "ended right after its start")
            if now > deadline:
                raise self._fault(needs[-1], "did not get ready in time")
            time.sleep(0.1)

    def _fault(self, part: str, what: str) -> ClusterError:
        log = self.folder / f"{part}.log"
        return ClusterError(
            f"{part} of cluster {self.name} {what}; the end of {log}:\n{last_lines(log)}\n"
            f"`hack/cluster up --name {self.name}` tries again; "
            f"after `hack/cluster down --name {self.name}` it starts afresh."
        )

    def ready(self) -> bool:
        """Whether all parts run and work together."""
        return all(self.running().values()) and self.answers("/readyz") and self._works()

    def _works(self) -> bool:
        """Whether all parts work together, once the API server is ready."""
        return self.answers(FIRST_ACCOUNT)

    def answers(self, path: str) -> bool:
        """Whether the API server answers a GET of this path with success."""
        return self.fetch(path) is not None

    def fetch(self, path: str) -> bytes | None:
        """What the API server answers to a GET of this path, or None without a success."""
        try:
            return self.send(path)
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return None

    def send(self, path: str, body: bytes | None = None) -> bytes:
        """What the API server answers to a GET, or to a POST of the body (JSON), as the administrator's.

        Raises urllib.error.HTTPError without a success, and OSError where nobody answers.
        """
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        request = urllib.request.Request(self._url("apiserver") + path, data=body)
        request.add_header("Authorization", f"Bearer {keys.token(self.folder, keys.ADMIN)}")
        request.add_header("Content-Type", "application/json")
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with direct.open(request, timeout=5) as answer:
            content: bytes = answer.read()
            return content

    def kill(self, part: str) -> None:
        """End one part as a crash would; `up` brings it back on the same port and data."""
        if part not in self.order:
            raise Refusal(f"cluster {self.name} has no {part}: it has {', '.join(self.order)}")
        if not parts.kill(self.folder, part):
            say(f"{part} of cluster {self.name} is not running")

    def stop(self) -> None:
        """End all parts at once, the last started first; their data are not needed any more."""
        for part in reversed(self.order):
            parts.kill(self.folder, part)


def _free_ports(uses: list[str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for port in random.SystemRandom().sample(PORT_RANGE, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports[uses[len(ports)]] = port
        if len(ports) == len(uses):
            return ports
    raise ClusterError("no free ports on 127.0.0.1 between 20000 and 32000: end what listens there")
