"""`hack/bench`: runs the scenarios and prints a Markdown table, or JSON."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchlib.scenarios import SCENARIOS, Bench, Figure
from support.operators import OperatorProcess
from support.sessions import make_worker

HACK = Path(__file__).resolve().parents[1]
CLUSTER = "bench"


class Kubectl:
    """kubectl on the bench's own cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = [str(HACK.parent / ".venv/bin/kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def hack_cluster(*arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [str(HACK / "cluster"), *arguments, "--name", CLUSTER]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Scenarios: {', '.join(SCENARIOS)}.")] = None,
    beads: Annotated[int, typer.Option(help="Beads in each scenario.", min=10)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Start a cluster and an operator of the bench's own, and measure."""
    wanted = only or list(SCENARIOS)
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: known are {', '.join(SCENARIOS)}")
    hack_cluster("up")
    try:
        figures = asyncio.run(_measure(wanted, beads))
    finally:
        hack_cluster("down")
    if as_json:
        print(json.dumps([figure.__dict__ for figure in figures], indent=2))
        return
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{os.cpu_count()} cores, {machine}\n")
    print("| scenario | figure | value |\n|---|---|---|")
    for figure in figures:
        print(f"| {figure.scenario} | {figure.name} | {figure.value} |")


async def _measure(wanted: list[str], beads: int) -> list[Figure]:
    cluster = Kubectl(Path(hack_cluster("kubeconfig").strip()))
    crds = HACK.parent / "crds"
    cluster.kubectl("apply", "--server-side", "-k", str(crds))
    cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    figures: list[Figure] = []
    for name in wanted:
        namespace = f"bench-{name}"
        for each in (namespace, f"{namespace}-raw"):
            cluster.kubectl("create", "namespace", each)
        with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
            operator = OperatorProcess(cluster.kubeconfig, namespace, Path(folder))
            operator.start()
            try:
                token = make_worker(cluster, namespace)
                bench = Bench(cluster, operator, token, namespace, beads)
                figures.extend(await SCENARIOS[name](bench))
            finally:
                operator.stop()
    return figures


if __name__ == "__main__":
    typer.run(main)
