"""`ringmaster worker ...`: the loop itself, the loop as a script, and Workers for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.commands.steps import Json
from ringmaster_cli.exits import UsageError
from ringmaster_cli.loop.context import Context
from ringmaster_cli.people.commands import register

app = typer.Typer(help="Be a worker, or look after Workers.", no_args_is_help=True, rich_markup_mode=None)


@app.command("run")
def run(
    once: Annotated[bool, typer.Option("--once", help="Work on one bead at most, then end.")] = False,
    as_json: Json = False,
) -> None:
    """Work on bead after bead until told to stop."""
    from ringmaster_cli.agents.process import adopt_orphans
    from ringmaster_cli.loop.worker import Loop

    adopt_orphans()
    context = Context.open(say=output.pane(as_json=as_json))
    context.stop.install()
    with context.state.alone():
        settings = context.settings
        context.say(f"session {settings.session} of Worker {settings.worker} at {settings.url}")
        raise typer.Exit(Loop(context).run(once=once))


@app.command("tidy", hidden=True)
def tidy() -> None:
    """Clear up after a session that was killed and will not come back: the tmux host calls it."""
    from ringmaster_cli.loop.tidy import clear_up

    context = Context.open()
    with context.state.alone():
        clear_up(context)


@app.command("script")
def script(
    agent: Annotated[str, typer.Option("--agent", help="Agent profile.")] = "generic",
    out: Annotated[Path | None, typer.Option("-o", "--output", help="Write it here, executable.")] = None,
) -> None:
    """The same loop as a plain shell script, to be shaped by hand."""
    from ringmaster_cli.agents.profiles import ProfileError
    from ringmaster_cli.scripts import render

    folders = [Path(part) for part in os.environ.get("RINGMASTER_PROFILES", "").split(os.pathsep) if part]
    try:
        text = render(agent, folders=folders)
    except ProfileError as fault:
        raise UsageError(str(fault)) from fault
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
        out.chmod(0o755)
    except OSError as fault:
        raise UsageError(f"{out} cannot be written: {fault.strerror}") from fault
    output.note(f"written: {out}")


register(app)
