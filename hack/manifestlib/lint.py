"""kubeconform and kube-score over a render: built from Go modules, like the cluster."""

from __future__ import annotations

import subprocess

from kubecluster import golang
from kubecluster.programs import Program, kubernetes_version
from manifestlib import schemas

KUBECONFORM = Program(
    "kubeconform",
    "github.com/yannh/kubeconform/cmd/kubeconform",
    "manifests",
    versioned_by="github.com/yannh/kubeconform",
)
KUBE_SCORE = Program(
    "kube-score",
    "github.com/zegl/kube-score/cmd/kube-score",
    "manifests",
    versioned_by="github.com/zegl/kube-score",
)
#: Checks that do not fit, each with its reason.
EVERYWHERE = {
    "container-image-pull-policy": "tags are pinned by digest in prod, and loaded by hand in dev",
    "deployment-has-poddisruptionbudget": "only the leader is ready: any budget would block drains",
}
ONE_OPERATOR = {
    "deployment-strategy": "SQLite has one writer, so the old operator ends first",
    "deployment-replicas": "SQLite has one writer",
}
DEV = {
    "pod-networkpolicy": "a laptop's cluster mostly does not enforce any",
    "container-resources": "no CPU limit: a laptop's cores are better used than kept",
}
RESTORE = {
    "pod-networkpolicy": "components/network-policy has one",
    "container-resources": "it is done sooner without a limit",
    "container-ephemeral-storage-request-and-limit": "its scratch is as large as the history",
}
PROJECT = {"networkpolicy-targets-pod": "the pods come with the Workers"}
IGNORED: dict[str, dict[str, str]] = {
    "dev": EVERYWHERE | ONE_OPERATOR | DEV | PROJECT,
    "prod": EVERYWHERE | ONE_OPERATOR,
    "prod-postgres": EVERYWHERE,
    "project": PROJECT,
    "restore": EVERYWHERE | RESTORE,
    "tmux-host": {},
}


def build() -> None:
    """Build both programs, once for this user."""
    golang.build([KUBECONFORM, KUBE_SCORE])


def faults(name: str, text: str) -> list[str]:
    """What kubeconform and kube-score have against a render."""
    return [*_conform(text), *_score(name, text)]


def _conform(text: str) -> list[str]:
    place = f"{schemas.folder()}/{schemas.LOCATION}"
    skipped = "CustomResourceDefinition"  # the API server itself checks these, in the cluster's tests
    command = [str(KUBECONFORM.path), "-strict", "-skip", skipped, "-schema-location", place]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return [f"kubeconform: {line}" for line in (done.stdout + done.stderr).splitlines()]


def _score(name: str, text: str) -> list[str]:
    version = ".".join(kubernetes_version().split(".")[:2])
    ignored = [word for check in IGNORED[name] for word in ("--ignore-test", check)]
    command = [str(KUBE_SCORE.path), "score", "--kubernetes-version", version, "--output-format", "ci"]
    done = subprocess.run([*command, *ignored, "-"], input=text, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [f"kube-score: {line}" for line in lines if line and not line.startswith(("[OK]", "[SKIPPED]"))]
