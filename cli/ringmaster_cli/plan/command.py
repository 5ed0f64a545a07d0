"""`ringmaster plan`: beads from a text, shown first, created when a person says yes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_cli.people.options import Context, Json, Namespace

if TYPE_CHECKING:
    from ringmaster_operator.resources.proposal import Proposal

Body = dict[str, Any]


def plan(
    what: Annotated[str, typer.Argument(help="What is to be done: text, a file with it, or - (stdin).")] = "",
    profile: Annotated[str, typer.Option(help="Agent profile that plans.")] = "claude-code",
    model: Annotated[str | None, typer.Option(help="Model, as the agent names it.")] = None,
    command: Annotated[str, typer.Option(help="Command line instead of the profile's program.")] = "",
    directory: Annotated[
        Path, typer.Option("-C", "--directory", help="Repository that it may read.")
    ] = Path(),
    parent: Annotated[str | None, typer.Option(help="Existing bead that the new ones belong to.")] = None,
    proposal: Annotated[
        Path | None, typer.Option("--from", help="File with a proposal; no agent is run.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Also write the proposal into this file.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that a run may take.")] = 1800.0,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Create without asking.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Let an agent propose beads, show what would change, and create them when you say yes.

    Beads that are there already are matched by name and left as they are, so the same plan again creates
    nothing twice.
    """
    from ringmaster_cli.intake.store import Beads
    from ringmaster_cli.plan.diff import compare

    beads = Beads(namespace=namespace, context=context)
    present = {body["metadata"]["name"]: body for body in beads.beads()}
    found = (
        _read(proposal)
        if proposal is not None
        else _ask(what, present, profile, model, command, directory, timeout)
    )
    if save is not None:
        save.write_text(found.model_dump_json(by_alias=True, exclude_defaults=True, indent=1) + "\n", "utf-8")
    change = compare(found, present, parent=parent)
    output.note("\n".join(change.lines))
    if change.faults:
        raise CliError("; ".join(change.faults), exit=Exit.FAULTS)
    made: list[str] = []
    if change.create and (yes or _agreed(len(change.create))):
        made = _create(beads, change.create)
    left = len(change.create) - len(made)
    text = f"{len(made)} created, {len(change.existing)} there already, {left} not created"
    output.result({"created": made, "existing": change.existing}, text, as_json=as_json)


def _ask(
    what: str,
    present: dict[str, Body],
    profile: str,
    model: str | None,
    command: str,
    directory: Path,
    timeout: float,
) -> Proposal:
    from ringmaster_cli.agents.profiles import ProfileError
    from ringmaster_cli.plan.ask import propose

    text = _text(what)
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a folder")
    try:
        return propose(
            text,
            present,
            profile=profile,
            model=model,
            command=shlex.split(command),
            folder=directory.resolve(),
            timeout=timeout,
        )
    except ProfileError as fault:
        raise UsageError(str(fault)) from None


def _text(what: str) -> str:
    try:
        if what == "-":
            text = sys.stdin.read()
        else:
            is_file = len(what) < 4096 and "\n" not in what and Path(what).is_file()
            text = Path(what).read_text(encoding="utf-8") if is_file else what
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"{what} cannot be read: {fault}") from None
    if not text.strip():
        raise UsageError("say what is to be planned: a text, a file, or - for standard input")
    return text


def _read(file: Path) -> Proposal:
    from ringmaster_operator.resources.proposal import read_proposal

    try:
        return read_proposal(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UsageError(f"{file} is no proposal: {fault}") from None


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        output.note("nothing was created: say --yes (and --save FILE, then --from FILE, to look at it first)")
        return False
    return typer.confirm(f"Create {count} beads?", err=True)


def _create(beads: Any, bodies: list[Body]) -> list[str]:
    made = []
    for body in bodies:
        beads.make({**body, "metadata": {**body["metadata"], "namespace": beads.namespace}})
        made.append(body["metadata"]["name"])
    return made
