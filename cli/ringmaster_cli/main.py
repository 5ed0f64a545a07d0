"""The `ringmaster` program: the steps of a worker's loop, the loop itself, and a few commands for people.

Everything heavy is imported inside the functions that need it, because a script starts this program for every
step it takes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ringmaster_cli.commands import steps
from ringmaster_cli.exits import MEANINGS, CliError, Exit

EPILOG = "Exit codes: " + ", ".join(f"{code.value} {code.name.lower()}" for code in Exit)


class Program(TyperGroup):
    """The steps are there at once; other commands, and after them those of the operator's side, which come by
    entry point, only when one is asked for: each takes longer than most steps."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name."""
        for load in (_others, _entry_points):
            if cmd_name not in self.commands:
                self._add(load())
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        self._add(_others())
        self._add(_entry_points())
        return super().list_commands(ctx)

    def _add(self, apps: Iterable[typer.Typer]) -> None:
        from ringmaster_cli.people import kubectl

        for each in apps:
            more: Any = kubectl.dress(typer.main.get_command(each))
            for name, command in more.commands.items():
                self.commands.setdefault(name, command)


def _others() -> Iterator[typer.Typer]:
    from ringmaster_cli.catalogue import catalogue

    yield catalogue()


def _entry_points() -> Iterator[typer.Typer]:
    from importlib.metadata import entry_points

    for point in entry_points(group="ringmaster.commands"):
        yield point.load()


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


def complete() -> None:
    """Entry point of kubectl_complete-ringmaster: what kubectl asks a plugin as a person presses Tab."""
    from ringmaster_cli.people import kubectl

    print("\n".join([*kubectl.completions(typer.main.get_command(app), sys.argv[1:]), ":4"]))


def run() -> None:
    """Entry point: every failure is one line on stderr and an exit code, never a traceback."""
    try:
        typer.main.get_command(app)()
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
