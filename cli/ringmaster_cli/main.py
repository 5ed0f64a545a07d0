"""The `ringmaster` program: the steps of a worker's loop, the loop itself, and a few commands for people.

Everything heavy is imported inside the functions that need it, because a script starts this program for every
step it takes.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ringmaster_cli.commands import ask, steps, worker
from ringmaster_cli.exits import MEANINGS, CliError, Exit
from ringmaster_cli.image import command as image
from ringmaster_cli.install.command import doctor, install
from ringmaster_cli.intake import commands as intake
from ringmaster_cli.people import (
    account,
    audit,
    budget,
    capability,
    cost,
    decide,
    events,
    kubectl,
    records,
    status,
    steer,
    timeline,
    tokens,
    users,
    watch,
)
from ringmaster_cli.people.lessons import app as lessons
from ringmaster_cli.people.uninstall import uninstall
from ringmaster_cli.plan.command import plan
from ringmaster_cli.top import command as top

EPILOG = "Exit codes: " + ", ".join(f"{code.value} {code.name.lower()}" for code in Exit)


class Program(TyperGroup):
    """Commands of the operator's side come by entry point, and only when one is asked for: looking for entry
    points takes longer than most steps."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name."""
        if cmd_name not in self.commands:
            self._load()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        self._load()
        return super().list_commands(ctx)

    def _load(self) -> None:
        from importlib.metadata import entry_points

        for point in entry_points(group="ringmaster.commands"):
            more: Any = kubectl.dress(typer.main.get_command(point.load()))
            for name, command in more.commands.items():
                self.commands.setdefault(name, command)


app = typer.Typer(
    name="ringmaster",
    cls=Program,
    help="Work on beads as a session of a Ringmaster Worker, and look after Workers.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("ringmaster"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Work on beads as a session of a Ringmaster Worker, and look after Workers."""


@app.command("exit-codes")
def exit_codes() -> None:
    """What the exit codes mean."""
    for code, meaning in MEANINGS.items():
        print(f"{code.value}  {code.name.lower():12} {meaning}")


steps.register(app)
ask.register(app)
decide.register(app)
steer.register(app)
budget.register(app)
status.register(app)
watch.register(app)
events.register(app)
top.register(app)
intake.register(app)
account.register(app)
audit.register(app)
records.register(app)
timeline.register(app)
app.add_typer(tokens.app, name="token")
app.add_typer(users.app, name="user")
app.add_typer(worker.app, name="worker")
app.command("install")(install)
app.command("doctor")(doctor)
app.command("uninstall")(uninstall)
app.add_typer(capability.app, name="capability")
app.add_typer(cost.app, name="cost")
app.add_typer(lessons, name="lessons")
app.command("plan")(plan)
app.add_typer(image.app, name="image")


def _program() -> Any:
    return kubectl.dress(typer.main.get_command(app))


def complete() -> None:
    """Entry point of kubectl_complete-ringmaster: what kubectl asks a plugin as a person presses Tab."""
    print("\n".join([*kubectl.completions(_program(), sys.argv[1:]), ":4"]))


def run() -> None:
    """Entry point: every failure is one line on stderr and an exit code, never a traceback."""
    try:
        _program()()
    except CliError as fault:
        _fail(fault, str(fault), fault.exit)
    except KeyboardInterrupt as fault:
        _fail(fault, "interrupted", Exit.INTERNAL)
    except Exception as fault:
        _fail(fault, f"internal fault: {type(fault).__name__}: {fault}", Exit.INTERNAL)


def _fail(fault: BaseException, message: str, code: Exit) -> None:
    if os.environ.get("RINGMASTER_DEBUG"):
        import traceback

        traceback.print_exception(fault)
    from ringmaster_cli.agents.terminal import plain

    line = " ".join(plain(message).split())
    print(f"ringmaster: {line}", file=sys.stderr, flush=True)
    sys.exit(int(code))
