"""Which programs a cluster is built from, and the module that pins each.

The parts of Kubernetes share one module; what else a node needs wants other versions of the same libraries,
so each of these has a module of its own. A built program lies in the cache under the version that is pinned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kubecluster.files import HERE, ClusterError, cache_dir, private_dir


@dataclass(frozen=True)
class Program:
    """One program to be built from Go modules."""

    name: str
    package: str
    #: The module in the folder beside this file, "" for the one right here.
    module: str = ""
    #: What in that module's go.mod gives the program its version.
    versioned_by: str = "k8s.io/kubernetes"
    tags: str = ""

    @property
    def home(self) -> Path:
        """The folder of the module that pins it."""
        return HERE / self.module

    @property
    def version(self) -> str:
        return pinned(self.home, rf"^(?:require)?\s*{re.escape(self.versioned_by)} (v\S+)")

    @property
    def path(self) -> Path:
        """Where the built program is."""
        folder = f"{self.module}-{self.version}" if self.module else self.version
        return private_dir(cache_dir() / folder) / self.name


def pinned(module: Path, pattern: str) -> str:
    """What the pattern's group matches in a module's go.mod."""
    found = re.search(pattern, (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{module}/go.mod has no line like {pattern}: restore it from git")
    return found.group(1)


def _kubernetes(name: str) -> Program:
    return Program(name, f"k8s.io/kubernetes/cmd/{name}")


def _containerd(name: str) -> Program:
    module = "github.com/containerd/containerd/v2"
    tags = "no_btrfs,no_devmapper,no_zfs"
    return Program(name, f"{module}/cmd/{name}", "containerd", versioned_by=module, tags=tags)


CONTROL_PLANE = (
    Program("etcd", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
)
NODE = (
    *CONTROL_PLANE,
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2"),
    _containerd("ctr"),
    Program(
        "kube-router",
        "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        "policies",
        versioned_by="github.com/cloudnativelabs/kube-router/v2",
    ),
    Program("coredns", ".", "dns", versioned_by="github.com/coredns/coredns"),
)
SIMULATED = (
    *CONTROL_PLANE,
    _kubernetes("kube-scheduler"),
    Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok", versioned_by="sigs.k8s.io/kwok"),
)
LEVELS = {"control-plane": CONTROL_PLANE, "node": NODE, "simulated": SIMULATED}


def kubernetes_version() -> str:
    """The version of Kubernetes that is pinned, as `v1.37.2`."""
    return CONTROL_PLANE[1].version


def path_of(name: str) -> Path:
    """Where the built program of this name is."""
    return next(program.path for program in (*NODE, *SIMULATED) if program.name == name)
