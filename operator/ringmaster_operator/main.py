"""`ringmaster-operator`: starts the operator. Settings come from RINGMASTER_* variables."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

FAILED = 1
SWITCH_SECONDS = 0.001
"""How long one thread may keep others waiting: an answer must not wait 5 ms for a write's Python."""
BAD_SETTINGS = 2

Kubeconfig = Annotated[
    str, typer.Option(help="Kubeconfig; else KUBECONFIG, ~/.kube/config or the pod's account.")
]
TmuxHost = Annotated[str, typer.Option(help="Also run the tmux sessions of Workers with this tmux.host.")]


@app.callback()
def _root() -> None:
    """Ringmaster's operator."""


@app.command()
def run(kubeconfig: Kubeconfig = "", tmux_host: TmuxHost = "") -> None:
    """Run the operator until SIGTERM or Ctrl-C."""
    from pydantic import ValidationError

    from ringmaster_operator.settings import Settings

    if kubeconfig:
        os.environ["KUBECONFIG"] = kubeconfig
    if tmux_host:
        os.environ["RINGMASTER_TMUX_HOST"] = tmux_host
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            name = "_".join(("RINGMASTER", *map(str, fault["loc"]))).upper()
            message = fault["msg"].removeprefix("Value error, ")
            print(f"{name}: {message}" if fault["loc"] else message, file=sys.stderr)
        raise SystemExit(BAD_SETTINGS) from None
    raise SystemExit(_serve(settings))


def _serve(settings: object) -> int:
    import uvloop

    from ringmaster_operator import logs, starting
    from ringmaster_operator.history import HistoryError
    from ringmaster_operator.kube import KubeError
    from ringmaster_operator.runtimes.protocol import SessionFault
    from ringmaster_operator.server import ServerError
    from ringmaster_operator.settings import Settings

    assert isinstance(settings, Settings)  # noqa: S101 - typed lazily to keep --help fast
    sys.setswitchinterval(SWITCH_SECONDS)
    logs.configure(style=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(starting.run(settings))
    except (HistoryError, KubeError, ServerError, SessionFault) as error:
        print(f"ringmaster-operator: {error}", file=sys.stderr)
        return FAILED
    return 0


@app.command("apply")
def apply_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with .yaml files.")], kubeconfig: Kubeconfig = ""
) -> None:
    """Apply the Beads, Workers and BackupSchedules of a folder, and wait until their kinds are there."""
    from ringmaster_operator import applying
    from ringmaster_operator.kube import Kube, KubeError

    async def work() -> list[str]:
        kube = await Kube.connect(kubeconfig or None)
        try:
            return await applying.apply(kube, applying.read(folder))
        finally:
            await kube.close()

    try:
        print("\n".join(asyncio.run(work())))
    except (applying.ApplyError, KubeError) as error:
        print(f"ringmaster-operator: {error}", file=sys.stderr)
        raise SystemExit(FAILED) from None


def entry() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    entry()
