"""What kubectl's users expect of every command for people, in one place instead of in each of them.

A command that takes --context also gets --kubeconfig; one that prints JSON also takes -o as kubectl does; and
names of beads, Workers, sessions, namespaces and contexts complete in the shell.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, UsageError

FORMS = ("json", "yaml", "name", "wide")
Names = Callable[[Any, Any, str], list[str]]


def dress(command: Any, path: Sequence[str] = ()) -> Any:
    """Give a command, and all below it, what it lacks; returns it."""
    for name, below in getattr(command, "commands", {}).items():
        dress(below, (*path, name))
    known = {param.name for param in command.params}
    flags = {flag for param in command.params for flag in param.opts}
    if "context" in known and "--kubeconfig" not in flags:
        command.params.append(_options()["kubeconfig"])
    if {"context", "as_json"} <= known and not flags & {"-o", "--output"}:
        command.params.append(_options()["output"])
        command.callback = _as_asked(command.callback)
    for param in command.params if "context" in known else []:
        names = _names_for(param.name, path)
        if names is not None:
            param._custom_shell_complete = names
    return command


def _use(value: str | None) -> None:
    if value:
        os.environ["KUBECONFIG"] = value


def _choose(value: str | None) -> None:
    if value is not None and value not in FORMS:
        raise UsageError(f"-o {value}: one of {', '.join(FORMS)}")
    output.choose(value or "")


def _fitting_forms(incomplete: str) -> list[str]:
    return [form for form in FORMS if form.startswith(incomplete)]


def _donor(
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            "--kubeconfig",
            callback=_use,
            expose_value=False,
            is_eager=True,
            metavar="FILE",
            help="Kubeconfig; KUBECONFIG or ~/.kube/config when unset.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            callback=_choose,
            expose_value=False,
            metavar="|".join(FORMS),
            autocompletion=_fitting_forms,
            help="How to print.",
        ),
    ] = None,
) -> None:
    """Only its options are used."""


@cache
def _options() -> dict[str, Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_donor)
    return {param.name: param for param in typer.main.get_command(app).params}


def _as_asked(callback: Callable[..., Any]) -> Callable[..., Any]:
    def call(**values: Any) -> Any:
        return callback(**{**values, "as_json": values["as_json"] or output.is_data()})

    return call


def _names_for(param: str, path: Sequence[str]) -> Names | None:
    if param == "name" and path[:1] == ("worker",):
        return _workers
    return {
        "bead": _beads,
        "beads": _beads,
        "worker": _workers,
        "session": _sessions,
        "namespace": _namespaces,
        "context": _contexts,
    }.get(param)


def _fitting(find: Callable[[Any, Any], list[str]]) -> Names:
    """Names that begin so; none where the cluster can't be asked: a shell is no place for errors."""

    def names(ctx: Any, param: Any, incomplete: str) -> list[str]:
        from ringmaster_cli.people.cluster import Cluster

        try:
            cluster = Cluster(namespace=ctx.params.get("namespace"), context=ctx.params.get("context"))
            return [name for name in find(cluster, ctx) if name.startswith(incomplete)]
        except CliError:
            return []

    return names


def _name(body: dict[str, Any]) -> str:
    return str(body["metadata"]["name"])


def _of_worker(cluster: Any, ctx: Any) -> list[str]:
    worker = ctx.params.get("name") or ctx.params.get("worker")
    if not worker:
        return []
    return [str(item["name"]) for item in cluster.worker(worker).get("status", {}).get("sessions", [])]


def _all_namespaces(cluster: Any, ctx: Any) -> list[str]:
    from ringmaster_cli.people.objects import Kind, Objects

    return [_name(body) for body in Objects(cluster).find(Kind("api/v1", "namespaces"))]


_workers = _fitting(lambda cluster, ctx: [_name(body) for body in cluster.workers()])
_beads = _fitting(lambda cluster, ctx: [_name(body) for body in cluster.beads()])
_sessions = _fitting(_of_worker)
_namespaces = _fitting(_all_namespaces)


def _contexts(ctx: Any, param: Any, incomplete: str) -> list[str]:
    from ringmaster_cli.people.cluster import context_names

    return [name for name in context_names() if name.startswith(incomplete)]


def completions(command: Any, words: Sequence[str]) -> list[str]:
    """What the last word may become, a line each, as kubectl wants it of a plugin's completion."""
    from typer._completion_classes import BashComplete

    *before, incomplete = words or [""]
    shell = BashComplete(command, {}, "ringmaster", "_RINGMASTER_COMPLETE")
    found = shell.get_completions(list(before), incomplete)
    return [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found]
