"""Starting, ending and showing clusters by name, whichever provider runs them.

A cluster's folder is its whole state. `cluster.json` is written before anything of it runs and the kubeconfig
once all of it works, so whatever is found after an interruption says how far it came.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from kubecluster import golang, interrupts, kind, namespaces, programs
from kubecluster.built import ControlPlane
from kubecluster.files import (
    ClusterError,
    Refusal,
    clusters_dir,
    lock,
    private_dir,
    remove,
    say,
    write_private,
)
from kubecluster.node import NodeCluster, check_host
from kubecluster.simulated import SimulatedCluster

LEVELS = {"control-plane": ControlPlane, "node": NodeCluster, "simulated": SimulatedCluster}


class Cluster(Protocol):
    """What every provider's cluster can do."""

    @property
    def audit_log(self) -> Path: ...
    def start(self, *, patience: float) -> None: ...
    def running(self) -> dict[str, int | None]: ...
    def ready(self) -> bool: ...
    def kill(self, part: str) -> None: ...
    def stop(self) -> None: ...


def folder_of(name: str) -> Path:
    return clusters_dir() / name


def kubeconfig_of(name: str) -> Path:
    return folder_of(name) / "kubeconfig"


def names() -> list[str]:
    """The clusters that came up once and were not ended since."""
    found = clusters_dir().glob("*/kubeconfig")
    return sorted(path.parent.name for path in found if path.stat().st_size and _record(path.parent))


def _record(folder: Path) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((folder / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    return record


def _open(name: str, record: dict[str, Any]) -> Cluster:
    if record["provider"] == "kind":
        return kind.KindCluster(name, folder_of(name))
    return LEVELS[_level(record)](name, folder_of(name), record["ports"])


def _level(record: dict[str, Any]) -> str:
    level: str = "node" if record["provider"] == "kind" else record.get("level", "control-plane")
    return level


def _existing(name: str) -> tuple[dict[str, Any], Cluster]:
    record = _record(folder_of(name))
    if record is None:
        raise ClusterError(f"there is no cluster {name}: `hack/cluster up --name {name}` makes it")
    return record, _open(name, record)


def _locked(name: str) -> AbstractContextManager[int]:
    waiting = f"another hack/cluster works on cluster {name}: waiting for it"
    return lock(clusters_dir() / f"{name}.lock", waiting)


def up(name: str, *, level: str | None, patience: float) -> None:
    """Bring the cluster up: make it if it is new, start again the parts of it that are down."""
    provider, level = _plan(name, level)
    if (provider, level) == ("built", "node"):
        check_host()
    _get_programs(provider, level)  # before the lock: a build takes minutes
    started = time.monotonic()
    with _locked(name):
        record = _record(folder_of(name))
        if record is None:
            record = _make(name, provider, level, patience)
        else:
            _start_again(name, record, patience)
    say(f"cluster {name} is up after {time.monotonic() - started:.1f} s ({provider}, {record['version']})")


def prepare(name: str, *, level: str | None) -> None:
    """Get the programs that the cluster needs. Minutes the first time."""
    _get_programs(*_plan(name, level))


def _get_programs(provider: str, level: str) -> None:
    if provider == "built":
        golang.build(programs.LEVELS[level])
    golang.kubectl()


def _plan(name: str, level: str | None) -> tuple[str, str]:
    # Without a level it is the one that the cluster has; a new one is a control plane alone.
    record = _record(folder_of(name))
    if record and level not in (None, _level(record)) and record["provider"] == "built":
        raise Refusal(f"cluster {name} is a {_level(record)}: run `hack/cluster down --name {name}` first")
    if record:
        return record["provider"], _level(record)
    if level == SimulatedCluster.level:  # kind's node is a real one
        return "built", level
    return _choose(), level or "control-plane"


def _choose() -> str:
    if kind.available():
        return "kind"
    if not sys.platform.startswith("linux"):
        raise ClusterError(
            "on this system a cluster needs Docker and kind; or give one of your own with --kubeconfig"
        )
    return "built"


def _make(name: str, provider: str, level: str, patience: float) -> dict[str, Any]:
    folder = folder_of(name)
    remove(folder)  # what an interrupted start may have left
    private_dir(folder)
    record: dict[str, Any] = {"provider": provider, "level": level}
    try:
        record |= (kind.KindCluster if provider == "kind" else LEVELS[level]).create(name, folder)
        write_private(folder / "cluster.json", json.dumps(record))
        _open(name, record).start(patience=patience)
        interrupts.check()
    except BaseException as error:
        if _record(folder):
            _open(name, record).stop()
        # Without its record the next start begins afresh, with other ports. The logs stay for who reads them.
        remove(folder / "cluster.json")
        if not isinstance(error, ClusterError):
            remove(folder)
        raise
    return record


def _start_again(name: str, record: dict[str, Any], patience: float) -> None:
    if record["provider"] == "built" and record["version"] != programs.kubernetes_version():
        raise ClusterError(
            f"cluster {name} was made for Kubernetes {record['version']}, and this is for "
            f"{programs.kubernetes_version()}: run `hack/cluster down --name {name}` first"
        )
    _open(name, record).start(patience=patience)


def down(name: str) -> None:
    """End the cluster and remove all that is kept of it."""
    with _locked(name):
        record = _record(folder_of(name))
        if record is not None:
            _open(name, record).stop()
        say(f"cluster {name} ended" if record else f"there is no cluster {name}: nothing to end")
        remove(folder_of(name))
        remove(clusters_dir() / f"{name}.lock")


def kill(name: str, part: str) -> None:
    """End one part as a crash would."""
    with _locked(name):
        _existing(name)[1].kill(part)


def load(name: str, archives: Sequence[Path]) -> None:
    """Make the images of OCI or Docker archives known to the cluster's nodes."""
    with _locked(name):
        cluster = _existing(name)[1]
        if not isinstance(cluster, NodeCluster | kind.KindCluster):
            raise Refusal(f"cluster {name} has no node: images are of no use to it")
        for archive in archives:
            if not archive.is_file():
                raise ClusterError(f"there is no image archive {archive}")
            for image in cluster.load(archive):
                say(f"cluster {name} has {image}")


def enter(name: str) -> None:
    """Take this process into the cluster's network, where it has one of its own."""
    cluster = _existing(name)[1]
    if isinstance(cluster, NodeCluster):
        namespaces.enter_network(cluster.machine)


def status(name: str) -> dict[str, Any]:
    """What runs, and where its files are."""
    record, cluster = _existing(name)
    return {
        "name": name,
        "provider": record["provider"],
        "level": _level(record),
        "version": record["version"],
        "ready": cluster.ready(),
        "parts": cluster.running(),
        "kubeconfig": str(kubeconfig_of(name)),
        "auditLog": str(cluster.audit_log),
        "logs": str(folder_of(name)),
    }
