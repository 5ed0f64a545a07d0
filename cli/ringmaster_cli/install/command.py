"""`ringmaster install` and `ringmaster doctor`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Refused, UsageError


class Where(StrEnum):
    """Where Ringmaster is put."""

    CLUSTER = "cluster"
    HOST = "host"


Place = Annotated[
    Where | None, typer.Argument(help="cluster or host; chosen by what is there when not given.")
]
Overlay = Annotated[str, typer.Option("--overlay", help="Cluster: folder, or dev, prod, prod-postgres.")]
Context = Annotated[str | None, typer.Option("--context", help="Cluster: context of the kubeconfig.")]
TmuxHost = Annotated[str, typer.Option("--tmux-host", help="Host: also run tmux sessions, under this name.")]


def doctor(
    where: Place = None, overlay: Overlay = "prod", context: Context = None, tmux_host: TmuxHost = ""
) -> None:
    """Look whether a cluster or this host has what Ringmaster needs. Changes nothing."""
    if not _examine(where or _chosen(context), overlay, context, tmux_host):
        raise CliError("something is missing", exit=Exit.FAULTS)


def install(
    where: Place = None,
    overlay: Overlay = "prod",
    image: Annotated[
        str, typer.Option("--image", help="Cluster: image of the operator; the overlay's own when empty.")
    ] = "",
    source: Annotated[
        Path | None, typer.Option("--from", help="Host: a wheel of ringmaster, or an unpacked bundle.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Host: kubeconfig for the operator.", dir_okay=False)
    ] = None,
    context: Context = None,
    tmux_host: TmuxHost = "",
    backup: Annotated[
        bool, typer.Option("--backup/--without-backup", help="Back up before an upgrade.")
    ] = True,
    timeout: Annotated[
        float, typer.Option("--timeout", min=5, max=3600, help="Seconds that the operator may take to start.")
    ] = 180.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Install Ringmaster, or bring it up to date; what was comes back where the new one does not start."""
    place = where or _chosen(context)
    if not _examine(place, overlay, context, tmux_host):
        raise Refused("nothing was changed: mend the faults first")
    if place is Where.CLUSTER:
        _into_cluster(overlay, image, context, backup=backup, timeout=timeout, yes=yes)
    else:
        _onto_host(source, kubeconfig, tmux_host, timeout=timeout, yes=yes)


def _chosen(context: str | None) -> Where:
    """A cluster with nodes, else this host."""
    from ringmaster_cli.install.kubectl import Kubectl

    try:
        nodes = Kubectl(context).tried("get", "nodes", "--output=name", "--request-timeout=5s")
    except CliError:
        return Where.HOST
    return Where.CLUSTER if nodes.returncode == 0 and nodes.stdout.strip() else Where.HOST


def _examine(where: Where, overlay: str, context: str | None, tmux_host: str) -> bool:
    """Print what is found; whether there is no fault."""
    from ringmaster_cli.install import checks
    from ringmaster_cli.install.kubectl import Kubectl

    if where is Where.CLUSTER:
        found = checks.cluster(Kubectl(context), volume="postgres" not in overlay)
    else:
        found = checks.host(tmux=bool(tmux_host))
    for item in found:
        output.result({}, f"{item.verdict:8} {item.name}: {item.message}", as_json=False)
    return all(item.verdict != checks.BAD for item in found)


def _into_cluster(
    overlay: str, image: str, context: str | None, *, backup: bool, timeout: float, yes: bool
) -> None:
    from ringmaster_cli.install import cluster
    from ringmaster_cli.install.kubectl import Kubectl

    plan = cluster.Installation(Kubectl(context), cluster.overlay(overlay), image=image, timeout=timeout)
    act = "upgrades the operator, after a backup" if plan.before and backup else "installs the operator"
    _confirm(f"applies {overlay} to the cluster: {act}, its rights and kinds, in {cluster.SYSTEM}", yes=yes)
    cluster.install(plan, backup=backup)


def _onto_host(
    source: Path | None, kubeconfig: Path | None, tmux_host: str, *, timeout: float, yes: bool
) -> None:
    from ringmaster_cli.install import host

    if source is None:
        raise UsageError("say --from with a wheel of ringmaster or a bundle: hack/bundle makes one")
    if os.geteuid() != 0:
        raise UsageError("installing onto a host makes a user and units: run it as root")
    if kubeconfig is None and not (host.SETTINGS / "kubeconfig").exists():
        raise UsageError("say --kubeconfig with one for the operator: docs/install.md tells how to make it")
    if kubeconfig is not None and not kubeconfig.is_file():
        raise UsageError(f"there is no kubeconfig {kubeconfig}")
    _confirm(
        f"installs {source} into /opt/ringmaster, settings into {host.SETTINGS}, units into {host.UNITS},"
        f" and starts the operator as user {host.USER}",
        yes=yes,
    )
    host.Host(source=source, kubeconfig=kubeconfig, tmux_host=tmux_host, timeout=timeout).install()


def _confirm(what: str, *, yes: bool) -> None:
    if yes:
        output.note(f"this {what}")
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this {what}: say --yes where nobody can be asked")
    if input(f"This {what}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")
