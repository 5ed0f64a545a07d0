"""`ringmaster-operator`: starts the operator. Settings come from RINGMASTER_* variables."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

FAILED = 1
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
            name = "_".join(str(part) for part in fault["loc"]).upper()
            print(f"RINGMASTER_{name}: {fault['msg']}", file=sys.stderr)
        raise SystemExit(BAD_SETTINGS) from None
    raise SystemExit(_serve(settings))


def _serve(settings: object) -> int:
    from ringmaster_operator import logs, process
    from ringmaster_operator.history import HistoryError
    from ringmaster_operator.kube import KubeError
    from ringmaster_operator.runtimes.protocol import SessionFault
    from ringmaster_operator.server import ServerError
    from ringmaster_operator.settings import Settings

    assert isinstance(settings, Settings)  # noqa: S101 - typed lazily to keep --help fast
    logs.configure(style=settings.log_format, level=settings.log_level)
    try:
        asyncio.run(process.run(settings))
    except (HistoryError, KubeError, ServerError, SessionFault) as error:
        print(f"ringmaster-operator: {error}", file=sys.stderr)
        return FAILED
    return 0


def entry() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    entry()
