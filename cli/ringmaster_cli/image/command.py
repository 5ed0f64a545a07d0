"""`ringmaster image check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.commands.steps import Json
from ringmaster_cli.exits import CliError

app = typer.Typer(help="Images that sessions run in.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def main() -> None:
    """Images that sessions run in."""


@app.command("check")
def check(
    profile: Annotated[
        str | None, typer.Option("--profile", help="Agent profile whose program the image has.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="Program of the agent, in place of the profile's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that the image this runs in can be a worker: one line a point, exit code 1 when one fails."""
    from ringmaster_cli.image.checks import examine

    more = os.environ.get("RINGMASTER_PROFILES", "")
    found = examine(
        profile=profile, command=command, folders=[Path(part) for part in more.split(os.pathsep) if part]
    )
    broken = [item.name for item in found if not item.ok]
    lines = [f"{'ok' if item.ok else 'FAIL':4}  {item.name:12}  {item.found}" for item in found]
    points = [{"name": item.name, "ok": item.ok, "found": item.found} for item in found]
    output.result({"passed": not broken, "points": points}, "\n".join(lines), as_json=as_json)
    if broken:
        raise CliError(f"this image cannot be a worker yet: {', '.join(broken)}")
