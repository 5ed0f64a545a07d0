"""worker list, spawn, kill, attach, logs."""

from __future__ import annotations

import os
import re
import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.exits import CliError, Exit, Refused, UsageError
from ringmaster_cli.people.options import Context, Json, Namespace

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster

Body = dict[str, Any]
Name = Annotated[str, typer.Argument(help="Name of the Worker.")]
Session = Annotated[str | None, typer.Argument(help="Name of the session; needed when there are several.")]
WORKER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?")
HEAD = ("NAME", "RUNTIME", "PROFILE", "SESSIONS", "READY", "BUSY", "TODAY")
WIDE = ("MODEL", "WHERE", "SUSPENDED")


class Runtime(StrEnum):
    TMUX = "Tmux"
    POD = "Pod"


def register(app: typer.Typer) -> None:
    """Add the commands to `ringmaster worker`."""
    app.command("list")(list_workers)
    app.command("spawn")(spawn)
    app.command("kill")(kill)
    app.command("attach")(attach)
    app.command("logs")(logs)


def list_workers(
    namespace: Namespace = None,
    context: Context = None,
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")] = False,
    as_json: Json = False,
) -> None:
    """Workers, and the sessions that work on something."""
    cluster = _cluster(namespace, context)
    found = cluster.workers(everywhere=everywhere)
    if as_json:
        output.result({"items": found}, "", as_json=True)
        return
    if not found:
        output.note(f"no Workers in {'any namespace' if everywhere else 'namespace ' + cluster.namespace}")
        return
    rows: list[tuple[str, ...]] = [HEAD, *(_row(item, everywhere=everywhere) for item in found)]
    if output.is_wide():
        rows = [row + more for row, more in zip(rows, [WIDE, *map(_wide, found)], strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, item in zip(rows, [None, *found], strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print("\n".join([line, *(_sessions(item) if item else [])]))


def _row(item: Body, *, everywhere: bool) -> tuple[str, ...]:
    meta, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    name = f"{meta['namespace']}/{meta['name']}" if everywhere else meta["name"]
    spent = status.get("costToday", {})
    return (
        name,
        str(spec.get("runtime", "")),
        str(spec.get("agent", {}).get("profile", "generic")),
        str(status.get("replicas", 0)),
        str(status.get("readyReplicas", 0)),
        str(status.get("busyReplicas", 0)),
        output.money(float(spent.get("usd", 0.0))),
    )


def _wide(item: Body) -> tuple[str, ...]:
    spec = item.get("spec", {})
    where = spec.get("pod", {}).get("image") or spec.get("tmux", {}).get("host", "local")
    return (str(spec.get("agent", {}).get("model", "")), str(where), str(spec.get("suspend", False)).lower())


def _sessions(item: Body) -> list[str]:
    lines = []
    for session in item.get("status", {}).get("sessions", []):
        work = session.get("bead") or session.get("message") or ""
        lines.append(plain(f"  {session['name']}: {session['state']} {work}".rstrip()))
    return lines


def spawn(
    name: Name,
    agent: Annotated[str, typer.Option("--agent", help="Agent profile.")] = "generic",
    replicas: Annotated[int, typer.Option(min=0, max=200, help="Sessions to keep.")] = 1,
    model: Annotated[str | None, typer.Option(help="Model, as the agent names it.")] = None,
    repository: Annotated[str | None, typer.Option(help="Git address for beads that name none.")] = None,
    runtime: Annotated[Runtime, typer.Option(help="Where sessions run.")] = Runtime.TMUX,
    image: Annotated[str | None, typer.Option(help="Image of the agent, for --runtime Pod.")] = None,
    host: Annotated[str | None, typer.Option(help="tmux host, for --runtime Tmux.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Make a Worker."""
    if not WORKER_NAME.fullmatch(name):
        raise UsageError(f"{name!r}: a Worker's name has at most 52 of a-z, 0-9 and -, and starts with no -")
    if (runtime is Runtime.POD) != (image is not None):
        raise UsageError("--image is needed by, and only for, --runtime Pod")
    if host is not None and runtime is not Runtime.TMUX:
        raise UsageError("--host is only for --runtime Tmux")
    spec: Body = {"runtime": runtime.value, "replicas": replicas, "agent": {"profile": agent}}
    if model:
        spec["agent"]["model"] = model
    if repository:
        spec["repository"] = {"url": repository}
    if image:
        spec["pod"] = {"image": image}
    if host:
        spec["tmux"] = {"host": host}
    cluster = _cluster(namespace, context)
    made = cluster.create(
        {
            "apiVersion": "ringmaster.dev/v1alpha1",
            "kind": "Worker",
            "metadata": {"name": name, "namespace": cluster.namespace},
            "spec": spec,
        }
    )
    output.result(made, f"Worker {name} made: ringmaster worker attach {name}", as_json=as_json)


def kill(
    name: Name,
    now: Annotated[bool, typer.Option("--now", help="Do not wait until running beads are finished.")] = False,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Delete a Worker: its sessions finish their beads first, or with --now give them back at once."""
    cluster = _cluster(namespace, context)
    if now:
        cluster.patch(name, {"stopMode": "Now"})
    cluster.delete(name)
    ends = "its sessions end now" if now else "its sessions end when their beads are finished"
    output.note(f"Worker {name} is deleted; {ends}")


def attach(
    name: Name,
    session: Session = None,
    show: Annotated[bool, typer.Option("--print", help="Only print the command.")] = False,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Look at a session as it works (leave tmux with Ctrl-b d, a pod's output with Ctrl-c)."""
    command = _attach(_session(_cluster(namespace, context).worker(name), name, session))
    if show:
        print(shlex.join(command))
        return
    if not sys.stdin.isatty():
        raise UsageError("attach needs a terminal; --print shows the command")
    env = {name: value for name, value in os.environ.items() if name != "TMUX"}  # within tmux too
    try:
        os.execvpe(command[0], command, env)  # noqa: S606 - replaces this process, no shell
    except OSError as fault:
        raise CliError(f"{command[0]} cannot be started: {fault.strerror}") from fault


def logs(
    name: Name,
    session: Session = None,
    lines: Annotated[int, typer.Option("--lines", min=1, max=50_000, help="Lines at most.")] = 100,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """What a session has written: a pod anywhere, a tmux session of this host."""
    from ringmaster_cli.people.logs import of_pod, of_tmux

    cluster = _cluster(namespace, context)
    worker = cluster.worker(name)
    found = _session(worker, name, session)
    try:
        if worker.get("spec", {}).get("runtime") == Runtime.POD:
            of_pod(cluster, found["name"], lines=lines, follow=follow)
        else:
            of_tmux(_attach(found), lines=lines, follow=follow)
    except KeyboardInterrupt:
        return


def _session(worker: Body, name: str, session: str | None) -> Body:
    """The session of that name, or the only one there is."""
    found: list[Body] = worker.get("status", {}).get("sessions", [])
    names = [item["name"] for item in found]
    if not found:
        raise CliError(f"Worker {name} has no sessions now", exit=Exit.NOTHING)
    if session is None:
        if len(found) > 1:
            raise UsageError(f"Worker {name} has several sessions, name one: {', '.join(names)}")
        session = names[0]
    for item in found:
        if item["name"] == session:
            return item
    raise UsageError(f"Worker {name} has no session {session}; it has {', '.join(names)}")


def _attach(session: Body) -> list[str]:
    if session.get("attach"):
        return shlex.split(session["attach"])
    why = session.get("message") or session["state"]
    raise Refused(f"session {session['name']} cannot be attached to: {why}")


def _cluster(namespace: str | None, context: str | None) -> Cluster:
    from ringmaster_cli.people.cluster import Cluster

    return Cluster(namespace=namespace, context=context)
