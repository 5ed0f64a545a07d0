"""The command line of hack/cluster."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from kubecluster import golang, interrupts, lifecycle
from kubecluster.files import ClusterError, Refusal, clusters_dir, say

DEFAULT_NAME = "ringmaster"
NAME_RULE = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
LEVEL_HELP = (
    "control-plane: the API server and what belongs to it (default); node: also a node that runs pods, "
    "in a network without a way out; needs root; simulated: also nodes whose pods only seem to run"
)
DESCRIPTION = """\
A Kubernetes for tests and demos.

A cluster given by --kubeconfig or $KUBECONFIG is used as it is and never changed. Otherwise kind makes one
where a Docker engine answers, and elsewhere etcd, the API server and its controllers are built once from Go
modules and run on 127.0.0.1. Clusters of different names run side by side.

With --level node pods run too. Such a cluster has a network of its own without a way out or in: on this
machine only its API server can be called, on 127.0.0.1, and `exec` runs a program within that network."""
EPILOG = """\
examples:
  eval "$(hack/cluster up)"                  start one and point kubectl at it
  hack/cluster exec -- kubectl get ns        run one command in it
  hack/cluster kill apiserver && hack/cluster up
  hack/cluster up --level node --name pods   a second one, that runs pods
  hack/cluster load --name pods image.tar    and has the images of an archive
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/cluster", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, explanation: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=explanation, description=explanation, allow_abbrev=False)
        added.add_argument("--name", help=f"the cluster's name (default: {DEFAULT_NAME})")
        added.add_argument("--kubeconfig", help="use this file's cluster, and leave it as it is")
        return added

    up = command("up", "start the cluster, or the parts of it that are down; prints how to reach it")
    up.add_argument("--timeout", type=float, default=120, help="seconds to get ready in, builds not counted")
    prepare = command("prepare", "build or fetch the programs that `up` needs, and start nothing")
    for levelled in (up, prepare):
        levelled.add_argument("--level", choices=list(lifecycle.LEVELS), help=LEVEL_HELP)
    command("down", "end the cluster and remove its data")
    command("status", "show what runs; ends with 1 unless all is ready").add_argument(
        "--json", action="store_true"
    )
    command("kubeconfig", "print the path of its kubeconfig")
    kill = command("kill", "end one part as a crash would; `up` brings it back on the same port and data")
    parts = {part for level in lifecycle.LEVELS.values() for part in level.order}
    kill.add_argument("part", choices=sorted(parts))
    load = command("load", "make the images of archives known to the cluster's node")
    load.add_argument("archives", nargs="+", type=Path, metavar="IMAGE-ARCHIVE")
    run = command("exec", "run a command with KUBECONFIG and a fitting kubectl, in the node's network")
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...")
    commands.add_parser("list", help="name the clusters that were made and not ended", allow_abbrev=False)
    return parser


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code: 1 for a failure, 2 for what is refused."""
    options = _parser().parse_args(arguments)
    try:
        with interrupts.raised():
            return _run(options)
    except ClusterError as error:
        say(f"hack/cluster: {error}")
        return 2 if isinstance(error, Refusal) else 1
    except OSError as error:  # a full disk, a folder that is somebody else's
        say(f"hack/cluster: {error}")
        return 1
    except KeyboardInterrupt:
        say("hack/cluster: interrupted; nothing half-made is left")
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "list":
        for known in lifecycle.names():
            print(known)
        return 0
    if options.name and options.kubeconfig:
        raise Refusal("give --name for a cluster made here or --kubeconfig for one of yours, not both")
    given = "" if options.name else options.kubeconfig or os.environ.get("KUBECONFIG", "")
    name = options.name or _own_name(given) or (None if given else DEFAULT_NAME)
    if name is None:
        return _on_given(options, given)
    if name == "given" or not NAME_RULE.fullmatch(name):
        raise Refusal(
            f"{name!r} cannot be a cluster's name: lower-case letters, digits and inner dashes, 40 at most"
        )
    return _on_own(options, name)


def _own_name(kubeconfig: str) -> str | None:
    """The name of the cluster made here whose kubeconfig this is."""
    path = Path(kubeconfig).resolve()
    is_own = path.name == "kubeconfig" and path.parent.parent == clusters_dir().resolve()
    return path.parent.name if is_own else None


def _on_own(options: argparse.Namespace, name: str) -> int:
    match options.command:
        case "up":
            lifecycle.up(name, level=options.level, patience=options.timeout)
            print(f"export KUBECONFIG={lifecycle.kubeconfig_of(name)}")
        case "prepare":
            lifecycle.prepare(name, level=options.level)
        case "down":
            lifecycle.down(name)
        case "kill":
            lifecycle.kill(name, options.part)
        case "load":
            lifecycle.load(name, options.archives)
        case "status":
            return _show(lifecycle.status(name), as_json=options.json)
        case "kubeconfig":
            print(lifecycle.status(name)["kubeconfig"])
        case "exec":
            lifecycle.enter(name)
            _execute(options.program, str(lifecycle.kubeconfig_of(name)))
    return 0


def _on_given(options: argparse.Namespace, given: str) -> int:
    if options.command in ("down", "kill", "load"):
        raise Refusal(
            f"hack/cluster did not make the cluster of {given}, so it is left as it is. "
            "Name one that it made with --name"
        )
    for path in given.split(os.pathsep):
        if not Path(path).is_file():
            raise ClusterError(
                f"there is no kubeconfig {path}: correct --kubeconfig or KUBECONFIG, or unset it"
            )
    match options.command:
        case "exec":
            _execute(options.program, given)
        case "kubeconfig":
            print(given)
        case "status":
            return _show(
                {"name": "given", "provider": "given", **_probe(given), "kubeconfig": given},
                as_json=options.json,
            )
        case "up":
            if not _probe(given)["ready"]:
                raise ClusterError(f"the cluster of {given} does not answer: correct KUBECONFIG, or unset it")
            say(f"using the cluster of {given}, and leaving it as it is")
            print(f"export KUBECONFIG={given}")
    return 0


def _probe(given: str) -> dict[str, Any]:
    asked = [str(golang.kubectl()), "get", "--raw=/version", "--request-timeout=10s"]
    environment = {**os.environ, "KUBECONFIG": given}
    answer = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        return {"version": None, "ready": False}
    return {"version": json.loads(answer.stdout)["gitVersion"], "ready": True}


def _show(status: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        state = "ready" if status["ready"] else "not ready"
        print(f"{status['name']}: {state} ({status['provider']}, Kubernetes {status['version']})")
        for part, pid in status.get("parts", {}).items():
            print(f"  {part}: {f'process {pid}' if pid else 'down'}")
        for key in ("kubeconfig", "auditLog", "logs"):
            if key in status:
                print(f"  {key}: {status[key]}")
    return 0 if status["ready"] else 1


def _execute(program: list[str], kubeconfig: str) -> None:
    command = program[1:] if program[:1] == ["--"] else program
    if not command:
        raise Refusal("say what to run: hack/cluster exec -- kubectl get namespaces")
    path = f"{golang.kubectl().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "KUBECONFIG": kubeconfig, "PATH": path}
    sys.stdout.flush()
    os.environ["PATH"] = path  # where the program itself is looked for
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        raise ClusterError(f"{command[0]} cannot be run: {error.strerror}") from None
