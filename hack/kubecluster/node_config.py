"""What containerd, kubelet and the pods' network of a node are told."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kubecluster import images
from kubecluster.files import ClusterError

PODS, DNS_ADDRESS = "10.244.0.0/16", "10.96.0.10"
CONTAINERD = "/run/containerd/containerd.sock"
PLUGIN_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")
MISSING = "`hack/setup --for test` installs it"


def plugins() -> str:
    for folder in PLUGIN_FOLDERS:
        if Path(folder, "ptp").exists():
            return folder
    raise ClusterError(f"a node needs the CNI plugins in {' or '.join(PLUGIN_FOLDERS)}: {MISSING}")


def group(folder: Path) -> str:
    return f"ringmaster-{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def containerd_config(folder: Path) -> str:
    runtime = 'plugins."io.containerd.cri.v1.runtime"'
    return f"""\
version = 3
[grpc]
address = "{CONTAINERD}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{images.BUSYBOX}"
[{runtime}]
# In a container or sandbox of our own the score cannot be lowered.
restrict_oom_score_adj = true
[{runtime}.cni]
bin_dirs = ["{plugins()}"]
conf_dir = "{folder}/cni"
[{runtime}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{runtime}.containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def network_config() -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}


def kubelet_config(folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group(folder)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        # It is a developer's disk, and no registry could give an image again: only a full one is a reason.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(folder / "resolv.conf"),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(folder / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},  # for whom the cluster's authority vouches
        "nodeLeaseDurationSeconds": 20,  # half of the default, as the time after which a node counts as lost
        "shutdownGracePeriod": "0s",
    }
