"""The demo from beginning to end, and the end of all that it started."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from demolib import checks, history, project, summary
from demolib.in_pods import PodDemo
from demolib.operator import Operator
from demolib.shell import (
    HACK,
    LINE,
    NAME,
    Cluster,
    DemoError,
    end_cluster,
    say,
    start_cluster,
    step,
    wait_until_seen,
)  # fmt: skip
from demolib.watch import Watch

DESCRIPTION = """\
Takes a backlog of beads to finished, checked commits: starts a cluster and the operator, makes a small Python
package with failing tests, and lets two tmux Workers do the work. Without --agent a scripted agent does it:
its thinking is written down, all else is real. Exits 0 when everything came out as promised."""
LIMITS = {"scripted": 420.0, "claude-code": 3600.0, "codex": 3600.0}
STOP_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Run it; 1 when something is not as promised, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="hack/demo", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: install what is missing, answer the decision"
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running, and say what to try")
    parser.add_argument(
        "--agent", choices=list(LIMITS), default="scripted", help="the program that does the work"
    )
    parser.add_argument("--model", help="the agent's model")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--kubeconfig", help="use this cluster; the demo stays in a namespace of its own")
    where.add_argument(
        "--pods",
        action="store_true",
        help="work in pods, on a node of its own: needs root, builds images",
    )
    options = parser.parse_args(arguments)
    if options.pods and (options.agent != "scripted" or options.model):
        parser.error("--pods has the scripted agent's image alone: leave --agent and --model out")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with SIGINT ignored
        signal.signal(number, _interrupt)
    demo = PodDemo(options) if options.pods else Demo(options)
    try:
        good = demo.run()
        if options.keep:
            demo.tell_what_to_try()
        return 0 if good else 1
    except DemoError as error:
        say(f"hack/demo: {error}")
        demo.failed = True
        return 1
    except KeyboardInterrupt:
        say("hack/demo: interrupted; cleaning up")
        return 130
    finally:
        if not (options.keep and demo.finished):
            demo.end()


class Demo:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="ringmaster-demo-"))
        self._cluster: Cluster | None = None
        self._operator: Operator | None = None
        self.finished = False
        self.failed = False

    def run(self) -> bool:
        """From an empty folder to the checks; whether all hold."""
        options, folder = self._options, self._folder
        begun = time.monotonic()
        project.check_agent(options.agent)
        with step("starting a Kubernetes API server"):
            cluster = self._cluster = start_cluster(options.kubeconfig)
        with step("making a repository with failing tests, and applying the CRDs"):
            repository = project.make_repository(folder / "textkit")
            self._prepare_cluster(cluster)
        with step("starting the operator"):
            operator = self._operator = Operator(cluster=cluster, folder=folder)
            operator.wait_ready()
        with step("applying the backlog, then two Workers"):
            self._apply(cluster, repository)
        console = Console() if sys.stdout.isatty() else Console(width=LINE)
        yes = options.yes or not sys.stdin.isatty()
        watch = Watch(
            cluster=cluster, operator=operator, console=console, yes=yes, limit=LIMITS[options.agent]
        )
        beads = watch.until_done()
        attempts = history.attempts(operator.database, cluster.namespace)
        summary.show(console, beads, attempts, seen=watch.seen, answers=watch.answers)
        found = checks.check(
            beads, attempts, repository=repository, seen=watch.seen, scripted=options.agent == "scripted"
        )
        good = checks.tell(found)
        print(f"All of it took {time.monotonic() - begun:.0f} s.")
        self.finished = True
        return good

    def _prepare_cluster(self, cluster: Cluster) -> None:
        cluster.run("apply", "--server-side", "-k", str(HACK.parent / "crds"))
        names = [f"crd/{kind}.ringmaster.dev" for kind in ("beads", "workers", "backupschedules")]
        cluster.run("wait", "--for=condition=Established", "--timeout=60s", *names)

    def _apply(self, cluster: Cluster, repository: Path) -> None:
        options = self._options
        beads = project.backlog(repository)
        cluster.apply(beads)
        wait_until_seen(cluster, seconds=30)
        workers = project.workers(agent=options.agent, folder=self._folder, model=options.model)
        secret = project.secret(options.agent)
        cluster.apply([*([secret] if secret else []), *workers])

    # -- the end --------------------------------------------------------------------------------

    def tell_what_to_try(self) -> None:
        """After --keep."""
        assert self._cluster is not None
        assert self._operator is not None
        space, socket = self._cluster.namespace, project.socket_name(self._folder)
        kubectl = f"{self._cluster.kubectl} -n {space}"
        down = f"{HACK}/cluster down --name {NAME}; " if self._cluster.ours else ""
        print(f"""
All is left running. Try:
  export KUBECONFIG={self._cluster.kubeconfig}
  alias k='{kubectl}'
  k get beads,workers
  k describe bead synonyms
  k patch bead synonyms --type=merge -p '{{"spec":{{"retry":"1"}}}}'
  k scale worker ada --replicas=3
  tmux -L {socket} attach -t ada-0
  git -C {self._folder}/textkit log --oneline --graph ringmaster/release
To end it:
  k delete workers --all && k delete namespace {space}; kill {self._operator.pid}
  {down}rm -r {self._folder}""")

    def end(self) -> None:
        """Everything that was started, also after Ctrl-C."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if self._cluster is not None:
            with contextlib.suppress(DemoError):
                self._remove_objects(self._cluster)
        if self._operator is not None:
            self._operator.stop()
        socket = project.socket_name(self._folder)
        subprocess.run(["tmux", "-L", socket, "kill-server"], check=False, capture_output=True)
        sockets = Path(os.environ.get("TMUX_TMPDIR", "/tmp")) / f"tmux-{os.getuid()}"
        (sockets / socket).unlink(missing_ok=True)
        if self._cluster is not None:
            with contextlib.suppress(DemoError):
                end_cluster(self._cluster)
        if self.failed and self._operator is not None:
            say(f"logs are kept in {self._folder}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_objects(self, cluster: Cluster) -> None:
        """Workers first, while there is an operator that ends their sessions."""
        if self._operator is not None and self._operator.alive:
            with contextlib.suppress(DemoError):
                cluster.run("delete", "workers", "--all", f"--timeout={STOP_SECONDS:.0f}s")
        for worker in cluster.get("workers"):  # there is none, unless the operator has failed
            name = worker["metadata"]["name"]
            cluster.run("patch", "worker", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        cluster.run("delete", "namespace", cluster.namespace, "--timeout=60s")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
