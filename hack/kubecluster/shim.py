"""The part of kind's command line that pytest-kind uses, answered by hack/cluster.

So pytest-kind's own fixture runs on every provider. `given` stands for a cluster that the user gave: it is
always there, and it is never created or deleted.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from kubecluster import cli, lifecycle
from kubecluster.files import say

GIVEN = "given"
USAGE = (
    "kind-shim: only `get clusters` and `create|delete cluster --name=NAME --kubeconfig=FILE` are answered"
)


def main(arguments: list[str]) -> int:
    """Answer one call; returns the exit code."""
    options = dict(argument.removeprefix("--").split("=", 1) for argument in arguments[2:] if "=" in argument)
    name, kubeconfig = options.get("name", ""), options.get("kubeconfig", "")
    match arguments[:2]:
        case ["get", "clusters"]:
            print("\n".join([GIVEN, *lifecycle.names()]))
            return 0
        case ["create", "cluster"] if name and kubeconfig:
            return cli.main(["up", "--name", name]) or _copy(lifecycle.kubeconfig_of(name), Path(kubeconfig))
        case ["delete", "cluster"] if name:
            return cli.main(["down", "--name", name])
    say(USAGE)
    return 2


def _copy(source: Path, target: Path) -> int:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    return 0
