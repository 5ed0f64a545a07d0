"""The demo on a node of its own: the dev overlay by kubectl alone, and the backlog worked in pods."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from demolib import checks, history, pods, project, summary
from demolib.shell import HACK, LINE, Cluster, DemoError, run, say, step, wait_until_seen
from demolib.watch import Watch

NAME = "ringmaster-demo-pods"
"""Of the cluster, which has the demo alone."""
NAMESPACE, SYSTEM = "ringmaster-demo", "ringmaster-system"
"""Of the overlay's project, and of the operator."""
LIMIT = 600.0


class PodOperator:
    """The operator's Deployment."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def check(self) -> None:
        """A Deployment that fails is started again by the cluster."""

    @property
    def database(self) -> Path:
        """The history, in its volume: a folder of this machine. Raises DemoError."""
        said = self._cluster.run_anywhere("get", "pv", "-o", "json")
        volumes: list[dict[str, Any]] = json.loads(said)["items"]
        for volume in volumes:
            if volume["spec"].get("claimRef", {}).get("namespace") == SYSTEM:
                return Path(volume["spec"]["hostPath"]["path"]) / "ringmaster.db"
        raise DemoError(f"no volume is bound in namespace {SYSTEM}")


class PodDemo:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="ringmaster-demo-"))
        self.finished = False
        self.failed = False

    def run(self) -> bool:
        """From nothing to the checks; whether all hold."""
        begun = time.monotonic()
        with step("starting a Kubernetes cluster with a node"):
            cluster = self._start_cluster()
        with step("building the images, and loading them onto the node"):
            archives = run(HACK / "image", "build").split()
            run(HACK / "cluster", "load", "--name", NAME, *archives)
        with step("installing: kubectl apply -k kustomize/overlays/dev"):
            self._install(cluster)
        with step("starting a git server in the cluster; applying the backlog, then two Workers"):
            repository = project.make_repository(self._folder / "textkit")
            self._apply(cluster, repository)
        console = Console() if sys.stdout.isatty() else Console(width=LINE)
        yes = self._options.yes or not sys.stdin.isatty()
        operator = PodOperator(cluster)
        watch = Watch(cluster=cluster, operator=operator, console=console, yes=yes, limit=LIMIT)
        beads = watch.until_done()
        attempts = history.attempts(operator.database, cluster.namespace)
        summary.show(console, beads, attempts, seen=watch.seen, answers=watch.answers)
        self._fetch(cluster, repository)
        found = checks.check(beads, attempts, repository=repository, seen=watch.seen, scripted=True)
        good = checks.tell(found)
        print(f"All of it took {time.monotonic() - begun:.0f} s.")
        self.finished = True
        return good

    def _start_cluster(self) -> Cluster:
        tool, given = str(HACK / "cluster"), ["--name", NAME]
        env = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        up = [tool, "up", *given, "--level", "node"]
        if subprocess.run(up, stdout=subprocess.DEVNULL, env=env, check=False).returncode:
            raise DemoError("the cluster did not start; the reason stands above")
        kubectl = run(tool, "exec", *given, "--", "sh", "-c", "command -v kubectl", env=env).strip()
        path = Path(run(tool, "kubeconfig", *given, env=env).strip())
        return Cluster(kubeconfig=path, namespace=NAMESPACE, kubectl=kubectl, ours=True)

    def _install(self, cluster: Cluster) -> None:
        cluster.run_anywhere("apply", "-k", str(HACK.parent / "kustomize" / "overlays" / "dev"))
        ready = ("--for=condition=Available", "--timeout=180s", "deployment/ringmaster-operator")
        try:
            cluster.run_anywhere("wait", *ready, f"--namespace={SYSTEM}")
        except DemoError:
            state = cluster.run_anywhere("get", "pods,pvc,events", f"--namespace={SYSTEM}")
            with contextlib.suppress(DemoError):
                logs = ("logs", "deployment/ringmaster-operator", "--tail=20", f"--namespace={SYSTEM}")
                state += cluster.run_anywhere(*logs)
            say(state)
            raise

    def _apply(self, cluster: Cluster, repository: Path) -> None:
        cluster.apply(pods.git_server(repository))
        cluster.run("wait", "--for=condition=Ready", "pod/demo-git", "--timeout=120s")
        cluster.apply(pods.backlog(NAMESPACE))
        wait_until_seen(cluster, seconds=60)
        cluster.apply(pods.workers(self._folder))

    def _fetch(self, cluster: Cluster, repository: Path) -> None:
        """What the pods have pushed, into this machine's repository."""
        script = "git -C /srv/git/textkit.git bundle create --quiet - --all | base64"
        said = cluster.run("exec", "demo-git", "--", "sh", "-c", script)
        bundle = self._folder / "worked.bundle"
        bundle.write_bytes(base64.b64decode(said))
        refs = "refs/heads/ringmaster/*:refs/heads/ringmaster/*"
        run("git", "fetch", "--quiet", bundle, refs, cwd=repository)

    def tell_what_to_try(self) -> None:
        """After --keep."""
        print(f"""
All is left running. Try:
  export KUBECONFIG=$({HACK}/cluster kubeconfig --name {NAME})
  kubectl get beads,workers,pods -n {NAMESPACE}
  kubectl logs -n {SYSTEM} deployment/ringmaster-operator
  kubectl patch bead synonyms -n {NAMESPACE} --type=merge -p '{{"spec":{{"retry":"1"}}}}'
  git -C {self._folder}/textkit log --oneline --graph ringmaster/release
To end it:
  {HACK}/cluster down --name {NAME}; rm -r {self._folder}""")

    def end(self) -> None:
        """Everything that was started, also after Ctrl-C."""
        with contextlib.suppress(DemoError):
            run(HACK / "cluster", "down", "--name", NAME)
        shutil.rmtree(self._folder, ignore_errors=True)
